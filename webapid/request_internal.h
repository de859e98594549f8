/*
 * What request.c, router.c and reply.c share, and no handler sees.
 */
#pragma once

#include "request.h"

#include <stdbool.h>
#include <stddef.h>

#include "framing.h"
#include "guard.h"
#include "reply_stream.h"
#include "request_id.h"
#include "router.h"
#include "token.h"

struct token_cache;

enum { REQUEST_HEADERS_MAX = 8, REQUEST_BY_SIZE = TOKEN_NAME_MAX + 8 };

/* What the requests of one worker have in common. */
struct request_env {
    struct worker *worker; /* lent */
    struct router router;
    const char *const *origins;       /* lent: cors.h */
    const struct token_cache *tokens; /* lent; NULL: there is no database (tests) */
};

struct request_text {
    struct request_text *next;
    struct buf text;
};

struct request {
    const struct request_env *env;
    struct guard *guard;           /* lent; NULL: nobody waits for the answer any more */
    const struct framing *framing; /* lent by the guard; ours once there is no guard */
    struct framing *own_framing;   /* owned; NULL while it is lent */

    char by[REQUEST_BY_SIZE];    /* request_by() */
    char id[REQUEST_ID_SIZE];    /* request_id.h */
    const struct route *route;   /* lent; NULL: none was found */
    struct buf param;            /* owned; data is NULL: none */
    struct buf query;            /* owned: uri_query_decode()'s; data is NULL: none */
    struct request_text *joined; /* owned: headers that were there twice */

    /* The answer so far. */
    char *names[REQUEST_HEADERS_MAX], *texts[REQUEST_HEADERS_MAX]; /* owned */
    size_t header_count;
    char *etag;             /* owned; NULL: of the body */
    bool no_store;          /* none at all */
    const char *media_type; /* lent; NULL: application/json */

    reply_room_fn *on_room; /* of a stream; NULL: none, or no piece has been put since the last call */
    reply_room_fn *room_fn;
    size_t streamed; /* bytes */
    bool cut;        /* a stream that ends before it is whole */

    void *kept; /* owned, by free_kept */
    void (*free_kept)(void *kept);
};

/* The guards' callbacks: on_request has the env as arg, owner is the request. */
void request_begin(void *env, struct guard *guard);
enum guard_body request_body_of(void *env, const struct framing *framing);
void request_late(void *request);
void request_gone(void *request, struct framing *framing);
void request_room(void *request);

void request_free(struct request *rq);
/* Forgets the headers and the tag that were given. */
void request_drop_answer(struct request *rq);

/* Decodes what a router has found: the part of the path that is the parameter, and the query. False: it
 * cannot be. */
bool request_set_param(struct request *rq, const char *text, size_t len);
bool request_set_query(struct request *rq);
void request_set_by(struct request *rq, const char *token_name);

/* Answers 503 in the handler's place; what the handler answers later goes nowhere. */
void reply_late(struct request *rq);

/* The client has gone in the middle of a stream: what reply_stream_end() says later has been said by this. */
void reply_stream_cut(struct request *rq);

/* Counts an answer, and writes its line into the access log. */
void reply_account(const struct request *rq, const struct guard *guard, int status, size_t bytes);

/* "GET", as it was sent. */
const char *request_method_text(const struct request *rq);
bool request_is_head(const struct request *rq);
bool request_is_get(const struct request *rq); /* or HEAD, and not OPTIONS */
/* Takes the guard away from the request, for an answer that does not come from the handler. */
struct guard *request_release(struct request *rq);

/*
 * The guard in front of libevhtp. It sits between a connection's bufferevent and evhtp, and nothing else,
 * beside server*.c which listens, speaks to evhtp.
 *
 * It collects one request, judges it (framing.h), and then gives evhtp a head of its own making: method, path
 * and whether the connection stays. Nothing else that a client sent reaches evhtp's parser; headers, query
 * and body stay in struct framing, where the handlers find them. The next request is looked at when the
 * answer to this one has been written, so pipelined requests are answered in order, and a client that does
 * not read its answers is not read from.
 *
 *     SHAKING (TLS only) --handshake done--> IDLE
 *     IDLE --first byte--> READING --whole request--> BUSY --answer--> FLUSHING --written--> IDLE | LINGERING
 *       BUSY --a stream begins--> STREAMING --its end--> FLUSHING
 *       READING --refused, or too slow--> FLUSHING;   LINGERING: nothing more is sent, until the client
 * closes, too
 *
 * Every state has a deadline, by one timer: time for the handshake (as for a request), idle time, time for a
 * request as a whole, time for the handler's answer, time to write it, time to linger. Lingering is for the
 * client's sake: a close with bytes unread would reset the connection, and the answer would be lost on the
 * way.
 *
 * From BUSY on until the answer has been written evhtp's connection is paused (never otherwise may an answer
 * come later). A client that leaves meanwhile is let go when the answer is due, as what it asked for runs on.
 */
#pragma once

#include "framing.h"
#include "http_limits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evhtp_connection;
struct evhtp_request;
struct peers;
struct guard;

/* What a request's body may be: none, which is a few KiB all the same, as clients send needless ones;
 * http_limits' body; its import, one of which a worker receives at a time. */
enum guard_body { GUARD_BODY_NONE, GUARD_BODY, GUARD_BODY_LARGE };

/* The connections of all workers. */
struct guard_counts {
    atomic_int open;
    atomic_int refused; /* they are told so, and take no place of others */
};

/* What the guards of one worker share. */
struct guards {
    int request_timeout_ms, idle_timeout_ms, answer_timeout_ms;
    const struct http_limits *limits; /* lent */
    const char *const *origins;       /* lent: cors.h */
    struct guard_counts *counts;      /* lent */
    int max_connections;
    struct peers *peers; /* lent: of all workers */

    /* Whether a request may go on, by its head, before anything of its body is taken; if not,
     * framing_refuse() says why, and *challenge may be set to what WWW-Authenticate is to be. NULL: every one
     * may. */
    bool (*admit)(void *arg, const struct guard *guard, struct framing *framing, const char **challenge);
    enum guard_body (*body_of)(void *arg, const struct framing *framing); /* NULL: GUARD_BODY for all */
    /* A request is there: from now on it is up to the owner to call guard_answer() once, at once or later. */
    void (*on_request)(void *arg, struct guard *guard);
    /* An answer that has no owner: what came could not be taken as a request. */
    void (*on_refused)(void *arg, int status);
    /* The owner takes too long; it is to answer now. */
    void (*on_late)(void *owner);
    /* The connection is gone before the answer; the framing is the owner's to free now. */
    void (*on_gone)(void *owner, struct framing *framing);
    /* A stream's pieces have been written: there is room for more. */
    void (*on_room)(void *owner);
    /* Draining, and no connection is left. */
    void (*on_drained)(void *arg);
    void *arg;

    /* Of no use outside. */
    struct guard *first;
    const struct guard *large; /* who receives, or has, a large body; NULL: nobody */
    size_t unread;             /* bytes of large answers that are being written */
    struct guard
        *feeding; /* whose request evhtp is given right now; NULL also when that guard was freed by it */
    bool draining;
};

/* One address that is listened at: what its connections have in common. */
struct guard_door {
    struct guards *guards; /* lent */
    bool asks_for_token;   /* access.h */
    bool local_only;       /* access_host_is_local() */
    bool has_tls;          /* tls.h */
};

/* For evhtp_set_post_accept_cb(), with a struct guard_door as arg, and evhtp_set_gencb(), with the struct
 * guards. */
uint16_t guard_accept(struct evhtp_connection *conn, void *door);
void guard_on_evhtp_request(struct evhtp_request *request, void *guards);

/* Connections end after their next answer. Idle ones are closed in a second if no request comes, not at once:
 * one may be on its way, and would be lost with the connection. */
void guards_drain(struct guards *guards);
/* What is in flight is answered as late, now. */
void guards_hurry(struct guards *guards);
/* Closes all. */
void guards_close(struct guards *guards);

/* Whether an answer of that size may wait for its client to read it: of large ones only so many bytes may,
 * all together. The answer is given by guard_answer() all the same, or another one. */
bool guard_has_room(const struct guard *guard, size_t body_len);

/* While BUSY. */
const struct framing *guard_framing(const struct guard *guard);
void guard_set_owner(struct guard *guard, void *owner);
void guard_header(struct guard *guard, const char *name, const char *value);
/* The answer is to come from elsewhere, and the owner keeps the framing. */
struct framing *guard_take_framing(struct guard *guard);
/* length is what Content-Length says; body may be empty nevertheless (HEAD, 304). The guard may be gone
 * afterwards. */
void guard_answer(struct guard *guard, int status, const char *body, size_t body_len, size_t length);

/* The owner is at work, and its deadline begins anew. */
void guard_more_time(struct guard *guard);

/* Instead of guard_answer(): head is status line and headers, "Transfer-Encoding: chunked" and "Connection:
 * close" among them (to HTTP/1.0: only the latter). Then pieces, each after an on_room; the connection ends
 * with the answer. Not whole: the client is to notice that something is missing. */
void guard_stream(struct guard *guard, const char *head, size_t len);
void guard_stream_put(struct guard *guard, const char *data, size_t len);
void guard_stream_end(struct guard *guard, bool whole);

bool guard_asks_for_token(const struct guard *guard);
bool guard_local_only(const struct guard *guard);
const char *guard_remote(const struct guard *guard);     /* the client's address, for logs */
const char *guard_request_id(const struct guard *guard); /* request_id.h */
int64_t guard_since_us(const struct guard *guard);       /* monotonic: when the request was whole */

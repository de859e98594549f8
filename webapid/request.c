/* See request.h. A request lives as long as its handler holds it, however early the connection ends: then it
 * takes the framing, to which all its strings point, with it. */
#include "request.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"
#include "mem.h"
#include "reply.h"
#include "request_internal.h"
#include "route.h"
#include "uri.h"

enum { QUERY_MAX = 2 * HTTP_URI_MAX, JOINED_MAX = 2 * HTTP_HEADER_BLOCK_MAX };

void request_begin(void *arg, struct guard *guard)
{
    const struct request_env *env = arg;
    struct request *rq = mem_alloc(sizeof *rq);

    *rq = (struct request){.env = env, .guard = guard, .framing = guard_framing(guard)};
    snprintf(rq->by, sizeof rq->by, "%s", guard_asks_for_token(guard) ? "-" : "api");
    snprintf(rq->id, sizeof rq->id, "%s", guard_request_id(guard));
    guard_set_owner(guard, rq);
    router_dispatch(&env->router, rq);
}

enum guard_body request_body_of(void *arg, const struct framing *framing)
{
    const struct request_env *env = arg;
    struct route_match match = {0};
    bool found = route_find(&env->router, framing_method(framing), framing_path(framing), &match);
    unsigned flags = found && match.route != NULL ? match.route->flags : 0;

    if (flags & ROUTE_LARGE)
        return GUARD_BODY_LARGE;
    return flags & (ROUTE_JSON | ROUTE_BODY) ? GUARD_BODY : GUARD_BODY_NONE;
}

void request_late(void *arg)
{
    reply_late(arg);
}

void request_gone(void *arg, struct framing *framing)
{
    struct request *rq = arg;

    if (rq->room_fn != NULL)
        reply_stream_cut(rq);
    rq->guard = NULL;
    rq->own_framing = framing;
    request_room(rq); /* who waits for room is to hear of it */
}

void request_room(void *arg)
{
    struct request *rq = arg;
    reply_room_fn *on_room = rq->on_room;

    rq->on_room = NULL;
    if (on_room != NULL)
        on_room(rq);
}

struct guard *request_release(struct request *rq)
{
    struct guard *guard = rq->guard;

    rq->own_framing = guard_take_framing(guard);
    rq->guard = NULL;
    return guard;
}

static void free_joined(struct request_text *text)
{
    while (text != NULL) {
        struct request_text *next = text->next;

        buf_done(&text->text);
        free(text);
        text = next;
    }
}

void request_drop_answer(struct request *rq)
{
    for (size_t i = 0; i < rq->header_count; i++) {
        free(rq->names[i]);
        free(rq->texts[i]);
    }
    rq->header_count = 0;
    free(rq->etag);
    rq->etag = NULL;
    rq->no_store = false;
    rq->media_type = NULL;
}

void request_free(struct request *rq)
{
    if (rq->free_kept != NULL)
        rq->free_kept(rq->kept);
    if (rq->own_framing != NULL) {
        framing_done(rq->own_framing);
        free(rq->own_framing);
    }
    buf_done(&rq->param);
    buf_done(&rq->query);
    free_joined(rq->joined);
    request_drop_answer(rq);
    free(rq);
}

const char *request_param(const struct request *rq)
{
    return rq->param.data;
}

bool request_set_param(struct request *rq, const char *text, size_t len)
{
    buf_init(&rq->param, HTTP_URI_MAX);
    return uri_decode(text, len, false, &rq->param) && strchr(rq->param.data, '/') == NULL;
}

bool request_set_query(struct request *rq)
{
    const char *query = framing_query(rq->framing);

    if (query == NULL)
        return true;
    buf_init(&rq->query, QUERY_MAX);
    return uri_query_decode(query, &rq->query);
}

const char *request_query(const struct request *rq, const char *name)
{
    return rq->query.data == NULL ? NULL : uri_query_value(&rq->query, name);
}

const char *request_header(struct request *rq, const char *name)
{
    size_t at = 0;
    const char *first = framing_header(rq->framing, name, 0, &at), *more;
    struct request_text *joined;

    if (first == NULL || (more = framing_header(rq->framing, name, at, &at)) == NULL)
        return first;
    joined = mem_alloc(sizeof *joined);
    joined->next = rq->joined;
    rq->joined = joined;
    buf_init(&joined->text, JOINED_MAX);
    buf_puts(&joined->text, first);
    for (; more != NULL; more = framing_header(rq->framing, name, at, &at)) {
        buf_puts(&joined->text, ", ");
        buf_puts(&joined->text, more);
    }
    return joined->text.data;
}

const char *request_body(const struct request *rq, size_t *len)
{
    *len = rq->framing->body.len;
    return rq->framing->body.data;
}

const char *request_method_text(const struct request *rq)
{
    return framing_method(rq->framing);
}

bool request_is_head(const struct request *rq)
{
    return strcmp(request_method_text(rq), "HEAD") == 0;
}

bool request_is_get(const struct request *rq)
{
    return strcmp(request_method_text(rq), "GET") == 0 || request_is_head(rq);
}

const char *request_path(const struct request *rq)
{
    return framing_path(rq->framing);
}

const char *request_by(const struct request *rq)
{
    return rq->by;
}

void request_set_by(struct request *rq, const char *token_name)
{
    snprintf(rq->by, sizeof rq->by, "token:%s", token_name);
}

struct worker *request_worker(const struct request *rq)
{
    return rq->env->worker;
}

bool request_is_awaited(const struct request *rq)
{
    return rq->guard != NULL;
}

void request_keep(struct request *rq, void *state, void (*free_fn)(void *state))
{
    assert(rq->kept == NULL);
    rq->kept = state;
    rq->free_kept = free_fn;
}

void *request_kept(const struct request *rq)
{
    return rq->kept;
}

void request_more_time(struct request *rq)
{
    if (rq->guard != NULL)
        guard_more_time(rq->guard);
}

const char *request_id(const struct request *rq)
{
    return rq->id;
}

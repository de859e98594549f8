/* See guard.h: how a connection begins and ends, alone and with all others. */
#include "guard_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "attr.h"
#include "mem.h"

enum { STRAY_BODY_MAX = 4096 };

static evhtp_res on_fini(evhtp_connection_t *conn UNUSED, void *arg)
{
    struct guard *guard = arg;
    struct guards *guards = guard->guards;

    if (guards->feeding == guard)
        guards->feeding = NULL;
    if (guards->large == guard)
        guards->large = NULL;
    guard_count_read(guard);
    if (guard->next != NULL)
        guard->next->prev = guard->prev;
    if (guard->prev != NULL)
        guard->prev->next = guard->next;
    else
        guards->first = guard->next;
    atomic_fetch_sub(guard->refused ? &guards->counts->refused : &guards->counts->open, 1);
    peers_leave(guards->peers, &guard->peer);
    if (guard->owner != NULL) {
        guards->on_gone(guard->owner, guard->framing);
    } else {
        framing_done(guard->framing);
        free(guard->framing);
    }
    event_free(guard->timer);
    evbuffer_free(guard->in);
    free(guard);
    if (guards->draining && guards->first == NULL)
        guards->on_drained(guards->arg);
    return EVHTP_RES_OK;
}

/* Anybody may announce a large body: so there is room for one of them, and the others wait. */
static size_t limit_of_large(struct guard *guard)
{
    struct guards *guards = guard->guards;

    if (guards->large != NULL)
        return 0;
    guards->large = guard;
    return guards->limits->import;
}

/* The head has been read. Who may not send this request at all has no part in what there is for bodies; nor
 * has who sends none, and is not known before the request is handled. */
static size_t limit_of(void *arg, struct framing *framing)
{
    struct guard *guard = arg;
    const struct guards *guards = guard->guards;
    const size_t most = guards->limits->body;

    guard_name_request(guard);
    if (guards->admit != NULL && !guards->admit(guards->arg, guard, framing, &guard->challenge))
        return 0;
    if (guards->body_of == NULL || !framing_has_body(framing))
        return most;
    switch (guards->body_of(guards->arg, framing)) {
    case GUARD_BODY_NONE:
        return most < STRAY_BODY_MAX ? most : STRAY_BODY_MAX;
    case GUARD_BODY_LARGE:
        return limit_of_large(guard);
    case GUARD_BODY:
        break;
    }
    return most;
}

struct framing *guard_new_framing(struct guard *guard)
{
    struct framing *framing = mem_alloc(sizeof *framing);

    framing_init(framing, guard->guards->limits);
    framing->limit = limit_of;
    framing->limit_arg = guard;
    return framing;
}

static void name_remote(struct guard *guard)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    char host[48] = "";

    /* Of one that has gone already the family is 0: it is not counted. */
    if (getpeername(bufferevent_getfd(guard->bev), (struct sockaddr *)&address, &len) != 0)
        snprintf(guard->remote, sizeof guard->remote, "gone");
    else if (address.ss_family == AF_INET)
        snprintf(guard->remote, sizeof guard->remote, "%s:%d",
                 evutil_inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, host, sizeof host),
                 ntohs(((struct sockaddr_in *)&address)->sin_port));
    else if (address.ss_family == AF_INET6)
        snprintf(guard->remote, sizeof guard->remote, "[%s]:%d",
                 evutil_inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&address)->sin6_addr, host, sizeof host),
                 ntohs(((struct sockaddr_in6 *)&address)->sin6_port));
    else
        snprintf(guard->remote, sizeof guard->remote, "unix");
    guard->peer = peer_of(&address);
}

static void refuse_connection(struct guard *guard, const char *why)
{
    struct guard_counts *counts = guard->guards->counts;

    guard->refused = true;
    atomic_fetch_add(&counts->refused, 1);
    atomic_fetch_sub(&counts->open, 1);
    guard_refuse(guard, 503, why);
}

uint16_t guard_accept(struct evhtp_connection *conn, void *arg)
{
    const struct guard_door *door = arg;
    struct guards *guards = door->guards;
    struct guard *guard = mem_alloc(sizeof *guard);
    bool few;

    *guard =
        (struct guard){.guards = guards, .door = door, .conn = conn, .bev = conn->bev, .next = guards->first};
    guard->in = evbuffer_new();
    guard->framing = guard_new_framing(guard);
    if (guard->in == NULL)
        abort();
    if (guards->first != NULL)
        guards->first->prev = guard;
    guards->first = guard;
    name_remote(guard);
    evhtp_connection_set_hook(conn, evhtp_hook_on_connection_fini, (evhtp_hook)on_fini, guard);
    guard_begin(guard);
    few = peers_enter(guards->peers, &guard->peer);
    if (atomic_fetch_add(&guards->counts->open, 1) >= guards->max_connections)
        refuse_connection(guard, "There are too many connections; try again later.");
    else if (!few)
        refuse_connection(guard, "There are too many connections from this address; try again later.");
    return EVHTP_RES_OK;
}

static void for_each(struct guards *guards, void (*act)(struct guard *guard))
{
    struct guard *next;

    for (struct guard *guard = guards->first; guard != NULL; guard = next) {
        next = guard->next; /* act frees no guard but its own */
        act(guard);
    }
}

static void hurry(struct guard *guard)
{
    if (guard->state == GUARD_BUSY)
        guard->guards->on_late(guard->owner);
    else if (guard->state != GUARD_FLUSHING && guard->state != GUARD_LINGERING)
        guard_close(guard);
}

void guards_drain(struct guards *guards)
{
    guards->draining = true;
    if (guards->first == NULL)
        guards->on_drained(guards->arg);
    else
        for_each(guards, guard_expect_last);
}

void guards_hurry(struct guards *guards)
{
    for_each(guards, hurry);
}

void guards_close(struct guards *guards)
{
    for_each(guards, guard_close);
}

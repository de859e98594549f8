/* See guard.h. What must not be misread about evhtp: it frees a connection (and so the guard, by its hook)
 * from inside its own callbacks; after calling one, guards->feeding tells whether we are still there. */
#include "guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <evhtp/evhtp.h>

#include "attr.h"
#include "clock.h"
#include "cors.h"
#include "limits.h"
#include "log.h"
#include "mem.h"
#include "peers.h"
#include "refusal.h"
#include "request_id.h"
#include "tls.h"

enum { FLUSH_TIMEOUT_MS = 60000, LINGER_TIMEOUT_MS = 2000, READ_AHEAD_MAX = 65536, REMOTE_SIZE = 64 };
enum { REFUSAL_MAX = 4096 };

enum guard_state {
    GUARD_SHAKING,
    GUARD_IDLE,
    GUARD_READING,
    GUARD_BUSY,
    GUARD_STREAMING,
    GUARD_FLUSHING,
    GUARD_LINGERING
};

struct guard {
    struct guards *guards;         /* lent */
    const struct guard_door *door; /* lent */
    struct guard *next, *prev;
    evhtp_connection_t *conn; /* lent: it owns us, by its fini hook */
    struct bufferevent *bev;  /* lent: conn's */
    bufferevent_data_cb evhtp_read, evhtp_write;
    void *evhtp_arg;

    enum guard_state state;
    struct event *timer;      /* owned */
    struct evbuffer *in;      /* owned: read, not judged yet */
    struct framing *framing;  /* owned; lent to the owner while BUSY */
    evhtp_request_t *request; /* lent; while BUSY */
    void *owner;              /* lent; while BUSY */
    bool eof;                 /* the client sends nothing more */
    bool continued;           /* 100 was sent for this request */
    bool closing;             /* after this answer */
    const char *challenge;    /* lent: of the request that is refused; NULL: none */
    int64_t since_us;
    bool named;                       /* request_id is that of this request */
    char request_id[REQUEST_ID_SIZE]; /* of the request that is answered, or was last */
    char remote[REMOTE_SIZE];
    struct peer peer;
};

static void proceed(struct guard *guard);

static void set_state(struct guard *guard, enum guard_state state)
{
    const struct guards *guards = guard->guards;
    int ms = 0;
    struct timeval timeout;

    switch (state) {
    case GUARD_IDLE:
        ms = guards->idle_timeout_ms;
        break;
    case GUARD_SHAKING:
    case GUARD_READING:
        ms = guards->request_timeout_ms;
        break;
    case GUARD_BUSY:
        ms = guards->answer_timeout_ms;
        break;
    case GUARD_STREAMING:
    case GUARD_FLUSHING:
        ms = FLUSH_TIMEOUT_MS;
        break;
    case GUARD_LINGERING:
        ms = LINGER_TIMEOUT_MS;
        break;
    }
    guard->state = state;
    timeout = (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L};
    event_add(guard->timer, &timeout);
}

static void forget_request(struct guard *guard)
{
    guard->named = false;
    framing_reset(guard->framing);
    if (guard->guards->large == guard)
        guard->guards->large = NULL;
}

/* Of an answer that is not all there the client is to notice: to HTTP/1.0 a stream ends as the connection
 * does, so it is reset. */
static void reset_if_cut(const struct guard *guard)
{
    const struct linger none = {.l_onoff = 1};
    bool written = evbuffer_get_length(bufferevent_get_output(guard->bev)) == 0;

    if (guard->state == GUARD_STREAMING || (guard->state == GUARD_FLUSHING && !written))
        setsockopt(bufferevent_getfd(guard->bev), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

/* Frees the guard, too. */
static void close_connection(struct guard *guard)
{
    reset_if_cut(guard);
    evhtp_connection_free(guard->conn);
}

/* At its end, or when it is refused; once. */
static void name_request(struct guard *guard)
{
    const char *given = framing_header(guard->framing, "X-Request-Id", 0, NULL);

    if (guard->named)
        return;
    guard->named = true;
    if (given != NULL && request_id_is_valid(given))
        memcpy(guard->request_id, given, strlen(given) + 1);
    else
        request_id_make(guard->request_id);
}

/* ---- Refusing ---- */

/* Answers without evhtp, which never hears of such a request. */
static void refuse(struct guard *guard, int status, const char *why)
{
    const struct framing *framing = guard->framing;
    AUTO_BUF struct buf text = {0};

    name_request(guard);
    buf_init(&text, REFUSAL_MAX);
    refusal_put(&text,
                &(struct refusal){
                    .status = status,
                    .why = why,
                    .request_id = guard->request_id,
                    .origin = cors_allow(guard->guards->origins, framing_header(framing, "Origin", 0, NULL)),
                    .challenge = guard->challenge,
                    .is_head = strcmp(framing_method(framing), "HEAD") == 0,
                });
    bufferevent_write(guard->bev, text.data, text.len);
    bufferevent_enable(guard->bev, EV_WRITE);
    guard->closing = true;
    set_state(guard, GUARD_FLUSHING);
    guard->guards->on_refused(guard->guards->arg, status);
    log_info("http.refused", "status=%d why=%s remote=%s request=%s", status, LOGQ(why), guard->remote,
             guard->request_id);
}

/* ---- One request ---- */

/* All that evhtp is told of a request. The path has only bytes that its parser takes as they are, and is
 * whole, so that none of what it does to split or odd input can happen. */
static void put_head(const struct guard *guard, struct buf *head)
{
    const struct framing *framing = guard->framing;
    const char *method = framing_method(framing), *path = framing_path(framing);
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    const char *said = "TRACE"; /* any method without a handler: the answer is 405, from our own table */

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(method, known[i]) == 0)
            said = known[i];
    buf_printf(head, "%s %s HTTP/1.%d\r\nHost: guard\r\nConnection: %s\r\n\r\n", said,
               path[0] == '/' ? path : "/", framing->minor, framing->keep_alive ? "keep-alive" : "close");
}

static void dispatch(struct guard *guard)
{
    struct guards *guards = guard->guards;
    AUTO_BUF struct buf head = {0};

    buf_init(&head, HTTP_HEADER_BLOCK_MAX);
    put_head(guard, &head);
    guard->since_us = clock_monotonic_us(&clock_system);
    name_request(guard);
    set_state(guard, GUARD_BUSY);
    /* The end of the input is frozen by libevent, its beginning is not; it is empty, so both are the same. */
    evbuffer_prepend(bufferevent_get_input(guard->bev), head.data, head.len);
    guards->feeding = guard;
    guard->evhtp_read(guard->bev, guard->evhtp_arg);
    if (guards->feeding == NULL) /* freed: only by an evhtp that did not take the head */
        return;
    guards->feeding = NULL;
    if (guard->state == GUARD_BUSY && guard->request == NULL) {
        log_error("http.evhtp_refused", "path=%s", LOGQ(framing_path(guard->framing)));
        close_connection(guard);
    }
}

void guard_on_evhtp_request(struct evhtp_request *request, void *arg)
{
    struct guards *guards = arg;
    struct guard *guard = guards->feeding;

    guard->request = request;
    evhtp_request_pause(request);
    guards->on_request(guards->arg, guard);
}

/* The body is wanted before it is sent; only once, and not if it is on its way already. */
static void send_continue(struct guard *guard)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct framing *framing = guard->framing;
    bool waits = framing->state == FRAMING_BODY || framing->state == FRAMING_SIZE;

    if (!framing->expects_continue || guard->continued || !waits || framing->body.len > 0)
        return;
    guard->continued = true;
    bufferevent_write(guard->bev, text, sizeof text - 1);
}

/* Judges what has been read, in IDLE and READING, up to the end of one request. */
static void proceed(struct guard *guard)
{
    struct framing *framing = guard->framing;

    while (evbuffer_get_length(guard->in) > 0 && framing->state != FRAMING_DONE &&
           framing->state != FRAMING_REFUSED) {
        size_t len = evbuffer_get_contiguous_space(guard->in);
        const char *data = (const char *)evbuffer_pullup(guard->in, (ev_ssize_t)len);

        evbuffer_drain(guard->in, framing_feed(framing, data, len));
    }
    if (framing->state == FRAMING_DONE) {
        dispatch(guard);
    } else if (framing->state == FRAMING_REFUSED) {
        refuse(guard, framing->status, framing->why);
    } else if (guard->eof) {
        close_connection(guard); /* left in the middle, or between requests */
    } else {
        if (guard->state == GUARD_IDLE && framing_begun(framing))
            set_state(guard, GUARD_READING);
        send_continue(guard);
    }
}

static void linger(struct guard *guard)
{
    if (guard->eof) {
        close_connection(guard);
        return;
    }
    tls_close_notify(guard->bev);
    shutdown(bufferevent_getfd(guard->bev), SHUT_WR);
    evbuffer_drain(guard->in, evbuffer_get_length(guard->in));
    forget_request(guard);
    set_state(guard, GUARD_LINGERING);
    bufferevent_enable(guard->bev, EV_READ);
}

/* The answer has been written: evhtp tidies up, and the next request may come. */
static void next_request(struct guard *guard)
{
    struct guards *guards = guard->guards;

    guards->feeding = guard;
    guard->evhtp_write(guard->bev, guard->evhtp_arg);
    if (guards->feeding == NULL)
        return;
    guards->feeding = NULL;
    if (guards->draining) {
        close_connection(guard);
        return;
    }
    forget_request(guard);
    guard->continued = false;
    set_state(guard, GUARD_IDLE);
    proceed(guard);
}

/* ---- The connection's events ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
    struct guard *guard = arg;
    struct evbuffer *input = bufferevent_get_input(bev);

    if (guard->state == GUARD_LINGERING || (guard->state == GUARD_FLUSHING && guard->closing)) {
        evbuffer_drain(input, evbuffer_get_length(input));
        return;
    }
    evbuffer_add_buffer(guard->in, input);
    if (guard->state == GUARD_IDLE || guard->state == GUARD_READING)
        proceed(guard);
    else if (evbuffer_get_length(guard->in) > READ_AHEAD_MAX)
        bufferevent_disable(bev, EV_READ); /* evhtp enables it again after the answer */
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct guard *guard = arg;

    if (guard->state == GUARD_STREAMING && evbuffer_get_length(bufferevent_get_output(bev)) == 0) {
        guard->guards->on_room(guard->owner);
        return;
    }
    /* In other states it was a 100 that has been written. */
    if (guard->state != GUARD_FLUSHING || evbuffer_get_length(bufferevent_get_output(bev)) > 0)
        return;
    if (guard->closing)
        linger(guard);
    else
        next_request(guard);
}

static void on_event(struct bufferevent *bev UNUSED, short what, void *arg)
{
    struct guard *guard = arg;

    if (what & BEV_EVENT_CONNECTED) { /* TLS has shaken hands */
        if (guard->state == GUARD_SHAKING)
            set_state(guard, GUARD_IDLE);
        return;
    }
    if ((what & BEV_EVENT_EOF) == 0) {
        close_connection(guard); /* reset, or TLS that is none */
        return;
    }
    guard->eof = true; /* may be half of it: an answer that is due is sent all the same */
    switch (guard->state) {
    case GUARD_SHAKING:
    case GUARD_IDLE:
    case GUARD_READING:
    case GUARD_LINGERING:
        close_connection(guard);
        break;
    case GUARD_BUSY:
    case GUARD_STREAMING:
    case GUARD_FLUSHING:
        break;
    }
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct guard *guard = arg;

    switch (guard->state) {
    case GUARD_READING:
        refuse(guard, 408, "The request took too long to arrive.");
        break;
    case GUARD_BUSY:
        guard->guards->on_late(guard->owner);
        break;
    case GUARD_SHAKING:
    case GUARD_IDLE:
    case GUARD_STREAMING:
    case GUARD_FLUSHING:
    case GUARD_LINGERING:
        close_connection(guard);
        break;
    }
}

/* ---- Life ---- */

static evhtp_res on_fini(evhtp_connection_t *conn UNUSED, void *arg)
{
    struct guard *guard = arg;
    struct guards *guards = guard->guards;

    if (guards->feeding == guard)
        guards->feeding = NULL;
    if (guards->large == guard)
        guards->large = NULL;
    if (guard->next != NULL)
        guard->next->prev = guard->prev;
    if (guard->prev != NULL)
        guard->prev->next = guard->next;
    else
        guards->first = guard->next;
    atomic_fetch_sub(guards->connections, 1);
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

/* The head has been read. Anybody may announce a large body: so there is room for one of them, and the others
 * wait; and who may not send this request at all has no part in that. */
static size_t limit_of(void *arg, struct framing *framing)
{
    struct guard *guard = arg;
    struct guards *guards = guard->guards;

    name_request(guard);
    if (guards->admit != NULL && !guards->admit(guards->arg, guard, framing, &guard->challenge))
        return 0;
    if (guards->is_large == NULL || !guards->is_large(guards->arg, framing))
        return guards->limits->body;
    if (guards->large != NULL)
        return 0;
    guards->large = guard;
    return guards->limits->import;
}

static struct framing *new_framing(struct guard *guard)
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

uint16_t guard_accept(struct evhtp_connection *conn, void *arg)
{
    const struct guard_door *door = arg;
    struct guards *guards = door->guards;
    struct guard *guard = mem_alloc(sizeof *guard);
    bufferevent_event_cb unused;
    bool few;

    *guard =
        (struct guard){.guards = guards, .door = door, .conn = conn, .bev = conn->bev, .next = guards->first};
    guard->in = evbuffer_new();
    guard->framing = new_framing(guard);
    guard->timer = event_new(conn->evbase, -1, 0, on_timer, guard);
    if (guard->in == NULL || guard->timer == NULL)
        abort();
    if (guards->first != NULL)
        guards->first->prev = guard;
    guards->first = guard;
    name_remote(guard);
    bufferevent_getcb(guard->bev, &guard->evhtp_read, &guard->evhtp_write, &unused, &guard->evhtp_arg);
    bufferevent_setcb(guard->bev, on_read, on_write, on_event, guard);
    evhtp_connection_set_hook(conn, evhtp_hook_on_connection_fini, (evhtp_hook)on_fini, guard);
    set_state(guard, tls_is_on(guard->bev) ? GUARD_SHAKING : GUARD_IDLE);
    few = peers_enter(guards->peers, &guard->peer);
    if (atomic_fetch_add(guards->connections, 1) >= guards->max_connections)
        refuse(guard, 503, "There are too many connections; try again later.");
    else if (!few)
        refuse(guard, 503, "There are too many connections from this address; try again later.");
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

static void close_idle(struct guard *guard)
{
    if (guard->state == GUARD_SHAKING || guard->state == GUARD_IDLE)
        close_connection(guard);
}

static void hurry(struct guard *guard)
{
    if (guard->state == GUARD_BUSY)
        guard->guards->on_late(guard->owner);
    else if (guard->state == GUARD_READING || guard->state == GUARD_STREAMING)
        close_connection(guard);
}

void guards_drain(struct guards *guards)
{
    guards->draining = true;
    if (guards->first == NULL)
        guards->on_drained(guards->arg);
    else
        for_each(guards, close_idle);
}

void guards_hurry(struct guards *guards)
{
    for_each(guards, hurry);
}

void guards_close(struct guards *guards)
{
    for_each(guards, close_connection);
}

/* ---- For the owner ---- */

const struct framing *guard_framing(const struct guard *guard)
{
    return guard->framing;
}

void guard_set_owner(struct guard *guard, void *owner)
{
    guard->owner = owner;
}

struct framing *guard_take_framing(struct guard *guard)
{
    struct framing *framing = guard->framing;

    guard->framing = new_framing(guard);
    guard->framing->keep_alive = framing->keep_alive;
    guard->owner = NULL;
    return framing;
}

void guard_header(struct guard *guard, const char *name, const char *value)
{
    evhtp_headers_add_header(guard->request->headers_out, evhtp_header_new(name, value, 1, 1));
}

void guard_answer(struct guard *guard, int status, const char *body, size_t body_len, size_t length)
{
    evhtp_request_t *request = guard->request;
    char digits[32];

    snprintf(digits, sizeof digits, "%zu", length);
    guard_header(guard, "Content-Length", digits); /* evhtp's own would be 0 for HEAD and 304 */
    guard->closing = guard->guards->draining || !guard->framing->keep_alive;
    if (guard->closing)
        request->flags &= (uint16_t)~EVHTP_REQ_FLAG_KEEPALIVE;
    evbuffer_add(request->buffer_out, body, body_len);
    guard->request = NULL;
    guard->owner = NULL;
    set_state(guard, GUARD_FLUSHING);
    evhtp_send_reply(request, (evhtp_res)status);
    evhtp_request_resume(request);
}

void guard_more_time(struct guard *guard)
{
    set_state(guard, GUARD_BUSY);
}

/* evhtp's request stays paused until the connection is freed: it has no part in this. */
void guard_stream(struct guard *guard, const char *head, size_t len)
{
    guard->closing = true;
    set_state(guard, GUARD_STREAMING);
    bufferevent_write(guard->bev, head, len);
    bufferevent_enable(guard->bev, EV_WRITE);
}

void guard_stream_put(struct guard *guard, const char *data, size_t len)
{
    struct evbuffer *output = bufferevent_get_output(guard->bev);

    if (len == 0)
        return; /* an empty chunk would be the last one */
    set_state(guard, GUARD_STREAMING);
    if (guard->framing->minor == 0) {
        evbuffer_add(output, data, len);
        return;
    }
    evbuffer_add_printf(output, "%zx\r\n", len);
    evbuffer_add(output, data, len);
    evbuffer_add(output, "\r\n", 2);
}

void guard_stream_end(struct guard *guard, bool whole)
{
    static const char last_chunk[] = "0\r\n\r\n";

    guard->request = NULL;
    guard->owner = NULL;
    if (!whole) {
        close_connection(guard);
        return;
    }
    set_state(guard, GUARD_FLUSHING);
    if (guard->framing->minor > 0 && strcmp(framing_method(guard->framing), "HEAD") != 0)
        evbuffer_add(bufferevent_get_output(guard->bev), last_chunk, sizeof last_chunk - 1);
    else
        bufferevent_trigger(guard->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS); /* nothing more to be written */
}

bool guard_asks_for_token(const struct guard *guard)
{
    return guard->door->asks_for_token;
}

bool guard_local_only(const struct guard *guard)
{
    return guard->door->local_only;
}

const char *guard_remote(const struct guard *guard)
{
    return guard->remote;
}

const char *guard_request_id(const struct guard *guard)
{
    return guard->request_id;
}

int64_t guard_since_us(const struct guard *guard)
{
    return guard->since_us;
}

/* See guard.h: one connection's states and events, and a request's way to evhtp or to its refusal. */
#include "guard_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "cors.h"
#include "limits.h"
#include "log.h"
#include "refusal.h"
#include "tls.h"

enum { FLUSH_TIMEOUT_MS = 60000, LINGER_TIMEOUT_MS = 2000, REFUSAL_MAX = 4096 };

/* How long who has just connected, or may be sending a next request this very moment, is listened to when we
 * stop. */
enum { LAST_REQUEST_MS = 1000 };

/* ---- States ---- */

static void wait_for(struct guard *guard, int ms)
{
    const struct timeval timeout = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L};

    event_add(guard->timer, &timeout);
}

void guard_set_state(struct guard *guard, enum guard_state state)
{
    const struct guards *guards = guard->guards;
    int ms = 0;

    switch (state) {
    case GUARD_IDLE:
        ms = guards->draining ? LAST_REQUEST_MS : guards->idle_timeout_ms;
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
    wait_for(guard, ms);
}

static void forget_request(struct guard *guard)
{
    guard->named = false;
    framing_reset(guard->framing);
    guard_count_read(guard);
    if (guard->guards->large == guard)
        guard->guards->large = NULL;
}

/* Of an answer that is not all there the client is to notice: to HTTP/1.0 a stream ends as the connection
 * does, so it is reset, and evhtp, which ends TLS as it frees the connection, says nothing of an end. */
static void reset_if_cut(const struct guard *guard)
{
    const struct linger none = {.l_onoff = 1};
    bool written = evbuffer_get_length(bufferevent_get_output(guard->bev)) == 0;

    if (guard->state != GUARD_STREAMING && (guard->state != GUARD_FLUSHING || written))
        return;
    tls_cut(guard->bev);
    setsockopt(bufferevent_getfd(guard->bev), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

void guard_close(struct guard *guard)
{
    reset_if_cut(guard);
    evhtp_connection_free(guard->conn);
}

void guard_name_request(struct guard *guard)
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

void guard_expect_last(struct guard *guard)
{
    if (guard->state == GUARD_SHAKING || guard->state == GUARD_IDLE)
        wait_for(guard, LAST_REQUEST_MS);
}

/* ---- Refusing ---- */

void guard_refuse(struct guard *guard, int status, const char *why)
{
    const struct framing *framing = guard->framing;
    const bool shaking = guard->state == GUARD_SHAKING;
    AUTO_BUF struct buf text = {0};

    guard_name_request(guard);
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
    guard_set_state(guard, GUARD_FLUSHING);
    if (shaking) /* the answer waits for that */
        wait_for(guard, guard->guards->request_timeout_ms);
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
    guard_name_request(guard);
    guard_set_state(guard, GUARD_BUSY);
    if (evbuffer_get_length(guard->in) > 0)
        bufferevent_disable(guard->bev, EV_READ); /* as on_read() does; the end of the answer turns it on */
    /* The end of the input is frozen by libevent, its beginning is not; it is empty, so both are the same. */
    evbuffer_prepend(bufferevent_get_input(guard->bev), head.data, head.len);
    guards->feeding = guard;
    guard->evhtp_read(guard->bev, guard->evhtp_arg);
    if (guards->feeding == NULL) /* freed: only by an evhtp that did not take the head */
        return;
    guards->feeding = NULL;
    if (guard->state == GUARD_BUSY && guard->request == NULL) {
        log_error("http.evhtp_refused", "path=%s request=%s", LOGQ(framing_path(guard->framing)),
                  guard->request_id);
        guard_close(guard);
    }
}

/* What evhtp_request_pause() does, but for its turning EV_READ off: that and turning it on again would be two
 * system calls more for every request. */
void guard_pause_evhtp(struct guard *guard, struct evhtp_request *request)
{
    request->status = EVHTP_RES_PAUSE;
    guard->conn->flags |= EVHTP_CONN_FLAG_PAUSED;
}

void guard_on_evhtp_request(struct evhtp_request *request, void *arg)
{
    struct guards *guards = arg;
    struct guard *guard = guards->feeding;

    guard->request = request;
    guard_pause_evhtp(guard, request);
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
    bufferevent_enable(guard->bev, EV_WRITE);
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
        guard_refuse(guard, framing->status, framing->why);
    } else if (guard->eof) {
        guard_close(guard); /* left in the middle, or between requests */
    } else {
        if (guard->state == GUARD_IDLE && framing_begun(framing))
            guard_set_state(guard, GUARD_READING);
        send_continue(guard);
    }
}

static void linger(struct guard *guard)
{
    if (guard->eof) {
        guard_close(guard);
        return;
    }
    tls_close_notify(guard->bev);
    shutdown(bufferevent_getfd(guard->bev), SHUT_WR);
    evbuffer_drain(guard->in, evbuffer_get_length(guard->in));
    forget_request(guard);
    guard_set_state(guard, GUARD_LINGERING);
    bufferevent_enable(guard->bev, EV_READ);
}

/* The answer has been written: evhtp tidies up, and the next request may come. */
static void next_request(struct guard *guard)
{
    struct guards *guards = guard->guards;

    guards->feeding = guard;
    guard->conn->flags &= (uint16_t)~EVHTP_CONN_FLAG_PAUSED;
    guard->evhtp_write(guard->bev, guard->evhtp_arg);
    if (guards->feeding == NULL)
        return;
    guards->feeding = NULL;
    if (!guard->eof)
        bufferevent_enable(guard->bev, EV_READ); /* dispatch() or on_read() may have turned it off */
    forget_request(guard);
    guard->continued = false;
    guard_set_state(guard, GUARD_IDLE);
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
    else /* the next request has its turn after this one's answer: more of it would only take memory */
        bufferevent_disable(bev, EV_READ);
}

static void on_written(struct guard *guard)
{
    if (guard->closing)
        linger(guard);
    else
        next_request(guard);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct guard *guard = arg;

    if (guard->state == GUARD_STREAMING && evbuffer_get_length(bufferevent_get_output(bev)) == 0) {
        guard->guards->on_room(guard->owner);
        return;
    }
    /* In other states it was a 100 that has been written. */
    if (guard->state == GUARD_FLUSHING && evbuffer_get_length(bufferevent_get_output(bev)) == 0)
        on_written(guard);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct guard *guard = arg;
    /* libevent makes one event of those that come together: a write that fails, and the end it reads then. */
    const bool failed = (what & (BEV_EVENT_ERROR | BEV_EVENT_WRITING)) != 0 || (what & BEV_EVENT_EOF) == 0;

    if (what & BEV_EVENT_CONNECTED) { /* TLS has shaken hands */
        if (guard->state == GUARD_SHAKING)
            guard_set_state(guard, GUARD_IDLE);
        return;
    }
    /* Reset, or TLS that is none. What is asked for runs on, and counts as a connection until it is answered.
     */
    if (failed && guard->state != GUARD_BUSY) {
        guard_close(guard);
        return;
    }
    guard->eof = true; /* may be half of it: an answer that is due is sent all the same */
    switch (guard->state) {
    case GUARD_SHAKING:
    case GUARD_IDLE:
    case GUARD_READING:
    case GUARD_LINGERING:
        guard_close(guard);
        break;
    case GUARD_BUSY:
    case GUARD_STREAMING:
    case GUARD_FLUSHING:
        if (!failed && evbuffer_get_length(bufferevent_get_output(bev)) > 0)
            bufferevent_enable(bev, EV_WRITE); /* a client that ends TLS makes libevent write no more */
        break;
    }
}

static void on_timer(evutil_socket_t fd UNUSED, short what, void *arg)
{
    struct guard *guard = arg;

    if (what & EV_WRITE) { /* guard_answer() has written all of it */
        on_written(guard);
        return;
    }
    switch (guard->state) {
    case GUARD_READING:
        guard_refuse(guard, 408, "The request took too long to arrive.");
        break;
    case GUARD_BUSY:
        guard->guards->on_late(guard->owner);
        break;
    case GUARD_SHAKING:
    case GUARD_IDLE:
    case GUARD_STREAMING:
    case GUARD_FLUSHING:
    case GUARD_LINGERING:
        guard_close(guard);
        break;
    }
}

void guard_begin(struct guard *guard)
{
    bufferevent_event_cb unused;

    guard->timer = event_new(guard->conn->evbase, -1, 0, on_timer, guard);
    if (guard->timer == NULL)
        abort();
    bufferevent_getcb(guard->bev, &guard->evhtp_read, &guard->evhtp_write, &unused, &guard->evhtp_arg);
    bufferevent_setcb(guard->bev, on_read, on_write, on_event, guard);
    guard_set_state(guard, tls_is_on(guard->bev) ? GUARD_SHAKING : GUARD_IDLE);
}

/* See guard.h: what the owner of a request asks and answers. */
#include "guard_internal.h"

#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "limits.h"
#include "refusal.h"
#include "tls.h"

enum { STATUS_UNPROCESSABLE = 422, SMALL_ANSWER_MAX = 65536 };

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

    guard->framing = guard_new_framing(guard);
    guard->framing->keep_alive = framing->keep_alive;
    guard->owner = NULL;
    return framing;
}

void guard_header(struct guard *guard, const char *name, const char *value)
{
    evhtp_headers_add_header(guard->request->headers_out, evhtp_header_new(name, value, 1, 1));
}

static int put_header(evhtp_kv_t *header, void *arg)
{
    buf_printf(arg, "%s: %s\r\n", header->key, header->val);
    return 0;
}

/* evhtp has no words for a status that came with RFC 9110. Its request stays paused, as in guard_stream(). */
static void answer_without_evhtp(struct guard *guard, int status, const char *body, size_t body_len)
{
    AUTO_BUF struct buf head = {0};

    buf_init(&head, HTTP_HEADER_BLOCK_MAX);
    buf_printf(&head, "HTTP/1.1 %d %s\r\n", status, refusal_reason(status));
    evhtp_headers_for_each(guard->request->headers_out, put_header, &head);
    buf_puts(&head, "Connection: close\r\n\r\n");
    guard->request = NULL;
    guard->owner = NULL;
    guard->closing = true;
    guard_set_state(guard, GUARD_FLUSHING);
    bufferevent_write(guard->bev, head.data, head.len);
    bufferevent_write(guard->bev, body, body_len);
    bufferevent_enable(guard->bev, EV_WRITE);
}

/* False: the rest, or the error, is for the event. */
static bool write_at_once(struct guard *guard)
{
    struct evbuffer *output = bufferevent_get_output(guard->bev);

    evbuffer_unfreeze(output, 1); /* libevent keeps that end to itself */
    (void)!evbuffer_write(output, bufferevent_getfd(guard->bev));
    evbuffer_freeze(output, 1);
    return evbuffer_get_length(output) == 0;
}

/* Most answers fit into the socket's buffer, and need no event of it: two system calls less, and a turn of
 * the loop. We may be in evhtp's callback, so what comes after the answer comes later all the same. Where the
 * next request is there already its turn comes by an event as well, behind those of other clients. */
static void send_reply(struct guard *guard, evhtp_request_t *request, int status)
{
    const bool at_once = !tls_is_on(guard->bev) && evbuffer_get_length(guard->in) == 0;

    if (at_once)
        bufferevent_disable(guard->bev, EV_WRITE);
    evhtp_send_reply(request, (evhtp_res)status);
    guard_pause_evhtp(guard, request); /* still, whatever the reply made of it */
    if (at_once && write_at_once(guard))
        event_active(guard->timer, EV_WRITE, 1);
    else
        bufferevent_enable(guard->bev, EV_WRITE);
}

bool guard_has_room(const struct guard *guard, size_t body_len)
{
    const struct guards *guards = guard->guards;

    return body_len <= SMALL_ANSWER_MAX || guards->unread == 0 ||
           guards->unread + body_len <= guards->limits->unread;
}

static void count_unread(struct guard *guard, size_t body_len)
{
    if (body_len <= SMALL_ANSWER_MAX)
        return;
    guard->unread = body_len;
    guard->guards->unread += body_len;
}

void guard_count_read(struct guard *guard)
{
    guard->guards->unread -= guard->unread;
    guard->unread = 0;
}

void guard_answer(struct guard *guard, int status, const char *body, size_t body_len, size_t length)
{
    evhtp_request_t *request = guard->request;
    char digits[32];

    snprintf(digits, sizeof digits, "%zu", length);
    count_unread(guard, body_len);
    guard_header(guard, "Content-Length", digits); /* evhtp's own would be 0 for HEAD and 304 */
    if (status == STATUS_UNPROCESSABLE) {
        answer_without_evhtp(guard, status, body, body_len);
        return;
    }
    guard->closing = guard->guards->draining || !guard->framing->keep_alive;
    if (guard->closing)
        request->flags &= (uint16_t)~EVHTP_REQ_FLAG_KEEPALIVE;
    evbuffer_add(request->buffer_out, body, body_len);
    guard->request = NULL;
    guard->owner = NULL;
    guard_set_state(guard, GUARD_FLUSHING);
    send_reply(guard, request, status);
}

void guard_more_time(struct guard *guard)
{
    guard_set_state(guard, GUARD_BUSY);
}

/* evhtp's request stays paused until the connection is freed: it has no part in this. */
void guard_stream(struct guard *guard, const char *head, size_t len)
{
    guard->closing = true;
    guard_set_state(guard, GUARD_STREAMING);
    bufferevent_write(guard->bev, head, len);
    bufferevent_enable(guard->bev, EV_WRITE);
}

void guard_stream_put(struct guard *guard, const char *data, size_t len)
{
    struct evbuffer *output = bufferevent_get_output(guard->bev);

    if (len == 0)
        return; /* an empty chunk would be the last one */
    guard_set_state(guard, GUARD_STREAMING);
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
        guard_close(guard);
        return;
    }
    guard_set_state(guard, GUARD_FLUSHING);
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

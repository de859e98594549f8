/* See reply_stream.h. */
#include "reply_stream.h"

#include <assert.h>

#include <event2/event.h>

#include "cors.h"
#include "http_date.h"
#include "request_internal.h"

enum { HEAD_MAX = 4096 };

static void put_head(struct buf *head, const struct request *rq, const char *media_type)
{
    const char *origin = cors_allow(rq->env->origins, framing_header(rq->framing, "Origin", 0, NULL));
    char date[HTTP_DATE_SIZE];

    http_date_now(date);
    buf_printf(head, "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: %s\r\nX-Request-Id: %s\r\n", date,
               media_type, rq->id);
    if (origin != NULL)
        buf_printf(head, "Access-Control-Allow-Origin: %s\r\nVary: Origin\r\n", origin);
    if (rq->framing->minor > 0)
        buf_puts(head, "Transfer-Encoding: chunked\r\n");
    buf_puts(head, "Connection: close\r\n\r\n");
}

bool reply_stream(struct request *rq, const char *media_type, reply_room_fn *on_room)
{
    AUTO_BUF struct buf head = {0};

    buf_init(&head, HEAD_MAX);
    put_head(&head, rq, media_type);
    rq->room_fn = on_room;
    if (rq->guard != NULL)
        guard_stream(rq->guard, head.data, head.len);
    if (!request_is_head(rq))
        return true;
    reply_stream_end(rq, true);
    return false;
}

static void on_nobody(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    request_room(arg);
}

void reply_stream_put(struct request *rq, const struct buf *piece)
{
    const struct timeval now = {0};

    assert(piece->len > 0);
    rq->streamed += piece->len;
    rq->on_room = rq->room_fn;
    if (rq->guard != NULL)
        guard_stream_put(rq->guard, piece->data, piece->len);
    else if (event_base_once(rq->env->worker->base, -1, EV_TIMEOUT, on_nobody, rq, &now) != 0)
        request_room(rq);
}

void reply_stream_cut(struct request *rq)
{
    rq->cut = true;
    reply_account(rq, rq->guard, 200, rq->streamed);
}

void reply_stream_end(struct request *rq, bool whole)
{
    struct guard *guard = rq->guard;

    if (guard != NULL) { /* else it has been accounted for when the client went */
        rq->cut = !whole;
        reply_account(rq, guard, 200, rq->streamed);
        guard_stream_end(guard, whole);
    }
    request_free(rq);
}

/* See admin.h. A connection is read until its request is whole, answered, and closed when the client has read
 * that, or its time is over. */
#include "admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "attr.h"
#include "listen.h"
#include "log.h"
#include "mem.h"

enum {
    CONNECTIONS_MAX = 16,
    CONNECTION_S = 5,
    ACCEPT_AGAIN_S = 1,
    BODY_MAX = 1 << 20,
    ADDRESS_MAX = LISTEN_HOST_MAX + 16
};

struct visitor {
    struct admin *admin;     /* lent */
    struct bufferevent *bev; /* owned */
    struct event *deadline;  /* owned */
    bool answered;
    struct visitor **slot; /* lent: where the admin has it */
};

struct admin {
    struct admin_options options;
    struct listen_address address;
    struct evconnlistener *listener;
    struct event *accept_again;
    struct visitor *visitors[CONNECTIONS_MAX]; /* owned; NULL: a free slot */
};

bool admin_check_address(const char *address, struct err *err)
{
    struct listen_address parsed;

    if (!listen_parse(address, &parsed, err))
        return false;
    return !listen_is_public(&parsed) ||
           err_set(err, ERR_INVALID,
                   "must be on loopback, as 127.0.0.1:9090, or a unix socket: it asks nobody "
                   "who he is");
}

/* ---- One visitor ---- */

static void leave(struct visitor *visitor)
{
    *visitor->slot = NULL;
    event_free(visitor->deadline);
    bufferevent_free(visitor->bev);
    free(visitor);
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "Service Unavailable";
    }
}

/* The page; returns the status. */
static int put_page(const struct admin *admin, const struct admin_request *request, struct buf *body)
{
    switch (request->page) {
    case ADMIN_LIVE:
        buf_puts(body, "{\"status\":\"live\"}");
        return 200;
    case ADMIN_READY:
        return admin->options.ready(admin->options.arg, body) ? 200 : 503;
    case ADMIN_METRICS:
        admin->options.metrics(admin->options.arg, request->format, body);
        return 200;
    }
    return 404;
}

static void answer(struct visitor *visitor, int status, const struct admin_request *request)
{
    struct evbuffer *out = bufferevent_get_output(visitor->bev);
    const char *type = "application/json";
    AUTO_BUF struct buf body = {0};

    buf_init(&body, BODY_MAX);
    if (status == 200)
        status = put_page(visitor->admin, request, &body);
    else
        buf_printf(&body, "{\"message\":\"%s\"}", reason_of(status));
    if (status == 200 && request->page == ADMIN_METRICS)
        type = metrics_content_type(request->format);
    visitor->answered = true;
    evbuffer_add_printf(
        out,
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
        "%sConnection: close\r\n\r\n",
        status, reason_of(status), type, body.len, status == 405 ? "Allow: GET, HEAD\r\n" : "");
    if (!request->is_head)
        evbuffer_add(out, body.data, body.len);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(bev);
    struct visitor *visitor = arg;
    struct admin_request request = {0};
    size_t len = evbuffer_get_length(in);
    int status;

    if (!visitor->answered) {
        status = admin_request_read((const char *)evbuffer_pullup(in, -1), len, &request);
        if (status == ADMIN_MORE)
            return;
        answer(visitor, status, &request);
    }
    evbuffer_drain(in,
                   len); /* what follows is not read, but taken, or the close would reset the connection */
}

/* All is written: the client sees the end, and closes; so the answer is not lost on the way. */
static void on_written(struct bufferevent *bev, void *arg)
{
    const struct visitor *visitor = arg;

    if (visitor->answered)
        shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void on_event(struct bufferevent *bev UNUSED, short what UNUSED, void *arg)
{
    leave(arg); /* the client has closed, or is gone */
}

static void on_deadline(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    leave(arg);
}

/* ---- The listener ---- */

/* NULL: there is none. */
static struct visitor **free_slot(struct admin *admin)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (admin->visitors[i] == NULL)
            return &admin->visitors[i];
    return NULL;
}

static void on_accept(struct evconnlistener *listener UNUSED, evutil_socket_t fd,
                      struct sockaddr *from UNUSED, int from_len UNUSED, void *arg)
{
    const struct timeval time = {.tv_sec = CONNECTION_S};
    struct admin *admin = arg;
    struct visitor *visitor, **slot = free_slot(admin);

    if (slot == NULL) {
        close(fd);
        return;
    }
    visitor = mem_alloc(sizeof *visitor);
    *visitor = (struct visitor){
        .admin = admin,
        .slot = slot,
        .bev = bufferevent_socket_new(admin->options.base, fd, BEV_OPT_CLOSE_ON_FREE),
        .deadline = evtimer_new(admin->options.base, on_deadline, visitor),
    };
    if (visitor->bev == NULL || visitor->deadline == NULL || event_add(visitor->deadline, &time) != 0)
        abort(); /* no memory */
    *slot = visitor;
    bufferevent_setcb(visitor->bev, on_read, on_written, on_event, visitor);
    bufferevent_setwatermark(visitor->bev, EV_READ, 0, ADMIN_HEAD_MAX);
    bufferevent_enable(visitor->bev, EV_READ | EV_WRITE);
}

/* No file descriptors, say: trying at once again would only burn CPU. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    const struct timeval pause = {.tv_sec = ACCEPT_AGAIN_S};
    struct admin *admin = arg;

    log_warning("admin.accept_failed", "error=%s", LOGQ(strerror(errno)));
    evconnlistener_disable(listener);
    event_add(admin->accept_again, &pause);
}

static void on_accept_again(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct admin *admin = arg;

    evconnlistener_enable(admin->listener);
}

struct admin *admin_new(const struct admin_options *options, struct err *err)
{
    AUTO_BUF struct buf where = {0};
    struct admin *admin = mem_alloc(sizeof *admin);
    int fd;

    buf_init(&where, ADDRESS_MAX);
    *admin = (struct admin){.options = *options};
    if (!admin_check_address(options->listen, err) || !listen_parse(options->listen, &admin->address, err) ||
        !listen_open(&admin->address, 1, &fd, err)) {
        err_wrap(err, "cannot listen on %s", options->listen);
        free(admin);
        return NULL;
    }
    admin->listener = evconnlistener_new(options->base, on_accept, admin,
                                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    admin->accept_again = evtimer_new(options->base, on_accept_again, admin);
    if (admin->listener == NULL || admin->accept_again == NULL)
        abort(); /* no memory */
    evconnlistener_set_error_cb(admin->listener, on_accept_error);
    /* Described, as port 0 has become another. */
    log_info("admin.listening", "address=%s",
             LOGQ(listen_describe(fd, &where, err) ? where.data : options->listen));
    return admin;
}

void admin_free(struct admin *admin)
{
    if (admin == NULL)
        return;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (admin->visitors[i] != NULL)
            leave(admin->visitors[i]);
    evconnlistener_free(admin->listener);
    event_free(admin->accept_again);
    listen_forget(&admin->address);
    free(admin);
}

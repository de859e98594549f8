/*
 * Guard, libevhtp, router and reply as a whole, on a connection of its own for each input: whatever a client
 * sends, in whatever pieces, each answer is one that we write, there is exactly one for each request that
 * framing alone would have let through and for the one that it refuses, in their order, and the connection
 * ends. The first byte says how long the pieces are, and whether the client leaves without reading an answer.
 * Each input is sent to routes of our own, some of which answer later, too late or piece by piece, to those
 * of the API, and to these where each request needs a token; all without a database.
 */
#include "fuzz.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "api.h"
#include "attr.h"
#include "framing.h"
#include "log.h"
#include "mem.h"
#include "peers.h"
#include "reply.h"
#include "reply_stream.h"
#include "route.h"
#include "server_worker.h"
#include "uri.h"

enum { ANSWERS_MAX = 1 << 26, TURNS_MAX = 100000 };
/* Small enough for inputs to be beyond them. No route takes less, whether it has a use for a body or not. */
enum { BODY_MAX = 4096, IMPORT_MAX = 6000 };

static int handled;

static void expect(bool good)
{
    if (!good)
        abort();
}

static void echo(struct request *rq)
{
    AUTO_BUF struct buf body = {0};
    size_t len;

    handled++;
    buf_init(&body, ANSWERS_MAX);
    request_body(rq, &len);
    buf_printf(&body, "{\"length\":%zu,\"query\":%d}", len, request_query(rq, "q") != NULL);
    reply_json(rq, 200, &body);
}

static struct event_base *base_of(const struct request *rq)
{
    return request_worker(rq)->base;
}

static void soon(struct request *rq, event_callback_fn act)
{
    const struct timeval now = {0};

    expect(event_base_once(base_of(rq), -1, EV_TIMEOUT, act, rq, &now) == 0);
}

static void on_later(evutil_socket_t fd UNUSED, short what UNUSED, void *rq)
{
    echo(rq);
}

static void answer_later(struct request *rq)
{
    soon(rq, on_later);
}

static void on_too_late(evutil_socket_t fd, short what, void *rq);

static void answer_too_late(struct request *rq)
{
    soon(rq, on_too_late);
}

/* The next piece; each is longer than the one before. */
static void on_room(struct request *rq)
{
    static const size_t lengths[] = {1, 17, 70000};
    size_t *pieces = request_kept(rq);
    AUTO_BUF struct buf piece = {0};

    if (*pieces == ARRAY_LEN(lengths) || !request_is_awaited(rq)) {
        reply_stream_end(rq, true);
        return;
    }
    buf_init(&piece, ANSWERS_MAX);
    for (size_t i = 0; i < lengths[*pieces]; i++)
        buf_putc(&piece, 'x');
    ++*pieces;
    reply_stream_put(rq, &piece);
}

static void stream(struct request *rq)
{
    handled++;
    request_keep(rq, mem_alloc(sizeof(size_t)), free);
    if (reply_stream(rq, "text/plain", on_room))
        on_room(rq);
}

static const struct route routes[] = {
    {METHOD_GET, "/", echo, 0},
    {METHOD_GET, "/jobs/{id}", echo, 0},
    {METHOD_PUT, "/jobs/{id}", echo, 0},
    {METHOD_POST, "/jobs", echo, ROUTE_JSON},
    {METHOD_GET, "/later", answer_later, 0},
    {METHOD_GET, "/late", answer_too_late, 0},
    {METHOD_GET, "/stream", stream, 0},
};

static const char *const origins[] = {"https://a.example", NULL};
static const char *const listen_at[] = {"unix:/fuzz", NULL};

/* A server, as server.c makes it but without a thread: its loop is turned here. */
struct target {
    struct server_options options;
    struct server_worker worker;
    struct sockaddr_un name;
    socklen_t name_len;
};

enum { OWN_ROUTES, API, API_WITH_TOKENS, TARGETS };
static struct target targets[TARGETS];
static struct guard_counts counts;
static struct http_limits limits;

/* The deadline passes before the handler has its answer. */
static void on_too_late(evutil_socket_t fd UNUSED, short what UNUSED, void *rq)
{
    guards_hurry(&targets[OWN_ROUTES].worker.guards);
    echo(rq);
}

static void set_up(struct target *target, const struct router *router, enum server_tokens tokens)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr *name = (struct sockaddr *)&target->name;

    target->options = (struct server_options){
        .listen = listen_at,
        .workers = 1,
        .router = *router,
        .origins = origins,
        .tokens = tokens,
        .limits = limits,
        /* Deadlines that no stall of a busy machine reaches. */
        .request_timeout_ms = 3600000,
        .idle_timeout_ms = 3600000,
        .answer_timeout_ms = 3600000,
        .max_connections = 10,
    };
    target->name.sun_family = AF_UNIX;
    target->name_len = sizeof target->name.sun_family; /* the kernel chooses an abstract name */
    expect(bind(fd, name, target->name_len) == 0 && listen(fd, 8) == 0);
    target->name_len = sizeof target->name;
    expect(getsockname(fd, name, &target->name_len) == 0);
    expect(
        server_worker_init(&target->worker, NULL, &target->options, &counts, peers_new(10), 0, &fd, 1, NULL));
    target->worker.worker.app = api_open(&target->worker.worker);
}

static void set_up_all(void)
{
    const struct router own = {routes, sizeof routes / sizeof routes[0]}, api = {api_routes, api_route_count};

    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    log_init(LOG_LEVEL_CRITICAL, LOG_FORMAT_TEXT);
    limits = http_limits_default;
    limits.body = BODY_MAX;
    limits.import = IMPORT_MAX;
    set_up(&targets[OWN_ROUTES], &own, SERVER_TOKENS_NEVER);
    set_up(&targets[API], &api, SERVER_TOKENS_NEVER);
    set_up(&targets[API_WITH_TOKENS], &api, SERVER_TOKENS_ALWAYS);
}

static void turn(struct target *target)
{
    event_base_loop(target->worker.worker.base, EVLOOP_NONBLOCK);
}

/* What has come so far goes to answers; false at the end. */
static bool receive(int client, struct buf *answers)
{
    char text[65536];
    ssize_t n;

    while ((n = recv(client, text, sizeof text, MSG_DONTWAIT)) > 0)
        buf_put(answers, text, (size_t)n);
    return n < 0 && errno == EAGAIN;
}

/* Says where it hangs, which the input alone may not show again. */
static void give_up(size_t at, size_t size, bool said_all, const struct buf *answers)
{
    fprintf(stderr, "stuck: %zu of %zu bytes sent, half-closed: %d, connections: %d, answers so far:\n%s\n",
            at, size, said_all, atomic_load(&counts.open), answers->data);
    abort();
}

/* All bytes, then a half-close, then answers until the server closes. */
static void converse(struct target *target, int client, const uint8_t *data, size_t size, size_t piece,
                     struct buf *answers)
{
    size_t at = 0;
    bool open = true, said_all = false;

    for (int turns = 0; open; turns++) {
        size_t len = size - at < piece ? size - at : piece;
        ssize_t n = len == 0 ? 0 : send(client, data + at, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        at = n > 0 ? at + (size_t)n : at;
        if (!said_all && (at == size || (n < 0 && turns > TURNS_MAX / 2))) {
            shutdown(client, SHUT_WR);
            said_all = true;
        }
        turn(target);
        open = receive(client, answers);
        if (turns >= TURNS_MAX)
            give_up(at, size, said_all, answers);
        /* What waits for a timer of ours is not stuck, and is seen to be none for long. */
        if (turns > TURNS_MAX / 2)
            usleep(1000);
    }
}

/* Sends all that is taken at once, and goes, with answers unread. */
static void leave(struct target *target, int client, const uint8_t *data, size_t size)
{
    (void)send(client, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    turn(target);
    close(client);
    for (int turns = 0; atomic_load(&counts.open) > 0 && turns < TURNS_MAX; turns++)
        turn(target);
    expect(atomic_load(&counts.open) == 0 && atomic_load(&counts.refused) == 0);
}

/* What is to be answered to an input, a byte for each answer. */
enum { WITH_BODY = 'b', HEAD_ONLY = 'h' };

static bool find_route(const struct target *target, const struct framing *framing, const struct route **ret)
{
    struct route_match match = {0};
    bool found = route_find(&target->options.router, framing_method(framing), framing_path(framing), &match);

    *ret = match.route;
    return found && match.route != NULL;
}

/* The guard's rule for who may send a body, and how much. */
static size_t limit_of(void *arg, struct framing *framing)
{
    const struct target *target = arg;
    const struct route *route;
    bool found = find_route(target, framing, &route);
    bool open = (found && (route->flags & ROUTE_OPEN)) || strcmp(framing_method(framing), "OPTIONS") == 0;

    if (!framing_has_body(framing))
        return BODY_MAX;
    if (target->options.tokens == SERVER_TOKENS_ALWAYS && !open) {
        framing_refuse(framing, 401, "");
        return 0;
    }
    return found && (route->flags & ROUTE_LARGE) ? IMPORT_MAX : BODY_MAX;
}

/* Whether the answer is one after which there is no other. */
static bool is_streamed(const struct target *target, const struct framing *framing)
{
    const struct route *route;
    AUTO_BUF struct buf pairs = {0};

    if (!find_route(target, framing, &route) || route->handler != stream)
        return false;
    buf_init(&pairs, ANSWERS_MAX);
    return framing_query(framing) == NULL || uri_query_decode(framing_query(framing), &pairs);
}

static void foresee(struct target *target, const uint8_t *data, size_t size, struct buf *answers)
{
    struct framing framing;
    bool more = true;

    framing_init(&framing, &limits);
    framing.limit = limit_of;
    framing.limit_arg = target;
    for (size_t at = 0; at < size && more;) {
        at += framing_feed(&framing, (const char *)data + at, size - at);
        if (framing.state != FRAMING_DONE && framing.state != FRAMING_REFUSED)
            break;
        buf_putc(answers, strcmp(framing_method(&framing), "HEAD") == 0 ? HEAD_ONLY : WITH_BODY);
        more = framing.state == FRAMING_DONE && framing.keep_alive && !is_streamed(target, &framing);
        framing_reset(&framing);
    }
    framing_done(&framing);
}

/* Where a stream's body ends. */
static const char *skip_chunks(const char *at, const char *end)
{
    for (;;) {
        char *rest;
        size_t len = (size_t)strtoul(at, &rest, 16);

        expect(rest > at && strncmp(rest, "\r\n", 2) == 0 && len <= (size_t)(end - rest));
        at = rest + 2 + len;
        expect(strncmp(at, "\r\n", 2) == 0);
        at += 2;
        if (len == 0)
            return at;
    }
}

/* Where an answer's body ends, which its head tells. */
static const char *skip_body(const char *head, const char *body, const char *end, bool last)
{
    static const char length[] = "\r\nContent-Length: ", chunked[] = "\r\nTransfer-Encoding: chunked\r\n";
    const char *at = memmem(head, (size_t)(body - head), length, sizeof length - 1);

    if (at != NULL) {
        size_t len = (size_t)strtoul(at + sizeof length - 1, NULL, 10);

        expect(len <= (size_t)(end - body));
        return body + len;
    }
    expect(last); /* a stream */
    if (memmem(head, (size_t)(body - head), chunked, sizeof chunked - 1) != NULL)
        return skip_chunks(body, end);
    return end;
}

/* Answers follow each other without a byte between them. */
static void check_answers(const struct buf *answers, const struct buf *foreseen)
{
    const char *at = answers->data, *end = answers->data + answers->len;
    size_t count = 0;

    while (at < end) {
        const char *head = at, *blank = strstr(at, "\r\n\r\n");
        int status;

        expect(strncmp(at, "HTTP/1.", 7) == 0 && blank != NULL);
        status = atoi(at + 9);
        expect(status == 100 || status == 200 || status == 304 || (status >= 400 && status <= 505));
        at = blank + 4;
        if (status == 100)
            continue;
        expect(count < foreseen->len);
        if (foreseen->data[count++] == WITH_BODY && status != 304)
            at = skip_body(head, at, end, count == foreseen->len);
    }
    expect(count == foreseen->len);
}

static void try(struct target *target, const uint8_t *data, size_t size, size_t piece)
{
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    AUTO_BUF struct buf answers = {0}, foreseen = {0};

    buf_init(&answers, ANSWERS_MAX);
    buf_init(&foreseen, ANSWERS_MAX);
    foresee(target, data, size, &foreseen);
    handled = 0;
    expect(client >= 0 && connect(client, (const struct sockaddr *)&target->name, target->name_len) == 0);
    if (piece == 0) {
        leave(target, client, data, size);
    } else {
        converse(target, client, data, size, piece, &answers);
        close(client);
        for (int i = 0; i < 8 && atomic_load(&counts.open) > 0; i++)
            turn(target);
        expect(atomic_load(&counts.open) == 0 && atomic_load(&counts.refused) == 0);
        check_answers(&answers, &foreseen);
    }
    expect((size_t)handled <= foreseen.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (targets[0].worker.worker.base == NULL)
        set_up_all();
    if (size == 0)
        return 0;
    for (int i = 0; i < TARGETS; i++)
        try(&targets[i], data + 1, size - 1, data[0] == UINT8_MAX ? 0 : (size_t)data[0] * data[0] + 1);
    return 0;
}

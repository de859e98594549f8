/*
 * Guard, libevhtp, router and reply as a whole, on a connection of its own for each input: whatever a client
 * sends, in whatever pieces, each answer is one that we write, none is for a request that framing alone would
 * not have let through, and the connection ends. The first byte says how long the pieces are. Each input is
 * sent to routes of our own, to those of the API, and to these where each request needs a token; all without
 * a database.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "api.h"
#include "framing.h"
#include "log.h"
#include "peers.h"
#include "reply.h"
#include "server_worker.h"

enum { ANSWERS_MAX = 1 << 26, TURNS_MAX = 100000 };

static int handled;

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

static const struct route routes[] = {
    {METHOD_GET, "/", echo, 0},
    {METHOD_GET, "/jobs/{id}", echo, 0},
    {METHOD_PUT, "/jobs/{id}", echo, 0},
    {METHOD_POST, "/jobs", echo, ROUTE_JSON},
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

static void expect(bool good)
{
    if (!good)
        abort();
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
        .limits = http_limits_default,
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

    log_init(LOG_LEVEL_CRITICAL, LOG_FORMAT_TEXT);
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

/* How many requests framing lets through before it refuses or has too few bytes. */
static int count_good(const uint8_t *data, size_t size)
{
    struct framing framing;
    int good = 0;

    framing_init(&framing, &http_limits_default);
    for (size_t at = 0; at < size;) {
        at += framing_feed(&framing, (const char *)data + at, size - at);
        if (framing.state != FRAMING_DONE)
            break;
        good++;
        if (!framing.keep_alive)
            break;
        framing_reset(&framing);
    }
    framing_done(&framing);
    return good;
}

/* One answer's length, from its head; false: none is said. */
static bool read_length(const char *head, const char *end, size_t *ret)
{
    const char *at = strstr(head, "\r\nContent-Length: ");

    if (at == NULL || at > end)
        return false;
    *ret = (size_t)strtoul(at + strlen("\r\nContent-Length: "), NULL, 10);
    return true;
}

/* Answers follow each other without a byte between them. Those to HEAD have a length and no body, so with one
 * among the requests only the first head is looked at. Returns how many there are, but for 100. */
static int check_answers(const struct buf *answers, bool has_head)
{
    const char *at = answers->data;
    int count = 0;

    while (*at != '\0') {
        const char *end = strstr(at, "\r\n\r\n");
        size_t length = 0;
        int status;

        expect(strncmp(at, "HTTP/1.", 7) == 0 && end != NULL);
        status = atoi(at + 9);
        expect(status == 100 || status == 200 || status == 304 || (status >= 400 && status <= 505));
        expect(read_length(at, end, &length) || status == 100);
        count += status != 100;
        if (has_head)
            break;
        at = end + 4;
        if (status != 304)
            at += length;
        expect(at <= answers->data + answers->len);
    }
    return count;
}

static void try(struct target *target, const uint8_t *data, size_t size, size_t piece, int good)
{
    const bool has_head = memmem(data, size, "HEAD", 4) != NULL;
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), count;
    AUTO_BUF struct buf answers = {0};

    buf_init(&answers, ANSWERS_MAX);
    expect(client >= 0 && connect(client, (const struct sockaddr *)&target->name, target->name_len) == 0);
    converse(target, client, data, size, piece, &answers);
    close(client);
    for (int i = 0; i < 8 && atomic_load(&counts.open) > 0; i++)
        turn(target);
    expect(atomic_load(&counts.open) == 0 && atomic_load(&counts.refused) == 0);
    count = check_answers(&answers, has_head);
    if (has_head)
        return;
    /* Each good request is answered, and what is refused behind them, once. A body without a token is the
     * end. */
    expect(count == good || count == good + 1 || (target == &targets[API_WITH_TOKENS] && count <= good));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t piece;
    int good;

    if (targets[0].worker.worker.base == NULL)
        set_up_all();
    if (size == 0)
        return 0;
    piece = (size_t)data[0] * data[0] + 1;
    good = count_good(data + 1, size - 1);
    handled = 0;
    for (int i = 0; i < TARGETS; i++)
        try(&targets[i], data + 1, size - 1, piece, good);
    expect(handled <= good);
    return 0;
}

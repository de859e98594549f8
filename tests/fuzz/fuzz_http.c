/*
 * Guard, libevhtp, router and reply as a whole, on a connection of its own for each input: whatever a client
 * sends, in whatever pieces, each answer is one that we write, none is for a request that framing alone would
 * not have let through, and the connection ends. The first byte says how long the pieces are.
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

#include "framing.h"
#include "log.h"
#include "peers.h"
#include "reply.h"
#include "server_worker.h"

enum { ANSWERS_MAX = 1 << 22, TURNS_MAX = 100000 };

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
/* Deadlines that no stall of a busy machine reaches. */
static struct server_options options = {
    .workers = 1,
    .router = {routes, sizeof routes / sizeof routes[0]},
    .origins = origins,
    .request_timeout_ms = 3600000,
    .idle_timeout_ms = 3600000,
    .answer_timeout_ms = 3600000,
    .max_connections = 10,
};

/* As a server makes it, but without a thread: its loop is turned here. */
static struct server_worker worker;
static atomic_int connections;
static struct sockaddr_un name = {.sun_family = AF_UNIX};
static socklen_t name_len;

static void expect(bool good)
{
    if (!good)
        abort();
}

static void set_up(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    log_init(LOG_LEVEL_CRITICAL, LOG_FORMAT_TEXT);
    options.limits = http_limits_default;
    name_len = sizeof name.sun_family; /* the kernel chooses an abstract name */
    expect(bind(fd, (const struct sockaddr *)&name, name_len) == 0 && listen(fd, 8) == 0);
    name_len = sizeof name;
    expect(getsockname(fd, (struct sockaddr *)&name, &name_len) == 0);
    expect(server_worker_init(&worker, NULL, &options, &connections, peers_new(10), 0, &fd, 1, NULL));
}

static void turn(void)
{
    event_base_loop(worker.worker.base, EVLOOP_NONBLOCK);
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
            at, size, said_all, atomic_load(&connections), answers->data);
    abort();
}

/* All bytes, then a half-close, then answers until the server closes. */
static void converse(int client, const uint8_t *data, size_t size, size_t piece, struct buf *answers)
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
        turn();
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

    framing_init(&framing, &options.limits);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf answers;
    int client, good, count;
    size_t piece;
    bool has_head;

    if (worker.worker.base == NULL)
        set_up();
    if (size == 0)
        return 0;
    piece = (size_t)data[0] * data[0] + 1;
    data++;
    size--;
    buf_init(&answers, ANSWERS_MAX);
    good = count_good(data, size);
    handled = 0;
    client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    expect(client >= 0 && connect(client, (const struct sockaddr *)&name, name_len) == 0);
    converse(client, data, size, piece, &answers);
    close(client);
    for (int i = 0; i < 8 && atomic_load(&connections) > 0; i++)
        turn();
    expect(atomic_load(&connections) == 0);
    expect(handled <= good);
    has_head = memmem(data, size, "HEAD", 4) != NULL;
    count = check_answers(&answers, has_head);
    /* Each good request is answered, and what is refused behind them, once. */
    if (!has_head)
        expect(count == good || count == good + 1);
    buf_done(&answers);
    return 0;
}

/*
 * webapid's HTTP side with other handlers: they answer what they were given, at once or later, so that a test
 * sees what reaches a handler. Set up by the environment: LISTEN, WORKERS, ORIGINS, MAX_CONNECTIONS,
 * MAX_PER_ADDRESS, MAX_URI, MAX_HEAD, MAX_HEADERS, MAX_BODY, MAX_UNREAD and REQUEST_MS, IDLE_MS, ANSWER_MS
 * and DRAIN_MS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "daemon.h"
#include "json.h"
#include "mem.h"
#include "reply.h"
#include "server.h"

enum { BODY_MAX = 32 << 20, WORDS_MAX = 16 };

/* ---- Handlers ---- */

static void put_member(struct buf *body, const char *name, const char *value)
{
    buf_printf(body, "%s\"%s\":", body->len > 1 ? "," : "", name);
    if (value == NULL)
        buf_puts(body, "null");
    else
        json_put_string(body, value);
}

static void put_request(struct buf *body, struct request *rq)
{
    size_t len;
    const char *text = request_body(rq, &len);

    buf_putc(body, '{');
    put_member(body, "path", request_path(rq));
    put_member(body, "param", request_param(rq));
    put_member(body, "q", request_query(rq, "q"));
    put_member(body, "x", request_header(rq, "X"));
    buf_puts(body, ",\"body\":");
    json_put_string_len(body, text, len);
    buf_printf(body, ",\"length\":%zu,\"worker\":%d}", len, request_worker(rq)->number);
}

static void echo(struct request *rq)
{
    AUTO_BUF struct buf body = {0};

    buf_init(&body, BODY_MAX);
    put_request(&body, rq);
    reply_json(rq, 200, &body);
}

static void create(struct request *rq)
{
    AUTO_BUF struct buf body = {0};

    buf_init(&body, BODY_MAX);
    put_request(&body, rq);
    reply_header(rq, "Location", request_path(rq));
    reply_etag(rq, "\"r1-x\"");
    reply_json(rq, 201, &body);
}

/* GET /later/{ms}: answers then, or when the worker ends. What is kept is freed with the request, whoever has
 * answered it. A worker's are in a list, whose head is its app. */
struct later {
    struct request *rq;
    struct event *timer;
    struct later *next, **at;
};

static void *open_worker(struct worker *worker UNUSED)
{
    return mem_alloc(sizeof(struct later *));
}

static void close_worker(struct worker *worker)
{
    struct later **first = worker->app;

    while (*first != NULL)
        reply_status((*first)->rq, 200);
    free(first);
}

static void free_later(void *arg)
{
    struct later *later = arg;

    *later->at = later->next;
    if (later->next != NULL)
        later->next->at = later->at;
    event_free(later->timer);
    free(later);
}

static void on_later(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct later *later = arg;

    fprintf(stderr, "answers later, awaited: %s\n", request_is_awaited(later->rq) ? "yes" : "no");
    echo(later->rq);
}

static void answer_later(struct request *rq)
{
    struct later *later = mem_alloc(sizeof *later), **first = request_worker(rq)->app;
    const int ms = atoi(request_param(rq));
    const struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    *later = (struct later){rq, evtimer_new(request_worker(rq)->base, on_later, later), *first, first};
    if (later->next != NULL)
        later->next->at = &later->next;
    *first = later;
    request_keep(rq, later, free_later);
    evtimer_add(later->timer, &delay);
}

static void fill(struct request *rq)
{
    AUTO_BUF struct buf body = {0};
    const int len = atoi(request_param(rq));

    buf_init(&body, BODY_MAX);
    buf_putc(&body, '"');
    for (int i = 0; i < len; i++)
        buf_putc(&body, 'x');
    buf_putc(&body, '"');
    reply_json(rq, 200, &body);
}

static void fail(struct request *rq)
{
    static const struct {
        const char *name;
        enum err_kind kind;
    } kinds[] = {
        {"invalid", ERR_INVALID}, {"missing", ERR_NOT_FOUND},       {"conflict", ERR_CONFLICT},
        {"denied", ERR_DENIED},   {"unavailable", ERR_UNAVAILABLE}, {"internal", ERR_INTERNAL},
    };
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(request_param(rq), kinds[i].name) == 0)
            err_set(&err, kinds[i].kind, "the \"words\" of it");
    reply_err(rq, &err);
}

static void complain(struct request *rq)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    const struct job_at trigger = {&report, NULL, "trigger"}, queue = {&report, &trigger, "queueName"};

    job_complain(&queue, "Not a valid string.");
    reply_report(rq, &report);
}

static const struct route routes[] = {
    {METHOD_GET, "/", echo, 0},
    {METHOD_GET, "/echo/{name}", echo, 0},
    {METHOD_POST, "/echo/{name}", echo, ROUTE_BODY},
    {METHOD_PUT, "/echo/{name}", echo, ROUTE_BODY},
    {METHOD_POST, "/json", create, ROUTE_JSON},
    {METHOD_GET, "/database", echo, ROUTE_DB},
    {METHOD_GET, "/later/{ms}", answer_later, 0},
    {METHOD_PUT, "/later/{ms}", answer_later, 0},
    {METHOD_GET, "/fill/{bytes}", fill, 0},
    {METHOD_GET, "/fail/{kind}", fail, 0},
    {METHOD_GET, "/complain", complain, 0},
};

/* ---- The program ---- */

struct program {
    struct event_base *base;
    struct server *server;
};

static int number(const char *name, int otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : atoi(text);
}

/* A setting, cut at its commas. */
static void split(char *text, const char *words[static WORDS_MAX])
{
    char *rest = NULL;
    size_t count = 0;

    for (char *word = strtok_r(text, ",", &rest); word != NULL && count < WORDS_MAX - 1;
         word = strtok_r(NULL, ",", &rest))
        words[count++] = word;
    words[count] = NULL;
}

static void on_stop(void *arg)
{
    server_stop(((struct program *)arg)->server);
}

static void on_stopped(void *arg)
{
    event_base_loopbreak(((struct program *)arg)->base);
}

int main(void)
{
    struct program program = {.base = event_base_new()};
    struct daemon *daemon = daemon_new(program.base, on_stop, NULL, &program);
    AUTO_FREE char *listen = mem_strdup(getenv("LISTEN") == NULL ? "127.0.0.1:0" : getenv("LISTEN"));
    AUTO_FREE char *origins = mem_strdup(getenv("ORIGINS") == NULL ? "" : getenv("ORIGINS"));
    const char *addresses[WORDS_MAX], *allowed[WORDS_MAX];
    const struct server_options options = {
        .listen = addresses,
        .workers = number("WORKERS", 2),
        .router = {routes, ARRAY_LEN(routes)},
        .origins = allowed,
        .request_timeout_ms = number("REQUEST_MS", 30000),
        .idle_timeout_ms = number("IDLE_MS", 30000),
        .answer_timeout_ms = number("ANSWER_MS", 30000),
        .drain_timeout_ms = number("DRAIN_MS", 10000),
        .limits = {.uri = (size_t)number("MAX_URI", (int)http_limits_default.uri),
                   .head = (size_t)number("MAX_HEAD", (int)http_limits_default.head),
                   .headers = (size_t)number("MAX_HEADERS", (int)http_limits_default.headers),
                   .body = (size_t)number("MAX_BODY", (int)http_limits_default.body),
                   .import = http_limits_default.import,
                   .json = http_limits_default.json,
                   .unread = (size_t)number("MAX_UNREAD", (int)http_limits_default.unread)},
        .max_connections = number("MAX_CONNECTIONS", 1000),
        .max_per_address = number("MAX_PER_ADDRESS", 1000),
        .open = open_worker,
        .close = close_worker,
        .on_stopped = on_stopped,
        .arg = &program,
    };
    struct err err = {0};
    int code = DAEMON_EXIT_FAILURE;

    split(listen, addresses);
    split(origins, allowed);
    program.server = server_start(program.base, &options, &err);
    if (program.server == NULL) {
        fprintf(stderr, "echod: %s\n", err.text);
    } else {
        event_base_dispatch(program.base);
        code = daemon_exit_code(daemon);
    }
    server_free(program.server);
    daemon_free(daemon);
    event_base_free(program.base);
    return code;
}

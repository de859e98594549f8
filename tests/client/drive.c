/*
 * Calls ECS and SQS as scheduld does, for test_client*.py: commands on standard input, a JSON object a line,
 * and what came of each on standard output, in the order in which it came.
 *
 *     {"id": 1, "op": "list", "cluster": "c", "family": "f"}
 *     {"id": 2, "op": "describe", "cluster": "c", "tasks": ["arn:...", ...]}
 *     {"id": 3, "op": "run", "plan": "{...}", "count": 2, "token": "..."}
 *     {"id": 4, "op": "depth", "queue": "q"} or with "url": "https://..."
 *     {"id": 5, "op": "pending"}
 *     {"op": "lease", "holds": false}    from now on no RunTask may be sent
 *     {"op": "stop"}    frees the client at once; so does the end of the input, when all is answered
 *
 * In the environment: AWS's own variables, DRIVE_TIMEOUT_MS, DRIVE_CONNECT_TIMEOUT_MS, DRIVE_MAX_IN_FLIGHT,
 * DRIVE_LAUNCH_RATE and DRIVE_LAUNCH_BURST (no limit without). A name that ends with "unanswered.invalid" is
 * never resolved, as when the name server answers nothing.
 */
#include "attr.h"
#include "aws_client.h"
#include "buf.h"
#include "ecs.h"
#include "json.h"
#include "log.h"
#include "mem.h"
#include "sqs.h"

#include <dlfcn.h>
#include <event2/event.h>
#include <json-c/json.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    struct event_base *base;
    struct event *input;
    struct aws_client *client;
    struct ecs *ecs;
    struct sqs *sqs;
    struct buf text; /* input that is no whole line yet */
    size_t open;     /* commands without an answer */
    bool ended, without_lease;
    int64_t sends; /* that may go out until the lease ends; 0: any number */
} drive;

struct command {
    int64_t id;
    bool inside; /* still within the call that began it: a callback now is a mistake */
};

/* Instead of the C library's, which libcurl would call in a thread of its own. */
__attribute__((visibility("default"))) int getaddrinfo(const char *restrict name,
                                                       const char *restrict service,
                                                       const struct addrinfo *restrict hints,
                                                       struct addrinfo **restrict ret)
{
    static const char unanswered[] = "unanswered.invalid";
    size_t len = name == NULL ? 0 : strlen(name);
    int (*resolve)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    while (len >= sizeof unanswered - 1 && strcmp(name + len - (sizeof unanswered - 1), unanswered) == 0)
        pause();
    *(void **)&resolve = dlsym(RTLD_NEXT, "getaddrinfo");
    return resolve(name, service, hints, ret);
}

static void print_line(struct buf *line)
{
    buf_puts(line, "}\n");
    fputs(line->data, stdout);
    fflush(stdout);
}

static void begin_answer(struct buf *line, struct command *command)
{
    if (command->inside) {
        fprintf(stderr, "drive: answered from inside the call\n");
        abort();
    }
    buf_init(line, 1 << 27);
    buf_printf(line, "{\"id\":%lld", (long long)command->id);
}

static void end_answer(struct buf *line, struct command *command)
{
    print_line(line);
    free(command);
    drive.open--;
    if (drive.ended && drive.open == 0)
        event_base_loopbreak(drive.base);
}

static void put_text(struct buf *line, const char *name, const char *value)
{
    buf_printf(line, ",\"%s\":", name);
    if (value == NULL)
        buf_puts(line, "null");
    else
        json_put_string(line, value);
}

static void put_list(struct buf *line, const char *name, const char *const *items, size_t count)
{
    buf_printf(line, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        buf_puts(line, i > 0 ? "," : "");
        json_put_string(line, items[i]);
    }
    buf_putc(line, ']');
}

static void put_error(struct buf *line, const struct aws_error *error)
{
    char text[2048];

    buf_printf(line, ",\"error\":{\"status\":%d,\"attempts\":%d,\"may_have_acted\":%s", error->status,
               error->attempts, error->may_have_acted ? "true" : "false");
    put_text(line, "kind", aws_error_kind_name(error->kind));
    put_text(line, "operation", error->operation);
    put_text(line, "code", error->code);
    put_text(line, "message", error->message);
    put_text(line, "request_id", error->request_id);
    put_text(line, "text", aws_error_text(error, text, sizeof text));
    put_list(line, "resource_ids", (const char *const *)error->resource_ids, error->resource_id_count);
    buf_putc(line, '}');
}

static void on_arns(void *arg, const char *const *arns, size_t count, const struct aws_error *error)
{
    AUTO_BUF struct buf line;

    begin_answer(&line, arg);
    if (error != NULL)
        put_error(&line, error);
    else
        put_list(&line, "arns", arns, count);
    end_answer(&line, arg);
}

static void put_tasks(struct buf *line, const struct ecs_tasks *tasks)
{
    buf_puts(line, ",\"tasks\":[");
    for (size_t i = 0; i < tasks->count; i++) {
        const struct ecs_task *task = &tasks->items[i];

        buf_puts(line, i > 0 ? ",{\"n\":0" : "{\"n\":0");
        put_text(line, "arn", task->arn);
        put_text(line, "host", task->host_arn);
        put_text(line, "last_status", task->last_status);
        put_text(line, "started_by", task->started_by);
        put_text(line, "tag", task->override_tag);
        buf_putc(line, '}');
    }
    buf_puts(line, "],\"failures\":[");
    for (size_t i = 0; i < tasks->failure_count; i++) {
        const struct ecs_failure *failure = &tasks->failures[i];

        buf_printf(line, "%s{\"retryable\":%s", i > 0 ? "," : "", failure->retryable ? "true" : "false");
        put_text(line, "arn", failure->arn);
        put_text(line, "reason", failure->reason);
        buf_putc(line, '}');
    }
    buf_putc(line, ']');
}

static void on_tasks(void *arg, const struct ecs_tasks *tasks, const struct aws_error *error)
{
    AUTO_BUF struct buf line;

    begin_answer(&line, arg);
    if (error != NULL)
        put_error(&line, error);
    else
        put_tasks(&line, tasks);
    end_answer(&line, arg);
}

static void on_depth(void *arg, const struct sqs_depth *depth, const struct aws_error *error)
{
    AUTO_BUF struct buf line;

    begin_answer(&line, arg);
    if (error != NULL)
        put_error(&line, error);
    else
        buf_printf(&line, ",\"visible\":%lld,\"in_flight\":%lld,\"delayed\":%lld", (long long)depth->visible,
                   (long long)depth->in_flight, (long long)depth->delayed);
    end_answer(&line, arg);
}

static const char *text_of(const struct json_object *obj, const char *key)
{
    const char *value = "";

    json_get_string_opt(obj, key, &value, NULL);
    return value;
}

/* Some more requests, if so many were granted; else any, or none. */
static bool may_send(void *arg UNUSED)
{
    bool may = !drive.without_lease;

    if (drive.sends > 0)
        drive.without_lease = --drive.sends == 0;
    return may;
}

static void run(const struct json_object *obj, struct command *command)
{
    int64_t count = 1;

    json_get_int64_opt(obj, "count", &count, NULL);
    ecs_ops_aws.run_task(drive.ecs,
                         &(struct ecs_run_task){.plan = text_of(obj, "plan"),
                                                .count = (int)count,
                                                .client_token = text_of(obj, "token"),
                                                .may_send = may_send},
                         on_tasks, command);
}

static void describe(const struct json_object *obj, struct command *command)
{
    struct json_object *list = json_object_object_get(obj, "tasks");
    size_t count = json_object_array_length(list);
    AUTO_FREE const char **arns = mem_array(count, sizeof *arns);

    for (size_t i = 0; i < count; i++)
        arns[i] = json_object_get_string(json_object_array_get_idx(list, i));
    ecs_ops_aws.describe_tasks(drive.ecs, text_of(obj, "cluster"), arns, count, on_tasks, command);
}

static void answer_pending(struct command *command)
{
    AUTO_BUF struct buf line;

    begin_answer(&line, command);
    buf_printf(&line, ",\"pending\":%zu", aws_client_pending(drive.client));
    end_answer(&line, command);
}

static void obey(const struct json_object *obj)
{
    const char *op = text_of(obj, "op");
    struct command *command;

    if (strcmp(op, "stop") == 0) {
        event_base_loopbreak(drive.base);
        return;
    }
    if (strcmp(op, "lease") == 0) {
        drive.without_lease = !json_object_get_boolean(json_object_object_get(obj, "holds"));
        drive.sends = 0;
        json_get_int64_opt(obj, "sends", &drive.sends, NULL);
        return;
    }
    command = mem_alloc(sizeof *command);
    json_get_int64_opt(obj, "id", &command->id, NULL);
    drive.open++;
    if (strcmp(op, "pending") == 0) {
        answer_pending(command);
        return;
    }
    command->inside = true;
    if (strcmp(op, "list") == 0)
        ecs_ops_aws.list_tasks(drive.ecs, text_of(obj, "cluster"), text_of(obj, "family"), on_arns, command);
    else if (strcmp(op, "describe") == 0)
        describe(obj, command);
    else if (strcmp(op, "run") == 0)
        run(obj, command);
    else
        sqs_ops_aws.queue_depth(
            drive.sqs,
            &(struct sqs_queue){.name = text_of(obj, "queue"),
                                .url = *text_of(obj, "url") != '\0' ? text_of(obj, "url") : NULL},
            on_depth, command);
    command->inside = false;
}

static void on_input(evutil_socket_t fd, short what UNUSED, void *arg UNUSED)
{
    char part[65536];
    ssize_t n = read(fd, part, sizeof part);
    char *end;

    if (n <= 0) {
        drive.ended = true;
        event_del(drive.input);
        if (drive.open == 0)
            event_base_loopbreak(drive.base);
        return;
    }
    buf_put(&drive.text, part, (size_t)n);
    while ((end = memchr(drive.text.data, '\n', drive.text.len)) != NULL) {
        AUTO_JSON struct json_object *obj = NULL;
        size_t len = (size_t)(end - drive.text.data);
        struct err err;

        if (!json_parse(drive.text.data, len, &obj, &err)) {
            fprintf(stderr, "drive: %s\n", err.text);
            exit(2);
        }
        buf_consume(&drive.text, len + 1);
        obey(obj);
    }
}

static int64_t number_of(const char *name)
{
    const char *value = getenv(name);

    return value == NULL ? 0 : strtoll(value, NULL, 10);
}

int main(void)
{
    struct aws_client_options options = {
        .connect_timeout_ms = number_of("DRIVE_CONNECT_TIMEOUT_MS"),
        .timeout_ms = number_of("DRIVE_TIMEOUT_MS"),
        .max_in_flight = (size_t)number_of("DRIVE_MAX_IN_FLIGHT"),
        .rates = {[AWS_LAUNCHES] = {number_of("DRIVE_LAUNCH_RATE"), number_of("DRIVE_LAUNCH_BURST")}}};
    struct err err;

    log_init(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    drive.base = options.base = event_base_new();
    buf_init(&drive.text, 1 << 24);
    if (!aws_client_new(&options, &drive.client, &err)) {
        AUTO_BUF struct buf line;

        buf_init(&line, 1 << 16);
        buf_puts(&line, "{\"id\":0");
        put_text(&line, "refused", err.text);
        buf_printf(&line, ",\"later\":%s", err.kind == ERR_UNAVAILABLE ? "true" : "false");
        print_line(&line);
    } else {
        drive.ecs = ecs_new(drive.client);
        drive.sqs = sqs_new(drive.client);
        drive.input = event_new(drive.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, NULL);
        event_add(drive.input, NULL);
        event_base_dispatch(drive.base);
        event_free(drive.input);
        aws_client_free(drive.client);
        ecs_free(drive.ecs);
        sqs_free(drive.sqs);
    }
    buf_done(&drive.text);
    event_base_free(drive.base);
    libevent_global_shutdown();
    return 0;
}

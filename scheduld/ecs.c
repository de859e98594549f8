/* See ecs.h. Each operation is an object of its own that lives from the call to its callback. */
#include "ecs.h"

#include "aws_client.h"
#include "json.h"
#include "limits.h"
#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGES_MAX = 1000, /* of ListTasks: 100,000 tasks of one family */
    READ_TIMEOUT_MS = 10000,
    REQUEST_MAX = 1 << 20, /* bytes; ECS takes less */
};

static const struct aws_service service = {.name = "ecs",
                                           .target = "AmazonEC2ContainerServiceV20141113",
                                           .content_type = "application/x-amz-json-1.1"};

struct ecs {
    struct aws_client *client; /* lent */
};

struct ecs *ecs_new(struct aws_client *client)
{
    struct ecs *ecs = mem_alloc(sizeof *ecs);

    ecs->client = client;
    return ecs;
}

void ecs_free(struct ecs *ecs)
{
    free(ecs);
}

typedef bool decode_fn(void *arg, const struct json_object *answer, struct err *err);
typedef void done_fn(void *arg, const struct aws_error *error);

static void call(struct ecs *ecs, const char *operation, const struct buf *body, decode_fn *decode,
                 done_fn *done, void *arg)
{
    aws_call(ecs->client, &(struct aws_call_spec){.service = &service,
                                                  .operation = operation,
                                                  .lane = AWS_READS,
                                                  .timeout_ms = READ_TIMEOUT_MS,
                                                  .body = body->data,
                                                  .body_len = body->len,
                                                  .decode = decode,
                                                  .done = done,
                                                  .arg = arg});
}

/* ListTasks: page after page. */

struct list_op {
    struct ecs *ecs;        /* lent */
    const char *desired;    /* status */
    char *cluster, *family; /* owned, as all below */
    char **arns;
    size_t count;
    char *next_token; /* NULL: this was the last page */
    int pages;
    ecs_arns_fn *done;
    void *arg;
};

static void list_end(struct list_op *op, const struct aws_error *error)
{
    struct list_op last = *op;

    free(op);
    if (error != NULL)
        last.done(last.arg, NULL, 0, error);
    else
        last.done(last.arg, (const char *const *)last.arns, last.count, NULL);
    for (size_t i = 0; i < last.count; i++)
        free(last.arns[i]);
    free(last.arns);
    free(last.next_token);
    free(last.cluster);
    free(last.family);
}

static bool list_decode(void *arg, const struct json_object *answer, struct err *err)
{
    struct list_op *op = arg;
    char *next;

    if (!ecs_read_list(answer, &op->arns, &op->count, &next, err))
        return false;
    free(op->next_token);
    op->next_token = next;
    return true;
}

static void list_page(struct list_op *op);

static void list_done(void *arg, const struct aws_error *error)
{
    struct list_op *op = arg;
    struct aws_error endless;

    op->pages++;
    if (error != NULL || op->next_token == NULL) {
        list_end(op, error);
    } else if (op->pages == PAGES_MAX) {
        aws_error_set(&endless, AWS_REFUSED, "too many tasks",
                      "the list of tasks of %s goes on after %d pages", op->family, PAGES_MAX);
        list_end(op, &endless);
    } else {
        list_page(op);
    }
}

static void list_page(struct list_op *op)
{
    AUTO_BUF struct buf body;

    buf_init(&body, REQUEST_MAX);
    ecs_put_list_tasks(&body, op->cluster, op->family, op->desired, op->next_token);
    call(op->ecs, "ListTasks", &body, list_decode, list_done, op);
}

static void list(struct ecs *ecs, const char *desired, const char *cluster, const char *family,
                 ecs_arns_fn *done, void *done_arg)
{
    struct list_op *op = mem_alloc(sizeof *op);

    op->ecs = ecs;
    op->desired = desired;
    op->cluster = mem_strdup(cluster);
    op->family = mem_strdup(family);
    op->done = done;
    op->arg = done_arg;
    list_page(op);
}

static void list_tasks(void *arg, const char *cluster, const char *family, ecs_arns_fn *done, void *done_arg)
{
    list(arg, "RUNNING", cluster, family, done, done_arg);
}

static void list_stopped(void *arg, const char *cluster, const char *family, ecs_arns_fn *done,
                         void *done_arg)
{
    list(arg, "STOPPED", cluster, family, done, done_arg);
}

/* DescribeTasks and RunTask: what comes of both is tasks and failures. */

struct tasks_op {
    struct ecs *ecs; /* lent */
    char *cluster;   /* owned, as all below; DescribeTasks only, as the three below */
    char **arns;
    size_t count, next;
    struct ecs_tasks page; /* of the last answer */
    struct ecs_tasks all;
    ecs_tasks_fn *done;
    void *arg;
};

static struct tasks_op *tasks_begin(struct ecs *ecs, ecs_tasks_fn *done, void *arg)
{
    struct tasks_op *op = mem_alloc(sizeof *op);

    op->ecs = ecs;
    op->done = done;
    op->arg = arg;
    return op;
}

static void tasks_end(struct tasks_op *op, const struct aws_error *error)
{
    struct tasks_op last = *op;

    free(op);
    last.done(last.arg, error == NULL ? &last.all : NULL, error);
    ecs_tasks_done(&last.all);
    ecs_tasks_done(&last.page);
    for (size_t i = 0; i < last.count; i++)
        free(last.arns[i]);
    free(last.arns);
    free(last.cluster);
}

static bool tasks_decode(void *arg, const struct json_object *answer, struct err *err)
{
    struct tasks_op *op = arg;

    return ecs_read_tasks(answer, &op->page, err);
}

/* Moves a page to the end of what there is. */
static void tasks_add(struct ecs_tasks *all, struct ecs_tasks *page)
{
    all->items = mem_grow(all->items, all->count + page->count, sizeof *all->items);
    all->failures = mem_grow(all->failures, all->failure_count + page->failure_count, sizeof *all->failures);
    if (page->count > 0)
        memcpy(all->items + all->count, page->items, page->count * sizeof *page->items);
    if (page->failure_count > 0)
        memcpy(all->failures + all->failure_count, page->failures,
               page->failure_count * sizeof *page->failures);
    all->count += page->count;
    all->failure_count += page->failure_count;
    free(page->items);
    free(page->failures);
    *page = (struct ecs_tasks){0};
}

static void describe_batch(struct tasks_op *op);

static void tasks_done(void *arg, const struct aws_error *error)
{
    struct tasks_op *op = arg;

    if (error == NULL)
        tasks_add(&op->all, &op->page);
    if (error == NULL && op->next < op->count)
        describe_batch(op);
    else
        tasks_end(op, error);
}

/* Answers from the loop, without a call. */
static void tasks_decided(struct tasks_op *op, const struct aws_error *error)
{
    aws_call_decided(op->ecs->client,
                     &(struct aws_call_spec){.operation = "RunTask", .done = tasks_done, .arg = op}, error);
}

static void describe_batch(struct tasks_op *op)
{
    size_t left = op->count - op->next;
    size_t n = left < DESCRIBE_TASKS_MAX ? left : DESCRIBE_TASKS_MAX;
    AUTO_BUF struct buf body;

    buf_init(&body, REQUEST_MAX);
    ecs_put_describe_tasks(&body, op->cluster, (const char *const *)op->arns + op->next, n);
    op->next += n;
    call(op->ecs, "DescribeTasks", &body, tasks_decode, tasks_done, op);
}

static void describe_tasks(void *arg, const char *cluster, const char *const *arns, size_t count,
                           ecs_tasks_fn *done, void *done_arg)
{
    struct tasks_op *op = tasks_begin(arg, done, done_arg);

    op->cluster = mem_strdup(cluster);
    op->arns = mem_array(count, sizeof *op->arns);
    op->count = count;
    for (size_t i = 0; i < count; i++)
        op->arns[i] = mem_strdup(arns[i]);
    if (count == 0)
        tasks_decided(op, NULL);
    else
        describe_batch(op);
}

static void launch(struct tasks_op *op, const struct buf *body, const struct ecs_run_task *request)
{
    aws_call(op->ecs->client, &(struct aws_call_spec){.service = &service,
                                                      .operation = "RunTask",
                                                      .lane = AWS_LAUNCHES,
                                                      .body = body->data,
                                                      .body_len = body->len,
                                                      .decode = tasks_decode,
                                                      .may_send = request->may_send,
                                                      .may_send_arg = request->may_send_arg,
                                                      .done = tasks_done,
                                                      .arg = op});
}

static void run_task(void *arg, const struct ecs_run_task *request, ecs_tasks_fn *done, void *done_arg)
{
    struct tasks_op *op = tasks_begin(arg, done, done_arg);
    AUTO_BUF struct buf body;
    struct aws_error error;
    struct err err;

    buf_init(&body, REQUEST_MAX);
    if (!ecs_put_run_task(&body, request, &err)) {
        aws_error_set(&error, AWS_REFUSED, "not sent", "%s", err.text);
        tasks_decided(op, &error);
    } else if (buf_full(&body)) {
        aws_error_set(&error, AWS_REFUSED, "not sent", "the request is longer than %d bytes", REQUEST_MAX);
        tasks_decided(op, &error);
    } else {
        launch(op, &body, request);
    }
}

/* Whose turn it is. */

static size_t launch_room(void *arg)
{
    const struct ecs *ecs = arg;

    return aws_client_room(ecs->client, AWS_LAUNCHES);
}

static size_t read_room(void *arg)
{
    const struct ecs *ecs = arg;

    return aws_client_room(ecs->client, AWS_READS);
}

static void on_room(void *arg, void (*fn)(void *arg), void *fn_arg)
{
    const struct ecs *ecs = arg;

    aws_client_on_room(ecs->client, AWS_LAUNCHES, fn, fn_arg);
    aws_client_on_room(ecs->client, AWS_READS, fn, fn_arg);
}

const struct ecs_ops ecs_ops_aws = {.list_tasks = list_tasks,
                                    .list_stopped = list_stopped,
                                    .describe_tasks = describe_tasks,
                                    .run_task = run_task,
                                    .launch_room = launch_room,
                                    .read_room = read_room,
                                    .on_room = on_room};

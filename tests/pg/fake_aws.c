/* See fake_aws.h. */
#include "pg.h"

#include "fake_aws.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "mem.h"
#include "plan.h"

struct later {
    void (*fn)(void *arg);
    void *arg;
};

static void on_later(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct later later = *(struct later *)arg;

    free(arg);
    later.fn(later.arg);
}

/* A callback never comes from inside the call. */
static void soon(struct fake_aws *fake, void (*fn)(void *arg), void *arg)
{
    struct later *later = mem_alloc(sizeof *later);

    *later = (struct later){fn, arg};
    event_base_once(fake->base, -1, EV_TIMEOUT, on_later, later, &(struct timeval){0});
}

static void answer(struct fake_aws *fake, bool hold, void (*fn)(void *arg), void *arg)
{
    if (!hold) {
        soon(fake, fn, arg);
        return;
    }
    assert_true(fake->held_count < FAKE_HELD_MAX);
    fake->held[fake->held_count] = fn;
    fake->held_args[fake->held_count++] = arg;
}

void fake_release(struct fake_aws *fake)
{
    fake->hold_lists = fake->hold_runs = fake->hold_depths = false;
    for (size_t i = 0; i < fake->held_count; i++)
        soon(fake, fake->held[i], fake->held_args[i]);
    fake->held_count = 0;
}

void fake_init(struct fake_aws *fake, struct event_base *base)
{
    *fake = (struct fake_aws){.base = base};
    buf_init(&fake->calls, 1 << 20);
}

void fake_done(struct fake_aws *fake)
{
    buf_done(&fake->calls);
}

void fake_script(struct fake_aws *fake, const enum fake_answer *answers, size_t count)
{
    memcpy(fake->script, answers, count * sizeof *answers);
    fake->script_len = count;
    fake->script_at = 0;
}

int fake_started(const struct fake_aws *fake)
{
    int count = 0;

    for (size_t i = 0; i < fake->start_count; i++)
        count += fake->starts[i].count;
    return count;
}

static bool fails(struct fake_aws *fake, enum aws_error_kind kind)
{
    if (kind == AWS_OK || fake->errors_left == 0)
        return false;
    fake->errors_left -= fake->errors_left > 0;
    return true;
}

/* ListTasks and DescribeTasks. */

struct list_call {
    struct fake_aws *fake;
    bool stopped;
    ecs_arns_fn *done;
    void *arg;
};

static void put_arn(char out[100], const char *token, int i)
{
    snprintf(out, 100, "arn:%.12s-%d", token, i);
}

static void list_answer(void *arg)
{
    struct list_call call = *(struct list_call *)arg;
    const char *arns[100];
    AUTO_FREE char(*started)[100] = NULL;
    size_t count = 0;
    struct aws_error error;

    free(arg);
    if (fails(call.fake, call.fake->list_error)) {
        aws_error_set(&error, call.fake->list_error, "ListError", "as the script says");
        call.done(call.arg, NULL, 0, &error);
        return;
    }
    for (size_t i = 0; !call.stopped && i < call.fake->running; i++)
        arns[count++] = "arn:running";
    if (call.fake->listing == FAKE_LISTS_BOTH ||
        call.fake->listing == (call.stopped ? FAKE_LISTS_STOPPED : FAKE_LISTS_RUNNING)) {
        started = mem_array(ARRAY_LEN(arns), sizeof *started);
        for (size_t i = 0; i < call.fake->start_count; i++)
            for (int k = 0; k < call.fake->starts[i].count; k++) {
                put_arn(started[count], call.fake->starts[i].token, k);
                arns[count] = started[count];
                count++;
            }
    }
    call.done(call.arg, arns, count, NULL);
}

static void list_tasks(void *ecs, const char *cluster, const char *family, ecs_arns_fn *done, void *arg)
{
    struct fake_aws *fake = ecs;
    struct list_call *call = mem_alloc(sizeof *call);

    assert_string_equal(cluster, "test-cluster");
    buf_printf(&fake->calls, "ListTasks %s\n", family);
    fake->list_calls++;
    fake->read_room -= fake->limited;
    *call = (struct list_call){fake, false, done, arg};
    answer(fake, fake->hold_lists, list_answer, call);
}

static void list_stopped(void *ecs, const char *cluster, const char *family, ecs_arns_fn *done, void *arg)
{
    struct fake_aws *fake = ecs;
    struct list_call *call = mem_alloc(sizeof *call);

    assert_string_equal(cluster, "test-cluster");
    buf_printf(&fake->calls, "ListTasks %s STOPPED\n", family);
    fake->stopped_calls++;
    *call = (struct list_call){fake, true, done, arg};
    answer(fake, fake->hold_lists, list_answer, call);
}

struct tasks_call {
    struct fake_aws *fake;
    ecs_tasks_fn *done;
    void *arg;
    struct ecs_task items[50];
    char arns[50][100], tag[100];
    struct ecs_failure failure;
    struct ecs_tasks tasks;
    bool failed;
    struct aws_error error;
};

static void tasks_answer(void *arg)
{
    struct tasks_call *call = arg;

    call->fake->runs_answered++;
    call->done(call->arg, call->failed ? NULL : &call->tasks, call->failed ? &call->error : NULL);
    free(call);
}

static struct tasks_call *tasks_call(struct fake_aws *fake, ecs_tasks_fn *done, void *arg)
{
    struct tasks_call *call = mem_alloc(sizeof *call);

    call->fake = fake;
    call->done = done;
    call->arg = arg;
    call->tasks.items = call->items;
    return call;
}

static void describe_tasks(void *ecs, const char *cluster UNUSED, const char *const *arns, size_t count,
                           ecs_tasks_fn *done, void *arg)
{
    static char name[] = "ecs-scheduler";
    struct fake_aws *fake = ecs;
    struct tasks_call *call = tasks_call(fake, done, arg);

    buf_printf(&fake->calls, "DescribeTasks %zu\n", count);
    call->tasks.count = count;
    for (size_t i = 0; i < count; i++) {
        snprintf(call->arns[i], sizeof call->arns[i], "%s", arns[i]);
        call->items[i].arn = call->arns[i];
        call->items[i].started_by = name;
        call->items[i].created_s = fake->created_s;
        call->items[i].override_tag = fake->tag == NULL ? NULL : call->tag;
    }
    if (fake->tag != NULL)
        snprintf(call->tag, sizeof call->tag, "%s", fake->tag);
    answer(fake, fake->hold_lists, tasks_answer, call);
}

/* RunTask. */

static void start(struct fake_aws *fake, struct tasks_call *call, const struct fake_start *run, int count)
{
    static char host[] = "arn:host";
    const struct fake_start *known = NULL;

    for (size_t i = 0; i < fake->start_count; i++)
        if (strcmp(fake->starts[i].token, run->token) == 0)
            known = &fake->starts[i];
    if (known == NULL && count > 0) {
        assert_true(fake->start_count < FAKE_STARTS_MAX);
        fake->starts[fake->start_count] = *run;
        fake->starts[fake->start_count++].count = count;
    } else if (known != NULL) {
        assert_string_equal(known->plan, run->plan); /* else ECS would say ConflictException */
        count = known->count;
    }
    call->tasks.count = (size_t)count;
    for (int i = 0; i < count; i++) {
        put_arn(call->arns[i], run->token, i);
        call->items[i].arn = call->arns[i];
    }
    if (count > 0)
        call->items[0].host_arn = host;
}

static void refuse(struct tasks_call *call, enum aws_error_kind kind, int status, bool may_have_acted,
                   const char *code)
{
    call->failed = true;
    aws_error_set(&call->error, kind, code, "as the script says");
    call->error.status = status;
    call->error.may_have_acted = may_have_acted;
}

static void run_task(void *ecs, const struct ecs_run_task *request, ecs_tasks_fn *done, void *arg)
{
    static char first[] = "arn:adopted-1", second[] = "arn:adopted-2", *ids[] = {first, second};
    static char memory[] = "RESOURCE:MEMORY", attribute[] = "ATTRIBUTE";
    struct fake_aws *fake = ecs;
    struct tasks_call *call = tasks_call(fake, done, arg);
    enum fake_answer as = fake->script_at < fake->script_len ? fake->script[fake->script_at++] : FAKE_STARTS;
    struct fake_start *run = &fake->last;
    AUTO_BUF struct buf body = {0};
    char *cluster, *family;
    struct err err;

    assert_true(plan_read_request(request->plan, &cluster, &family, &err));
    buf_printf(&fake->calls, "RunTask %s %d\n", family, request->count);
    if (fake->full != NULL && strcmp(fake->full, family) == 0)
        as = FAKE_STARTS_NONE;
    free(cluster);
    free(family);
    snprintf(run->token, sizeof run->token, "%s", request->client_token);
    buf_init(&body, sizeof run->plan - 1);
    assert_true(ecs_put_run_task(&body, request, &err));
    snprintf(run->plan, sizeof run->plan, "%s", body.data);
    if (fake->token_count < FAKE_SCRIPT_MAX)
        snprintf(fake->tokens[fake->token_count++], sizeof fake->tokens[0], "%s", request->client_token);
    call->tasks.failures = &call->failure;
    call->failure = (struct ecs_failure){.reason = memory, .retryable = true};
    switch (as) {
    case FAKE_STARTS:
        start(fake, call, run, request->count);
        break;
    case FAKE_STARTS_SOME:
        start(fake, call, run, request->count - 2);
        call->tasks.failure_count = 1;
        break;
    case FAKE_STARTS_NONE:
        call->tasks.failure_count = 1;
        break;
    case FAKE_NEVER_FITS:
        call->failure = (struct ecs_failure){.reason = attribute};
        call->tasks.failure_count = 1;
        break;
    case FAKE_THROTTLED:
        refuse(call, AWS_THROTTLED, 400, false, "ThrottlingException");
        break;
    case FAKE_FAILS:
        refuse(call, AWS_RETRYABLE, 500, true, "ServerException");
        break;
    case FAKE_LOST:
        start(fake, call, run, request->count);
        refuse(call, AWS_UNKNOWN, 0, true, "timeout");
        break;
    case FAKE_EMPTY:
        refuse(call, AWS_RETRYABLE, 400, false, "InvalidParameterException");
        break;
    case FAKE_REFUSED:
        refuse(call, AWS_REFUSED, 400, false, "ClientException");
        break;
    case FAKE_CONFLICT:
        refuse(call, AWS_CONFLICT, 400, true, "ConflictException");
        call->error.resource_ids = ids;
        call->error.resource_id_count = 2;
        break;
    }
    fake->run_calls++;
    fake->may_send = request->may_send;
    fake->may_send_arg = request->may_send_arg;
    assert_true(fake->may_send(fake->may_send_arg));
    fake->launch_room -= fake->limited;
    answer(fake, fake->hold_runs, tasks_answer, call);
}

/* Whose turn it is. */

static size_t launch_room(void *ecs)
{
    const struct fake_aws *fake = ecs;

    return fake->limited ? fake->launch_room : SIZE_MAX;
}

static size_t read_room(void *ecs)
{
    const struct fake_aws *fake = ecs;

    return fake->limited ? fake->read_room : SIZE_MAX;
}

static void on_room(void *ecs, void (*fn)(void *arg), void *arg)
{
    struct fake_aws *fake = ecs;

    fake->on_room = fn;
    fake->on_room_arg = arg;
}

void fake_make_room(struct fake_aws *fake, size_t launches, size_t reads)
{
    fake->limited = true;
    fake->launch_room = launches;
    fake->read_room = reads;
    if (fake->on_room != NULL && launches + reads > 0)
        soon(fake, fake->on_room, fake->on_room_arg);
}

const struct ecs_ops fake_ecs_ops = {.list_tasks = list_tasks,
                                     .list_stopped = list_stopped,
                                     .describe_tasks = describe_tasks,
                                     .run_task = run_task,
                                     .launch_room = launch_room,
                                     .read_room = read_room,
                                     .on_room = on_room};

/* Queues. */

struct depth_call {
    struct fake_aws *fake;
    sqs_depth_fn *done;
    void *arg;
};

static void depth_answer(void *arg)
{
    struct depth_call call = *(struct depth_call *)arg;
    struct aws_error error;

    free(arg);
    if (fails(call.fake, call.fake->depth_error)) {
        aws_error_set(&error, call.fake->depth_error, "QueueDoesNotExist", "as the script says");
        call.done(call.arg, NULL, &error);
        return;
    }
    call.done(call.arg, &(struct sqs_depth){.visible = call.fake->visible, .in_flight = call.fake->in_flight},
              NULL);
}

static void queue_depth(void *sqs, const struct sqs_queue *queue, sqs_depth_fn *done, void *arg)
{
    struct fake_aws *fake = sqs;
    struct depth_call *call = mem_alloc(sizeof *call);

    buf_printf(&fake->calls, "GetQueueAttributes %s\n", queue->url != NULL ? queue->url : queue->name);
    *call = (struct depth_call){fake, done, arg};
    fake->depth_calls++;
    answer(fake, fake->hold_depths, depth_answer, call);
}

const struct sqs_ops fake_sqs_ops = {.queue_depth = queue_depth};

/* What an answer of RunTask means for a run. See run.h. */
#include "run.h"

#include <stdio.h>

#include "aws_error.h"
#include "ecs_codec.h"

static void next_attempt(struct run *run, size_t chunk, const struct run_identity *identity, int64_t now_s)
{
    run->chunks[chunk].attempt++;
    run->chunks[chunk].since_s = now_s;
    run_token(identity, (int)chunk, run->chunks[chunk].attempt, run->chunks[chunk].token);
}

/* So many more were started. True: that was the last. */
static bool count_started(struct run *run, size_t at, size_t tasks)
{
    struct run_chunk *chunk = &run->chunks[at];
    int ask = run_chunk_ask(chunk);

    chunk->started += tasks < (size_t)ask ? (int)tasks : ask;
    if (chunk->started < chunk->count)
        return false;
    chunk->outcome = RUN_CHUNK_STARTED;
    return true;
}

/* One failure for each instance that was looked at: as long as one of them may do later, later may do. */
static bool may_do_later(const struct ecs_tasks *tasks)
{
    for (size_t i = 0; i < tasks->failure_count; i++)
        if (tasks->failures[i].retryable)
            return true;
    return tasks->failure_count == 0;
}

static enum run_verdict take_tasks(struct run *run, size_t at, const struct run_identity *identity,
                                   int64_t now_s, const struct ecs_tasks *tasks)
{
    struct run_chunk *chunk = &run->chunks[at];
    AUTO_BUF struct buf failures = {0};
    int ask = run_chunk_ask(chunk);

    for (size_t i = 0; i < tasks->count; i++)
        run_add_task(run, tasks->items[i].arn, tasks->items[i].host_arn);
    if (count_started(run, at, tasks->count))
        return RUN_GOES_ON;
    buf_init(&failures, RUN_ERROR_MAX);
    ecs_put_failures(&failures, tasks);
    run_set_error(run, "RunTask started %zu of %d tasks: %s", tasks->count, ask,
                  failures.len > 0 ? failures.data : "ECS gives no reason");
    if (!may_do_later(tasks)) {
        chunk->outcome = RUN_CHUNK_FAILED;
        return RUN_GIVES_UP;
    }
    next_attempt(run, at, identity, now_s);
    return RUN_GOES_ON;
}

/* The token is known with other parameters: what it started is ours, as the token is. */
static enum run_verdict adopt(struct run *run, size_t at, const struct run_identity *identity, int64_t now_s,
                              const struct aws_error *error)
{
    char text[AWS_MESSAGE_SIZE];

    for (size_t i = 0; i < error->resource_id_count; i++)
        run_add_task(run, error->resource_ids[i], NULL);
    if (count_started(run, at, error->resource_id_count))
        return RUN_GOES_ON;
    run_set_error(run, "%s", aws_error_text(error, text, sizeof text));
    if (error->resource_id_count == 0) {
        run->chunks[at].outcome = RUN_CHUNK_FAILED;
        return RUN_GIVES_UP;
    }
    next_attempt(run, at, identity, now_s);
    return RUN_GOES_ON;
}

enum run_verdict run_take_answer(struct run *run, size_t chunk, const struct run_identity *identity,
                                 int64_t now_s, const struct ecs_tasks *tasks, const struct aws_error *error)
{
    struct run_chunk *at = &run->chunks[chunk];
    char text[RUN_ERROR_MAX - 64]; /* room for our own words */

    if (error == NULL || error->kind == AWS_CONFLICT) {
        at->unsure = false;
        return error == NULL ? take_tasks(run, chunk, identity, now_s, tasks)
                             : adopt(run, chunk, identity, now_s, error);
    }
    at->unsure = at->unsure || error->may_have_acted;
    run_set_error(run, "%s%s", aws_error_text(error, text, sizeof text),
                  at->unsure ? "; tasks may have been started all the same" : "");
    if (error->kind == AWS_REFUSED) {
        at->outcome = RUN_CHUNK_FAILED;
        return RUN_GIVES_UP;
    }
    /* It was looked at and turned down for a reason that it names, and nothing was started: ECS may remember
     * that with the token. Where it was not looked at, or nobody knows, the token is still good, and the only
     * safe one. */
    if (error->kind == AWS_RETRYABLE && error->status != 0 && !at->unsure)
        next_attempt(run, chunk, identity, now_s);
    return RUN_PAUSES;
}

/*
 * A run that may have started tasks that are not on record, when it is too late to start any: the grace is
 * over, or its token is so old that ECS may have forgotten it. Then nothing is sent before ECS was asked what
 * it has: the tasks of the family that run, those that have stopped, and of them those that are marked as the
 * run's would be, are as young as its token, and on record of no other run.
 *
 * As many as were asked for are the run's: they go on record, and it ends.
 *
 * Fewer, or none, likewise. While the token is younger than what ECS still tells of tasks that have stopped,
 * the others were not started; later that is not known, and the row says so. Nothing is launched.
 *
 * Of more, or if other open runs may have started them, only the token tells whose they are. So RunTask is
 * sent with it, which starts nothing twice; once ECS may have forgotten it, it is not known.
 *
 * What ECS lists may lag behind what it has started, so it is asked some time after the last call was on the
 * wire. After an outage there may be many such runs: they wait in a line, and a few at a time are asked for,
 * by turns with what is asked for runs that begin (runner.c).
 *
 * While the clock is off nobody can say what is too late: they wait for that, too.
 */
#include "runner_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws_error.h"
#include "clock.h"
#include "db.h"
#include "ecs.h"
#include "log.h"
#include "mem.h"
#include "plan.h"
#include "run_store.h"

enum {
    AT_A_TIME = 4,
    LAG_MS = 60 * 1000, /* after so long what a call has started is listed */
    TOLD_S = 50 * 60,   /* for so long at least ECS tells of tasks that have stopped: about an hour */
    US_PER_S = 1000000,
};

/* A task that may be the run's. */
struct found {
    char *arn, *host;  /* owned; host NULL: none */
    int64_t created_s; /* at the earliest, if ECS does not tell */
};

struct doubt {
    struct runner *runner;
    uint64_t reign;
    struct fire *fire;      /* held */
    char *cluster, *family; /* owned, as all below */
    struct plan_mark mark;
    char **arns; /* that ECS lists */
    size_t count;
    struct found *found;
    size_t found_count;
};

static void found_done(struct found *found)
{
    free(found->arn);
    free(found->host);
    *found = (struct found){0};
}

static void doubt_free(struct doubt *doubt)
{
    if (doubt->reign == doubt->runner->reign)
        doubt->runner->doubts_asked--;
    runner_kick(doubt->runner);
    for (size_t i = 0; i < doubt->count; i++)
        free(doubt->arns[i]);
    for (size_t i = 0; i < doubt->found_count; i++)
        found_done(&doubt->found[i]);
    free(doubt->arns);
    free(doubt->found);
    plan_mark_done(&doubt->mark);
    free(doubt->cluster);
    free(doubt->family);
    free(doubt);
}

static int64_t now_s(const struct runner *runner)
{
    return clock_wall_s(runner->options.clock);
}

/* The ends. The fire's state is LAUNCHING. */

static void end_unknown(struct doubt *doubt, const char *why)
{
    struct run *run = doubt->fire->run;

    run_set_error(run, "it is not known whether %d of its tasks were started: %s", run_unsure_tasks(run),
                  why);
    runner_apply(doubt->runner, doubt->fire, RUN_EV_FAILED);
}

/* Later may tell more. */
static void end_again(struct doubt *doubt, const char *why)
{
    run_set_error(doubt->fire->run, "tasks may have been started, and %s", why);
    runner_apply(doubt->runner, doubt->fire, RUN_EV_AGAIN);
}

static void take_found(struct doubt *doubt)
{
    struct run *run = doubt->fire->run;
    int64_t first_s = INT64_MAX;

    for (size_t i = 0; i < doubt->found_count; i++) {
        const struct found *found = &doubt->found[i];

        first_s = found->created_s < first_s ? found->created_s : first_s;
        run_take_found(run, found->arn, found->host);
    }
    if (run->launched_us == 0 && doubt->found_count > 0) /* by a leader who could not say so */
        run->launched_us = first_s * US_PER_S;
}

static void end_found(struct doubt *doubt)
{
    struct fire *fire = doubt->fire;
    struct run *run = fire->run;
    bool told = (size_t)run_unsure_tasks(run) == doubt->found_count ||
                now_s(doubt->runner) - run_unsure_since_s(run) <= TOLD_S;

    take_found(doubt);
    log_info("run.found", RUN_LOG " tasks=%zu of=%d", RUN_LOG_OF(fire), run->task_count, run->needed);
    if (run_all_started(run)) {
        run->error[0] = '\0';
        runner_apply(doubt->runner, fire, RUN_EV_LAUNCHED);
    } else if (told) {
        run_set_error(run, "what RunTask came to was not heard, and ECS lists %zu tasks of it",
                      run->task_count);
        runner_end_launch_late(doubt->runner, fire, RUN_EV_FAILED);
    } else {
        end_unknown(doubt,
                    "what RunTask came to was not heard, it is too late to send it again, and ECS tells "
                    "of a task only for an hour after its end");
    }
}

/* Whose they are the token tells. */
static void end_unclear(struct doubt *doubt, int64_t others)
{
    struct fire *fire = doubt->fire;
    char why[RUN_ERROR_MAX / 4];

    snprintf(why, sizeof why, "ECS lists %zu that may be its own, where %d were asked for%s",
             doubt->found_count, run_unsure_tasks(fire->run),
             others > 0 ? ", and other open runs may have started them" : "");
    if (run_token_expired(fire->run, now_s(doubt->runner))) {
        end_unknown(doubt, why);
        return;
    }
    log_debug("run.untold", RUN_LOG " reason=%s", RUN_LOG_OF(fire), LOGQ(why));
    fire->untold = true;
    fire->state = RUN_RETRYING;
    runner_repeat(doubt->runner, fire);
}

static void end_failed(struct doubt *doubt, const struct aws_error *error)
{
    char text[RUN_ERROR_MAX / 2], why[RUN_ERROR_MAX - 100];

    snprintf(why, sizeof why, "ECS cannot be asked for them: %s", aws_error_text(error, text, sizeof text));
    if (error->kind == AWS_REFUSED)
        end_unknown(doubt, why);
    else
        end_again(doubt, why);
}

/* others: open runs whose tasks would look like its own. */
static void judge(struct doubt *doubt, int64_t others)
{
    if (!runner_clock_is_right(doubt->runner))
        end_again(doubt, "the clock is off, so how long ago cannot be told");
    else if (doubt->found_count > (size_t)run_unsure_tasks(doubt->fire->run) ||
             (doubt->found_count > 0 && others > 0))
        end_unclear(doubt, others);
    else
        end_found(doubt);
}

/* The way there. Each step may find that the run is not ours any more. */

static bool goes_on(struct doubt *doubt, const struct aws_error *error)
{
    if (!runner_release(doubt->fire)) {
        doubt_free(doubt);
        return false;
    }
    if (error == NULL)
        return true;
    if (error->kind != AWS_CANCELLED) /* else the client is being freed, and we with it */
        end_failed(doubt, error);
    doubt_free(doubt);
    return false;
}

/* What is on record as another run's is not this one's. */
static void leave_out_claimed(struct doubt *doubt, const struct db_result *result)
{
    size_t kept = 0, index;

    for (int row = 0; run_store_claimed_at(result, row, &index); row++)
        found_done(&doubt->found[index]);
    for (size_t i = 0; i < doubt->found_count; i++)
        if (doubt->found[i].arn != NULL)
            doubt->found[kept++] = doubt->found[i];
    doubt->found_count = kept;
}

/* A question that the database does not answer is this run's trouble, and nobody else's: others of its group
 * are asked again. */
static void on_claimed(void *arg, const struct db_result *result, const struct err *err)
{
    struct doubt *doubt = arg;
    AUTO_FREE char *why = NULL;

    if (!goes_on(doubt, NULL))
        return;
    if (err == NULL) {
        leave_out_claimed(doubt, result);
        judge(doubt, run_store_open_others(result));
    } else {
        why = mem_printf("the database cannot be asked whose they are: %s", err->text);
        if (runner_clock_is_right(doubt->runner) && run_token_expired(doubt->fire->run, now_s(doubt->runner)))
            end_unknown(doubt, why);
        else
            end_again(doubt, why);
    }
    doubt_free(doubt);
}

static bool has_task(const struct run *run, const char *arn)
{
    for (size_t i = 0; i < run->task_count; i++)
        if (strcmp(run->tasks[i].arn, arn) == 0)
            return true;
    return false;
}

static void keep_marked(struct doubt *doubt, const struct ecs_tasks *tasks)
{
    const struct run *run = doubt->fire->run;
    int64_t since_s = run_unsure_since_s(run);

    doubt->found = mem_array(tasks->count, sizeof *doubt->found);
    for (size_t i = 0; i < tasks->count; i++) {
        const struct ecs_task *task = &tasks->items[i];

        if (plan_marked(&doubt->mark, task, since_s) && !has_task(run, task->arn))
            doubt->found[doubt->found_count++] =
                (struct found){.arn = mem_strdup(task->arn),
                               .host = mem_strdup_or_null(task->host_arn),
                               .created_s = task->created_s == 0 ? since_s : task->created_s};
    }
}

static void ask_claims(struct doubt *doubt)
{
    AUTO_FREE const char **arns = mem_array(doubt->found_count, sizeof *arns);
    struct run_claims claims = {.run_id = doubt->fire->run->id,
                                .cluster = doubt->cluster,
                                .family = doubt->family,
                                .job_id = doubt->mark.override_tag,
                                .arns = arns,
                                .count = doubt->found_count};

    for (size_t i = 0; i < doubt->found_count; i++)
        arns[i] = doubt->found[i].arn;
    doubt->fire->holds++;
    run_store_claimed(doubt->runner->options.db, &claims, on_claimed, doubt);
}

static void on_described(void *arg, const struct ecs_tasks *tasks, const struct aws_error *error)
{
    struct doubt *doubt = arg;

    if (!goes_on(doubt, error))
        return;
    keep_marked(doubt, tasks);
    if (doubt->found_count > 0) {
        ask_claims(doubt);
        return;
    }
    judge(doubt, 0);
    doubt_free(doubt);
}

static void add_arns(struct doubt *doubt, const char *const *arns, size_t count)
{
    doubt->arns = mem_grow(doubt->arns, doubt->count + count, sizeof *doubt->arns);
    for (size_t i = 0; i < count; i++)
        doubt->arns[doubt->count++] = mem_strdup(arns[i]);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What stopped between the two lists is in both. */
static void name_once(struct doubt *doubt)
{
    size_t kept = 0;

    if (doubt->count > 0)
        qsort(doubt->arns, doubt->count, sizeof *doubt->arns, by_text);
    for (size_t i = 0; i < doubt->count; i++) {
        if (kept > 0 && strcmp(doubt->arns[kept - 1], doubt->arns[i]) == 0)
            free(doubt->arns[i]);
        else
            doubt->arns[kept++] = doubt->arns[i];
    }
    doubt->count = kept;
}

static void on_stopped(void *arg, const char *const *arns, size_t count, const struct aws_error *error)
{
    struct doubt *doubt = arg;
    const struct runner_options *options = &doubt->runner->options;

    if (!goes_on(doubt, error))
        return;
    add_arns(doubt, arns, count);
    name_once(doubt);
    doubt->fire->holds++;
    options->ecs_ops->describe_tasks(options->ecs, doubt->cluster, (const char *const *)doubt->arns,
                                     doubt->count, on_described, doubt);
}

static void on_running(void *arg, const char *const *arns, size_t count, const struct aws_error *error)
{
    struct doubt *doubt = arg;
    const struct runner_options *options = &doubt->runner->options;

    if (!goes_on(doubt, error))
        return;
    add_arns(doubt, arns, count);
    doubt->fire->holds++;
    options->ecs_ops->list_stopped(options->ecs, doubt->cluster, doubt->family, on_stopped, doubt);
}

/* In this order a task that stops meanwhile is listed at least once. */
static void look(struct runner *runner, struct fire *fire)
{
    struct doubt *doubt = mem_alloc(sizeof *doubt);
    struct err err;

    *doubt = (struct doubt){.runner = runner, .reign = runner->reign, .fire = fire};
    runner->doubts_asked++;
    fire->state = RUN_LAUNCHING;
    runner_take_slot(runner, fire, true);
    if (!plan_read_request(fire->run->request, &doubt->cluster, &doubt->family, &err) ||
        !plan_read_mark(fire->run->request, &doubt->mark, &err)) {
        run_set_error(fire->run, "found unfinished, and it makes no sense: %s", err.text);
        runner_apply(runner, fire, RUN_EV_FAILED);
        doubt_free(doubt);
        return;
    }
    fire->holds++;
    runner->options.ecs_ops->list_tasks(runner->options.ecs, doubt->cluster, doubt->family, on_running,
                                        doubt);
}

void runner_resume(struct runner *runner, struct fire *fire)
{
    bool late = runner_too_late(runner, fire);
    bool soon = late && runner_now_ms(runner) < fire->asked_ms + LAG_MS;

    fire->untold = false;
    if (soon || !runner_clock_is_right(runner)) {
        runner_park(runner, fire);
    } else if (!late) {
        runner_repeat(runner, fire);
    } else {
        TAILQ_INSERT_TAIL(&runner->doubts, fire, work_link);
        runner->doubts_waiting++;
        runner_kick(runner);
    }
}

struct fire *runner_take_doubt(struct runner *runner)
{
    struct fire *fire = TAILQ_FIRST(&runner->doubts);

    if (fire != NULL) {
        TAILQ_REMOVE(&runner->doubts, fire, work_link);
        runner->doubts_waiting--;
    }
    return fire;
}

bool runner_doubt_next(struct runner *runner)
{
    struct fire *fire = runner->doubts_asked < AT_A_TIME ? runner_take_doubt(runner) : NULL;

    if (fire == NULL)
        return false;
    if (runner_clock_is_right(runner))
        look(runner, fire);
    else
        runner_park(runner, fire);
    return true;
}

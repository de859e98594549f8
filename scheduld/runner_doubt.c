/*
 * A run that may have started tasks that are not on record, when it is too late to start any: the grace is
 * over, or its token is so old that ECS may have forgotten it. Then nothing is sent before ECS was asked what
 * it has: the tasks of the family that run, those that have stopped, and of them those that are marked as the
 * run's would be, are as young as its token, and on record of no other run.
 *
 *     as many as were asked for              they are the run's: on record, and it ends
 *     fewer, or none, and the token is younger than what ECS still tells of stopped tasks
 *                                            the others were not started: likewise, and nothing is launched
 * late else                                   nobody can tell by that: an old run whose tasks may have come
 * and gone, or somebody else's tasks look like its own
 *
 * Who cannot tell asks with the token, which starts nothing twice; and once ECS may have forgotten that,
 * gives up with what there is. What ECS lists may lag behind what it has started, so it is asked some time
 * after the last call.
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
    LAG_S = 60,       /* after so long what a call has started is listed */
    TOLD_S = 50 * 60, /* for so long at least ECS tells of tasks that have stopped: about an hour */
};

struct doubt {
    struct runner *runner;
    struct fire *fire;      /* held */
    char *cluster, *family; /* owned, as all below */
    struct plan_mark mark;
    char **arns; /* that ECS lists */
    size_t count;
    struct run_task *found; /* of them, that may be the run's */
    size_t found_count;
};

static void doubt_free(struct doubt *doubt)
{
    for (size_t i = 0; i < doubt->count; i++)
        free(doubt->arns[i]);
    for (size_t i = 0; i < doubt->found_count; i++) {
        free(doubt->found[i].arn);
        free(doubt->found[i].host);
    }
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

static void end_found(struct doubt *doubt)
{
    struct fire *fire = doubt->fire;
    struct run *run = fire->run;

    for (size_t i = 0; i < doubt->found_count; i++)
        run_take_found(run, doubt->found[i].arn, doubt->found[i].host);
    run_be_sure(run);
    log_info("run.found", RUN_LOG " tasks=%zu of=%d", RUN_LOG_OF(fire), run->task_count, run->needed);
    if (run_all_started(run)) {
        run->error[0] = '\0';
        runner_apply(doubt->runner, fire, RUN_EV_LAUNCHED);
        return;
    }
    run_set_error(run, "what RunTask came to was not heard, and ECS lists %zu tasks of it", run->task_count);
    runner_end_launch_late(doubt->runner, fire, RUN_EV_FAILED);
}

static void end_untold(struct doubt *doubt, const char *why)
{
    struct fire *fire = doubt->fire;

    if (!run_token_expired(fire->run, now_s(doubt->runner))) {
        log_debug("run.untold", RUN_LOG " reason=%s", RUN_LOG_OF(fire), LOGQ(why));
        fire->state = RUN_RETRYING;
        runner_repeat(doubt->runner, fire);
        return;
    }
    run_set_error(fire->run,
                  "still open when ECS may have forgotten its client token: whether its tasks were started "
                  "cannot be told (%s)",
                  why);
    runner_apply(doubt->runner, fire, RUN_EV_FAILED);
}

/* Later may tell more. */
static void end_failed(struct doubt *doubt, const struct aws_error *error)
{
    char text[RUN_ERROR_MAX / 2];

    aws_error_text(error, text, sizeof text);
    if (error->kind == AWS_REFUSED) {
        end_untold(doubt, text);
        return;
    }
    run_set_error(doubt->fire->run, "tasks may have been started, and ECS cannot be asked for them: %s",
                  text);
    runner_apply(doubt->runner, doubt->fire, RUN_EV_AGAIN);
}

/* others: open runs whose tasks would look like its own. */
static bool lists_tell(const struct doubt *doubt, int64_t others)
{
    const struct run *run = doubt->fire->run;
    int64_t now = now_s(doubt->runner);
    size_t found = doubt->found_count, asked = (size_t)run_unsure_tasks(run);

    if (found > asked || (found > 0 && others > 0))
        return false;
    return found == asked || now - run_unsure_since_s(run) <= TOLD_S || /* none has gone from the lists */
           (found > 0 && run_token_expired(run, now));                  /* it is all that can be told */
}

static void judge(struct doubt *doubt, int64_t others)
{
    char why[RUN_ERROR_MAX / 4];

    if (doubt->mark.override_tag != NULL)
        others = 0; /* theirs have another */
    if (lists_tell(doubt, others)) {
        end_found(doubt);
        return;
    }
    snprintf(why, sizeof why, "ECS lists %zu that may be its own, where %d were asked for%s",
             doubt->found_count, run_unsure_tasks(doubt->fire->run),
             others > 0 ? ", and there are other open runs of the same task definition" : "");
    end_untold(doubt, why);
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
    size_t kept = 0;

    for (size_t i = 0; i < doubt->found_count; i++) {
        struct run_task task = doubt->found[i];

        doubt->found[i] = (struct run_task){0};
        if (run_store_is_claimed(result, task.arn)) {
            free(task.arn);
            free(task.host);
        } else {
            doubt->found[kept++] = task;
        }
    }
    doubt->found_count = kept;
}

static void on_claimed(void *arg, const struct db_result *result, const struct err *err)
{
    struct doubt *doubt = arg;

    if (!goes_on(doubt, NULL))
        return;
    if (err != NULL) {
        runner_db_failed(doubt->runner, "claimed", err);
        run_set_error(doubt->fire->run,
                      "tasks may have been started, and the database cannot be asked for them");
        runner_apply(doubt->runner, doubt->fire, RUN_EV_AGAIN);
    } else {
        runner_db_worked(doubt->runner);
        leave_out_claimed(doubt, result);
        judge(doubt, run_store_open_others(result));
    }
    runner_kick(doubt->runner);
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

    doubt->found = mem_array(tasks->count, sizeof *doubt->found);
    for (size_t i = 0; i < tasks->count; i++) {
        const struct ecs_task *task = &tasks->items[i];

        if (plan_marked(&doubt->mark, task, run_unsure_since_s(run)) && !has_task(run, task->arn))
            doubt->found[doubt->found_count++] =
                (struct run_task){.arn = mem_strdup(task->arn), .host = mem_strdup_or_null(task->host_arn)};
    }
}

static void on_described(void *arg, const struct ecs_tasks *tasks, const struct aws_error *error)
{
    struct doubt *doubt = arg;
    AUTO_FREE const char **arns = NULL;

    if (!goes_on(doubt, error))
        return;
    keep_marked(doubt, tasks);
    arns = mem_array(doubt->found_count, sizeof *arns);
    for (size_t i = 0; i < doubt->found_count; i++)
        arns[i] = doubt->found[i].arn;
    doubt->fire->holds++;
    run_store_claimed(doubt->runner->options.db,
                      &(struct run_claims){.run_id = doubt->fire->run->id,
                                           .since_s = run_unsure_since_s(doubt->fire->run),
                                           .cluster = doubt->cluster,
                                           .family = doubt->family,
                                           .arns = arns,
                                           .count = doubt->found_count},
                      on_claimed, doubt);
}

static void add_arns(struct doubt *doubt, const char *const *arns, size_t count)
{
    doubt->arns = mem_grow(doubt->arns, doubt->count + count, sizeof *doubt->arns);
    for (size_t i = 0; i < count; i++)
        doubt->arns[doubt->count++] = mem_strdup(arns[i]);
}

static void on_stopped(void *arg, const char *const *arns, size_t count, const struct aws_error *error)
{
    struct doubt *doubt = arg;
    const struct runner_options *options = &doubt->runner->options;

    if (!goes_on(doubt, error))
        return;
    add_arns(doubt, arns, count);
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

    *doubt = (struct doubt){.runner = runner, .fire = fire};
    if (!plan_read_request(fire->run->request, &doubt->cluster, &doubt->family, &err) ||
        !plan_read_mark(fire->run->request, &doubt->mark, &err)) {
        doubt_free(doubt);
        run_set_error(fire->run, "found unfinished, and it makes no sense: %s", err.text);
        runner_apply(runner, fire, RUN_EV_FAILED);
        return;
    }
    fire->holds++;
    runner->options.ecs_ops->list_tasks(runner->options.ecs, doubt->cluster, doubt->family, on_running,
                                        doubt);
}

void runner_look_for_tasks(struct runner *runner, struct fire *fire)
{
    bool soon = now_s(runner) < fire->asked_s + LAG_S;

    fire->state = soon ? RUN_RETRYING : RUN_LAUNCHING;
    runner_take_slot(runner, fire, !soon);
    if (soon)
        runner_park(runner, fire);
    else
        look(runner, fire);
}

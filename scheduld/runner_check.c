/*
 * What is asked before a run is planned. Jobs whose turn comes together are a batch: their definitions are
 * read by one statement, ECS is asked once for each family on a cluster, and each queue once for its depth.
 * In this order for each job: ListTasks, DescribeTasks if only tasks with its tag count, and last the queue.
 *
 * A fire is in one list of its batch at a time (by work_link), and held, until its check is over.
 */
#include "runner_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws_error.h"
#include "clock.h"
#include "db.h"
#include "ecs.h"
#include "job_ecs.h"
#include "log.h"
#include "mem.h"
#include "plan.h"
#include "run_store.h"
#include "sqs.h"
#include "trigger.h"

enum { BATCH_MAX = 250 };

struct batch;

/* Jobs of one family on one cluster: how many of its tasks run there. */
struct family {
    LIST_ENTRY(family) link;
    struct batch *batch;
    char *cluster;          /* owned */
    struct fire_list fires; /* that wait for the answer */
};

/* Jobs with one queue: how much is in it. */
struct queue {
    LIST_ENTRY(queue) link;
    struct batch *batch;
    char name[JOB_QUEUE_NAME_MAX + 1];
    struct fire_list fires; /* that wait for the answer */
    bool answered;
    int64_t visible;
};

struct batch {
    struct runner *runner;
    uint64_t reign;
    int refs; /* answers that are to come */
    struct fire *fires[BATCH_MAX];
    size_t count;
    LIST_HEAD(, family) families;
    LIST_HEAD(, queue) queues;
};

static void batch_release(struct batch *batch)
{
    struct family *family;
    struct queue *queue;

    if (--batch->refs > 0)
        return;
    while ((family = LIST_FIRST(&batch->families)) != NULL) {
        LIST_REMOVE(family, link);
        free(family->cluster);
        free(family);
    }
    while ((queue = LIST_FIRST(&batch->queues)) != NULL) {
        LIST_REMOVE(queue, link);
        free(queue);
    }
    free(batch);
}

/* Takes a fire out of the batch's hands. NULL: there is none. A dead one is let go. */
static struct fire *take_next(struct fire_list *list)
{
    struct fire *fire;

    while ((fire = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, fire, work_link);
        if (runner_release(fire))
            return fire;
    }
    return NULL;
}

static void hand_to(struct fire_list *list, struct fire *fire)
{
    fire->holds++;
    TAILQ_INSERT_TAIL(list, fire, work_link);
}

/* The ends of a check. */

static void forget_definition(struct fire *fire)
{
    plan_job_free(fire->job);
    fire->job = NULL;
}

static void end_well(struct runner *runner, struct fire *fire, int64_t answer)
{
    struct run_identity identity = runner_identity(runner, fire);

    if (runner_over_grace(runner, fire)) {
        forget_definition(fire);
        runner_end_late(runner, fire);
        return;
    }
    plan_make(fire->run, fire->job, &identity,
              &(struct plan_target){.cluster = runner->cluster, .started_by = runner->name},
              fire->run->running, answer, clock_wall_s(runner->options.clock));
    forget_definition(fire);
    free(fire->why);
    fire->why = NULL;
    runner_apply(runner, fire, fire->run->needed > 0 ? RUN_EV_NEEDED : RUN_EV_NOT_NEEDED);
}

/* It is read and asked anew when it is tried again, so nothing is kept but why. */
static void end_failed(struct runner *runner, struct fire *fire, const struct aws_error *error)
{
    char text[RUN_ERROR_MAX / 2];

    forget_definition(fire);
    run_free(fire->run);
    fire->run = NULL;
    runner_say_why(fire, "%s", aws_error_text(error, text, sizeof text));
    if (error->kind == AWS_REFUSED) {
        runner_apply(runner, fire, RUN_EV_REFUSED);
    } else if (runner_over_grace(runner, fire)) {
        runner_end_late(runner, fire);
    } else {
        log_warning("run.check_failed", RUN_LOG " tries=%d error=%s", RUN_LOG_OF(fire), fire->tries + 1,
                    LOGQ(fire->why));
        runner_apply(runner, fire, RUN_EV_AGAIN);
    }
}

/* Queues. */

static void on_depth(void *arg, const struct sqs_depth *depth, const struct aws_error *error)
{
    struct queue *queue = arg;
    struct batch *batch = queue->batch;
    struct fire *fire;

    queue->answered = error == NULL;
    queue->visible = error == NULL ? depth->visible : 0;
    if (error != NULL)
        LIST_REMOVE(queue, link); /* who comes later asks for itself */
    while ((fire = take_next(&queue->fires)) != NULL) {
        if (error != NULL)
            end_failed(batch->runner, fire, error);
        else
            end_well(batch->runner, fire, depth->visible);
    }
    if (error != NULL)
        free(queue);
    batch_release(batch);
}

static void ask_queue(struct batch *batch, struct fire *fire)
{
    struct runner *runner = batch->runner;
    const char *name = fire->job->trigger.queue_name;
    struct queue *queue;

    LIST_FOREACH(queue, &batch->queues, link)
    if (strcmp(queue->name, name) == 0)
        break;
    if (queue != NULL && queue->answered) {
        end_well(runner, fire, queue->visible);
        return;
    }
    if (queue == NULL) {
        queue = mem_alloc(sizeof *queue);
        queue->batch = batch;
        snprintf(queue->name, sizeof queue->name, "%s", name);
        TAILQ_INIT(&queue->fires);
        LIST_INSERT_HEAD(&batch->queues, queue, link);
        batch->refs++;
        runner->options.sqs_ops->queue_depth(runner->options.sqs, name, on_depth, queue);
    }
    hand_to(&queue->fires, fire);
}

/* Running tasks. */

static void know_running(struct batch *batch, struct fire *fire, int running)
{
    fire->run = run_new();
    fire->run->running = running;
    switch (trigger_rule(fire->job->trigger.kind)->question) {
    case TRIGGER_ASKS_NOTHING:
        end_well(batch->runner, fire, 0);
        break;
    case TRIGGER_ASKS_QUEUE_DEPTH:
        ask_queue(batch, fire);
        break;
    }
}

static void fail_all(struct family *family, const struct aws_error *error)
{
    struct fire *fire;

    while ((fire = take_next(&family->fires)) != NULL)
        end_failed(family->batch->runner, fire, error);
}

static void on_described(void *arg, const struct ecs_tasks *tasks, const struct aws_error *error)
{
    struct family *family = arg;
    struct fire *fire;

    if (error != NULL)
        fail_all(family, error);
    while ((fire = take_next(&family->fires)) != NULL)
        know_running(family->batch, fire, plan_count_own(tasks, fire->job_id));
    batch_release(family->batch);
}

static void on_listed(void *arg, const char *const *arns, size_t count, const struct aws_error *error)
{
    struct family *family = arg;
    struct runner *runner = family->batch->runner;
    struct fire_list all;
    struct fire *fire;

    if (error != NULL)
        fail_all(family, error);
    TAILQ_INIT(&all);
    TAILQ_CONCAT(&all, &family->fires, work_link);
    while ((fire = take_next(&all)) != NULL) {
        if (plan_asks_tags(fire->job) && count > 0)
            hand_to(&family->fires, fire);
        else
            know_running(family->batch, fire, (int)count);
    }
    if (!TAILQ_EMPTY(&family->fires)) {
        family->batch->refs++;
        runner->options.ecs_ops->describe_tasks(runner->options.ecs, family->cluster, arns, count,
                                                on_described, family);
    }
    batch_release(family->batch);
}

/* Definitions. */

static int compare_families(const struct fire *a, const struct fire *b)
{
    int order = strcmp(a->job->task_definition, b->job->task_definition);

    return order != 0 ? order : strcmp(job_ecs_cluster(a->job->ecs, ""), job_ecs_cluster(b->job->ecs, ""));
}

static int by_family(const void *a, const void *b)
{
    return compare_families(*(const struct fire *const *)a, *(const struct fire *const *)b);
}

static void ask_families(struct batch *batch, struct fire **fires, size_t count)
{
    struct runner *runner = batch->runner;

    if (count > 0)
        qsort(fires, count, sizeof(struct fire *), by_family);
    for (size_t i = 0; i < count;) {
        struct family *family = mem_alloc(sizeof *family);
        const struct fire *first = fires[i];

        family->batch = batch;
        family->cluster = mem_strdup(job_ecs_cluster(first->job->ecs, runner->cluster));
        TAILQ_INIT(&family->fires);
        LIST_INSERT_HEAD(&batch->families, family, link);
        while (i < count && compare_families(fires[i], first) == 0)
            hand_to(&family->fires, fires[i++]);
        batch->refs++;
        runner->options.ecs_ops->list_tasks(runner->options.ecs, family->cluster, first->job->task_definition,
                                            on_listed, family);
    }
}

/* False: its check is over already. */
static bool take_definition(struct runner *runner, struct fire *fire, const struct run_job_row *row)
{
    struct err err;

    fire->job = mem_alloc(sizeof *fire->job);
    fire->job->revision = row->revision;
    fire->job->task_definition = mem_strdup(row->task_definition);
    fire->job->task_count = row->task_count;
    fire->job->max_count = row->max_count;
    if (plan_job_read(
            fire->job,
            &(struct plan_texts){
                .id = row->id, .trigger = row->trigger, .overrides = row->overrides, .ecs = row->ecs},
            runner->options.ecs_defaults, &err))
        return true;
    forget_definition(fire);
    runner_say_why(fire, "%s", err.text);
    runner_apply(runner, fire, RUN_EV_REFUSED);
    return false;
}

/* Agenda has not told us yet: what it says when it does counts, and what it has said already of the new one.
 */
static void drop_outdated(struct runner *runner, struct fire *fire, int64_t revision)
{
    log_debug("run.outdated", RUN_LOG, RUN_LOG_OF(fire));
    if (fire->later.revision < revision)
        fire->later = (struct fire_span){0};
    runner_main_over(runner, fire);
}

static void drop_deleted(struct runner *runner, struct fire *fire)
{
    log_debug("run.job_deleted", RUN_LOG, RUN_LOG_OF(fire));
    fire->later = (struct fire_span){0};
    runner_main_over(runner, fire);
}

static int compare_ids(const void *key, const void *item)
{
    const struct run_job_row *row = item;

    return strcmp(key, row->id);
}

static int by_id(const void *a, const void *b)
{
    return compare_ids(((const struct run_job_row *)a)->id, b);
}

/* False: its check is over, or begins again. */
static bool meet_row(struct runner *runner, struct fire *fire, const struct run_job_row *row)
{
    if (row == NULL)
        drop_deleted(runner, fire);
    else if (row->revision > fire->main.revision)
        drop_outdated(runner, fire, row->revision);
    else if (row->revision < fire->main.revision)
        runner_apply(runner, fire, RUN_EV_AGAIN); /* read before the change that agenda knows of */
    else
        return take_definition(runner, fire, row);
    return false;
}

static void on_definitions(void *arg, const struct db_result *result, const struct err *err)
{
    struct batch *batch = arg;
    struct runner *runner = batch->runner;
    size_t rows = err == NULL ? (size_t)db_rows(result) : 0, left = 0;
    AUTO_FREE struct run_job_row *known = mem_array(rows + 1, sizeof *known);

    for (size_t i = 0; i < rows; i++)
        run_store_job(result, (int)i, &known[i]);
    qsort(known, rows, sizeof *known, by_id);
    for (size_t i = 0; i < batch->count; i++) {
        struct fire *fire = batch->fires[i];

        if (!runner_release(fire))
            continue;
        if (err != NULL) {
            fire->tries = 0; /* the database has a pause of its own */
            runner_apply(runner, fire, RUN_EV_AGAIN);
        } else if (meet_row(runner, fire, bsearch(fire->job_id, known, rows, sizeof *known, compare_ids))) {
            batch->fires[left++] = fire;
        }
    }
    if (err != NULL && batch->reign == runner->reign)
        runner_db_failed(runner, "read_jobs", err);
    ask_families(batch, batch->fires, left);
    batch_release(batch);
}

static void begin_batch(struct runner *runner)
{
    struct batch *batch = mem_alloc(sizeof *batch);
    const char *ids[BATCH_MAX];
    struct fire *fire;

    batch->runner = runner;
    batch->reign = runner->reign;
    batch->refs = 1;
    while (batch->count < BATCH_MAX && (fire = TAILQ_FIRST(&runner->check)) != NULL) {
        TAILQ_REMOVE(&runner->check, fire, work_link);
        fire->holds++;
        ids[batch->count] = fire->job_id;
        batch->fires[batch->count++] = fire;
    }
    run_store_read_jobs(runner->options.db, ids, batch->count, on_definitions, batch);
}

void runner_check_some(struct runner *runner)
{
    while (!TAILQ_EMPTY(&runner->check))
        begin_batch(runner);
}

/*
 * The definitions of jobs whose turn has come, read by one statement for many, as they are at that instant.
 * What follows is asked of AWS (runner_ask.c).
 */
#include "runner_internal.h"

#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "log.h"
#include "mem.h"
#include "plan.h"
#include "run_store.h"

enum { BATCH_MAX = 250 };

struct batch {
    struct runner *runner;
    uint64_t reign;
    struct fire *fires[BATCH_MAX]; /* held */
    size_t count;
};

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
    plan_job_free(fire->job);
    fire->job = NULL;
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
    size_t rows = err == NULL ? (size_t)db_rows(result) : 0;
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
            runner_ask_for(runner, fire);
        }
    }
    if (err != NULL && batch->reign == runner->reign)
        runner_db_failed(runner, "read_jobs", err);
    free(batch);
    runner_kick(runner);
}

static void begin_batch(struct runner *runner)
{
    struct batch *batch = mem_alloc(sizeof *batch);
    const char *ids[BATCH_MAX];
    struct fire *fire;

    batch->runner = runner;
    batch->reign = runner->reign;
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

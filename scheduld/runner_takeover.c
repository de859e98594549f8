/*
 * Runs that the leader before us left open. Each is launched again from its row: the same request, the same
 * tokens, so that ECS answers what was sent with what it started then, and starts what was not. After the
 * grace, or where a token is so old that ECS may have forgotten it, ECS is first asked what it has
 * (runner_doubt.c).
 *
 * They are read some hundreds at a time, and nothing begins before the last: after an outage there may be
 * many, and the loop is not to stand still for them. As they are only read, what is in memory and what is on
 * record cannot part: a part whose answer was lost is read again. Who has locked a row holds up what is to be
 * written of it, not this.
 *
 * A job has one run in flight. Should the ledger have two open ones of a job, as somebody edited it, the
 * second is dealt with beside the first, without a place in by_job.
 */
#include "runner_internal.h"

#include <stdlib.h>

#include "clock.h"
#include "db.h"
#include "log.h"
#include "mem.h"
#include "run_store.h"

enum { US_PER_S = 1000000 };

struct taking {
    struct runner *runner;
    uint64_t reign;
};

static void give_up(struct runner *runner, struct fire *fire)
{
    fire->state = RUN_LAUNCHING;
    runner_take_slot(runner, fire, true);
    runner_apply(runner, fire, RUN_EV_FAILED);
}

static bool read_run(struct run *run, const struct run_open *open, struct err *err)
{
    if (!run_read_chunks(run, open->chunks, err) || !run_read_tasks(run, open->tasks, err))
        return false;
    if (open->request == NULL || run->chunk_count == 0)
        return err_set(err, ERR_INVALID, "it has no request or no chunks");
    run->request = mem_strdup(open->request);
    return true;
}

/* What agenda said of the job before we knew of its open run. */
static void make_room(struct runner *runner, struct fire *fire, int64_t fire_s)
{
    struct fire_span before = fire->main;

    if (fire->heap_at[0] != SIZE_MAX) /* nothing has begun yet */
        fire_line_remove(&runner->due, fire);
    fire_forget_main(fire);
    if (before.fire_s > fire_s) {
        fire_span_merge(&before, &fire->later);
        fire->later = before;
    } else if (before.fire_s == fire_s) {
        fire->rearm = before;
        runner_queue_plan(runner, fire);
    }
}

static struct fire *place_for(struct runner *runner, const struct run_open *open)
{
    struct fire *fire = fire_index_find(&runner->by_job, open->job_id);

    if (fire == NULL || fire->taken_over)
        return runner_add(runner, open->job_id, fire == NULL);
    make_room(runner, fire, open->at.fire_us / US_PER_S);
    return fire;
}

static void resume(struct runner *runner, struct run *run, const struct run_open *open)
{
    struct fire *fire = place_for(runner, open);
    struct err err;
    bool sound = read_run(run, open, &err);

    fire->main = (struct fire_span){.fire_s = open->at.fire_us / US_PER_S,
                                    .first_s = open->at.fire_us / US_PER_S,
                                    .count = open->coalesced + 1,
                                    .grace_s = open->grace_s < 0 ? runner->options.grace_s : open->grace_s};
    fire->run = run;
    fire->taken_over = true;
    fire->asked_ms = runner_now_ms(runner); /* until now somebody may have */
    run_mark_unsure(run);
    runner_count_request(runner, fire);
    log_info("run.taken_over", RUN_LOG, RUN_LOG_OF(fire));
    if (!sound) {
        run_set_error(run, "found unfinished, and it makes no sense: %s", err.text);
        give_up(runner, fire);
    } else {
        if (run_has_failed(run) && open->error != NULL)
            runner_say_why(fire, "%s", open->error); /* it ends by that, whatever the others started */
        fire->state = RUN_RETRYING;
        runner_resume(runner, fire);
    }
}

/* How many there are. */
static int resume_all(struct runner *runner, const struct db_result *result)
{
    struct run_open open;
    int row;

    for (row = 0;; row++) {
        struct run *run = run_new();

        if (!run_store_open(result, row, run, &open)) {
            run_free(run);
            return row;
        }
        resume(runner, run, &open);
        runner->taken = open.at;
    }
}

static void on_taken(void *arg, const struct db_result *result, const struct err *err)
{
    struct taking taking = *(struct taking *)arg;
    struct runner *runner = taking.runner;

    free(arg);
    if (taking.reign != runner->reign)
        return;
    runner->taking = false;
    runner_kick(runner);
    if (err != NULL) {
        runner_db_failed(runner, "take_over", err);
        return;
    }
    if (run_store_fenced(result)) {
        runner_fenced(runner);
        return;
    }
    runner_db_worked(runner);
    if (resume_all(runner, result) == runner->options.take_max)
        return; /* there may be more: the next statement */
    runner->mode = RUNNER_LEADING;
}

void runner_take_over(struct runner *runner)
{
    struct taking *taking;

    if (runner->taking)
        return;
    runner->taking = true;
    taking = mem_alloc(sizeof *taking);
    *taking = (struct taking){.runner = runner, .reign = runner->reign};
    run_store_read_open(runner->options.db, runner->epoch, &runner->taken, runner->options.take_max, on_taken,
                        taking);
}

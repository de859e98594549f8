/* See runner_ledger.h. */
#include "runner_ledger.h"

#include <string.h>

#include "clock.h"
#include "db.h"
#include "log.h"
#include "meters.h"
#include "runner_internal.h"

enum { US_PER_S = 1000000 };
enum { HELD_UP_LOGGED = 60 }; /* each so many-th try is logged */

void ledger_begin(struct ledger_batch *batch, struct runner *runner)
{
    batch->runner = runner;
    batch->reign = runner->reign;
}

void ledger_hold(struct ledger_batch *batch, struct fire *fire)
{
    fire->holds++;
    batch->fires[batch->count++] = fire;
}

void ledger_release(struct ledger_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        runner_release(batch->fires[i]);
}

bool ledger_is_of_interest(const struct ledger_batch *batch)
{
    return batch->reign == batch->runner->reign;
}

size_t ledger_fires_allowed(size_t *alone)
{
    if (*alone == 0)
        return LEDGER_ROWS_MAX;
    --*alone;
    return 1;
}

bool ledger_is_refusal(const struct err *err)
{
    return err->kind == ERR_INVALID || err->kind == ERR_CONFLICT || err->kind == ERR_DENIED ||
           err->kind == ERR_INTERNAL;
}

bool ledger_is_held_up(const struct err *err)
{
    return db_err_is_lock(err) || strcmp(err->sqlstate, "57014") == 0;
}

void ledger_held_up(struct fire *fire, int64_t fire_s, const char *reason)
{
    if (fire->held_up++ % HELD_UP_LOGGED == 0)
        log_warning("run.held_up", RUN_LOG " reason=%s", fire->job_id, STAMP(fire_s), runner_run_id(fire),
                    LOGQ(reason));
}

void ledger_count(const struct runner *runner, enum run_state state)
{
    metrics_add(runner->options.metrics, METER_RUNS, meter_of_state(state), 0, 1);
}

static void count_started(const struct runner *runner, const struct fire *fire, const struct run *run)
{
    metrics_observe(runner->options.metrics, METER_LATENESS, 0, 0,
                    run->launched_us - fire->main.fire_s * US_PER_S);
    metrics_observe(runner->options.metrics, METER_LAUNCH, 0, 0,
                    clock_wall_us(runner->options.clock) - run->launched_us);
}

/* What is on record now. */
static void count_state(const struct runner *runner, const struct fire *fire)
{
    const struct run *run = fire->run;

    if (run_state_final(fire->state))
        ledger_count(runner, fire->state);
    if (run_state_final(fire->state) && run != NULL)
        metrics_add(runner->options.metrics, METER_TASKS, 0, 0, run->task_count);
    if (fire->state == RUN_STARTED && run != NULL)
        count_started(runner, fire, run);
    if (fire->state == RUN_RETRYING)
        metrics_add(runner->options.metrics, METER_RETRIES, 0, 0, 1);
}

static void log_state(const struct fire *fire, int64_t run_id)
{
    const struct run *run = fire->run;

    switch (fire->state) {
    case RUN_PLANNED:
        log_info("run.planned", RUN_LOG " tasks=%d running=%d", RUN_LOG_OF(fire), run->needed, run->running);
        break;
    case RUN_NOT_NEEDED:
        log_info("run.not_needed", RUN_LOG " wanted=%d running=%d", RUN_LOG_OF(fire), run->wanted,
                 run->running);
        break;
    case RUN_STARTED:
        log_info("run.started", RUN_LOG " tasks=%zu late_ms=%" PRId64, RUN_LOG_OF(fire), run->task_count,
                 run->launched_us / 1000 - fire->main.fire_s * 1000);
        break;
    case RUN_RETRYING:
        log_warning("run.retrying", RUN_LOG " tasks=%zu of=%d tries=%d error=%s", RUN_LOG_OF(fire),
                    run->task_count, run->needed, fire->tries + 1, LOGQ(run->error));
        break;
    case RUN_LAUNCH_FAILED:
    case RUN_MISSED:
        log_warning(fire->state == RUN_MISSED ? "run.missed" : "run.launch_failed",
                    "job=%s fire=%s run=%" PRId64 " tasks=%zu error=%s", fire->job_id,
                    STAMP(fire->main.fire_s), run_id, run == NULL ? 0 : run->task_count,
                    LOGQ(fire->why != NULL ? fire->why : (run == NULL ? NULL : run->error)));
        break;
    case RUN_DUE:
    case RUN_CHECKING:
    case RUN_LAUNCHING:
    case RUN_SKIPPED:
    case RUN_STATES:
        break;
    }
}

void ledger_written(struct runner *runner, struct fire *fire, int64_t run_id)
{
    log_state(fire, run_id);
    count_state(runner, fire);
    runner_apply(runner, fire, RUN_EV_WRITTEN);
}

char *ledger_chunks(const struct run *run)
{
    AUTO_BUF struct buf buf = {0};

    buf_init(&buf, RUN_TEXT_MAX);
    run_put_chunks(&buf, run);
    return buf_steal(&buf);
}

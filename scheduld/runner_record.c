/*
 * What plans came to goes into the ledger, by statements that update. (runner_ledger.h)
 */
#include "runner_internal.h"
#include "runner_ledger.h"

#include <stdlib.h>

#include "db.h"
#include "log.h"
#include "mem.h"
#include "run_store.h"

struct record_write {
    struct ledger_batch batch;
    bool on_record[LEDGER_ROWS_MAX], locked[LEDGER_ROWS_MAX];
};

static void record_undo(struct record_write *write)
{
    for (size_t i = write->batch.count; i-- > 0;) {
        struct fire *fire = write->batch.fires[i];

        if (fire->dead)
            continue;
        fire->unsure = true;
        TAILQ_INSERT_HEAD(&write->batch.runner->record, fire, work_link);
    }
}

/* The only one of its statement. What it came to is known nowhere else: it is kept, and written when somebody
 * has mended what is wrong. */
static void record_refused(struct runner *runner, struct fire *fire, const struct err *err)
{
    log_error("run.not_recorded", RUN_LOG " state=%s error=%s", RUN_LOG_OF(fire), run_state_name(fire->state),
              LOGQ(err->text));
    if (runner->mode == RUNNER_DRAINING) { /* the row is open: the next leader takes it over */
        runner_main_over(runner, fire);
        return;
    }
    fire->refused = true;
    runner_take_slot(runner, fire, false);
    runner_park(runner, fire);
}

/* Who looks at it by SELECT ... FOR UPDATE, say, in a transaction that is not over. */
static void wait_for_lock(struct runner *runner, struct fire *fire, const char *reason)
{
    ledger_held_up(fire, fire->main.fire_s, reason);
    TAILQ_INSERT_TAIL(&runner->locked, fire, work_link);
    runner_wait_for_lock(runner);
}

static void record_failed(struct record_write *write, const struct err *err)
{
    struct runner *runner = write->batch.runner;

    if (ledger_is_held_up(err) && write->batch.count == 1 && !write->batch.fires[0]->dead) {
        write->batch.fires[0]->unsure = true;
        wait_for_lock(runner, write->batch.fires[0], err->text);
    } else if (!ledger_is_refusal(err)) {
        if (db_err_is_lock(err))
            runner_db_held_up(runner); /* whose result that is, is told when they go alone */
        else
            runner_db_failed(runner, "record", err);
        if (ledger_is_held_up(err))
            runner->record_alone = write->batch.count;
        record_undo(write);
    } else if (write->batch.count > 1) {
        runner->record_alone = write->batch.count;
        record_undo(write);
    } else if (!write->batch.fires[0]->dead) {
        record_refused(runner, write->batch.fires[0], err);
    }
}

/* The row was open when we planned it, and only we end it: somebody has done so by hand, unless a write
 * before this one, whose answer was lost, did. */
static void result_written(struct runner *runner, struct fire *fire, bool on_record)
{
    if (!on_record && (!fire->unsure || fire->state == RUN_RETRYING)) {
        log_warning("run.not_open", RUN_LOG " state=%s", RUN_LOG_OF(fire), run_state_name(fire->state));
        runner_main_over(runner, fire);
        return;
    }
    ledger_written(runner, fire, runner_run_id(fire));
}

static void record_free(struct record_write *write)
{
    ledger_release(&write->batch);
    free(write);
}

static void on_recorded(void *arg, const struct db_result *result, const struct err *err)
{
    struct record_write *write = arg;
    struct runner *runner = write->batch.runner;
    size_t index;
    bool locked;

    if (!ledger_is_of_interest(&write->batch)) {
        record_free(write);
        return;
    }
    runner->recording = false;
    if (err != NULL) {
        record_failed(write, err);
    } else if (run_store_fenced(result)) {
        runner_fenced(runner);
    } else {
        runner_db_worked(runner);
        for (int row = 0; run_store_recorded(result, row, &index, &locked); row++)
            (locked ? write->locked : write->on_record)[index] = true;
        for (size_t i = 0; i < write->batch.count; i++) {
            if (write->batch.fires[i]->dead)
                continue;
            if (write->locked[i])
                wait_for_lock(runner, write->batch.fires[i],
                              "somebody has locked its row in runs, see docs/operations.md");
            else
                result_written(runner, write->batch.fires[i], write->on_record[i]);
        }
    }
    record_free(write);
    runner_kick(runner);
}

static char *tasks_of(const struct run *run)
{
    AUTO_BUF struct buf buf = {0};

    buf_init(&buf, RUN_TEXT_MAX);
    run_put_tasks(&buf, run);
    return buf_steal(&buf);
}

void runner_write_records(struct runner *runner)
{
    struct run_record_row rows[LEDGER_ROWS_MAX];
    char *texts[LEDGER_ROWS_MAX][2] = {0};
    struct record_write *write;
    struct fire *fire;
    size_t allowed;

    if (runner->recording || TAILQ_EMPTY(&runner->record))
        return;
    write = mem_alloc(sizeof *write);
    ledger_begin(&write->batch, runner);
    allowed = ledger_fires_allowed(&runner->record_alone);
    while (write->batch.count < allowed && (fire = TAILQ_FIRST(&runner->record)) != NULL) {
        size_t i = write->batch.count;
        const struct run *run = fire->run;

        TAILQ_REMOVE(&runner->record, fire, work_link);
        texts[i][0] = ledger_chunks(run);
        texts[i][1] = tasks_of(run);
        rows[i] = (struct run_record_row){.id = run->id,
                                          .state = run_state_ledger(fire->state),
                                          .chunks = texts[i][0],
                                          .tasks = texts[i][1],
                                          .error = run->error[0] == '\0' ? NULL : run->error,
                                          .launched_us = run->launched_us};
        ledger_hold(&write->batch, fire);
    }
    runner->recording = true;
    run_store_record(runner->options.db, runner->epoch, rows, write->batch.count, on_recorded, write);
    for (size_t i = 0; i < write->batch.count; i++) {
        free(texts[i][0]);
        free(texts[i][1]);
    }
}

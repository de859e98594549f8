/*
 * Plans go into the ledger, by statements that insert. (runner_ledger.h)
 *
 * One fire can be several rows: what was missed, what is due, what was skipped. A fire of which there is
 * nothing to tell moves its job's cursor alone.
 *
 * What the server refuses is never forgotten: a later fire of the job would move the cursor past it. What is
 * surely not on record is decided anew after a while, as the reason may be what was decided, or the job's
 * definition. What may be on record, as an earlier write of it was left without an answer, stays as it was
 * decided until that is known: the row, once there is one, has to have somebody who launches it.
 */
#include "runner_internal.h"
#include "runner_ledger.h"
#include "runner_rows.h"

#include <stdlib.h>

#include "db.h"
#include "log.h"
#include "mem.h"
#include "run_store.h"

enum {
    HELD_AGAIN_MS = 1000,
    REFUSED_LOGGED = 60, /* each so many-th try of what is held is logged */
    LOST_MS =
        60 * 1000, /* what had no answer is not committed any more: far beyond all time-outs, see db.h */
};

struct plan_write {
    struct ledger_batch batch;
    struct plan_rows rows;
    bool again;    /* some of it may have been written already */
    bool brief;    /* to find who is held up: many may be */
    bool was_held; /* its one fire was held up before */
    bool on_record[LEDGER_ROWS_MAX];
    int64_t ids[LEDGER_ROWS_MAX];
};

/* It may have come into the list again by what came meanwhile. */
static void unqueue(struct runner *runner, struct fire *fire)
{
    if (fire->plan_queued)
        TAILQ_REMOVE(&runner->plan, fire, plan_link);
    fire->plan_queued = false;
}

/* At the list's head and in their order: those that are to go alone are the next ones. */
static void plan_undo(struct plan_write *write, bool lost)
{
    struct runner *runner = write->batch.runner;

    plan_rows_undo(&write->rows, lost ? runner_now_ms(runner) : 0);
    for (size_t i = write->batch.count; i-- > 0;) {
        struct fire *fire = write->batch.fires[i];

        if (fire->dead)
            continue;
        unqueue(runner, fire);
        fire->unsure = true;
        fire->plan_queued = true;
        TAILQ_INSERT_HEAD(&runner->plan, fire, plan_link);
    }
}

/* All others are written before it, however many are held; of these the next one is tried in a second. Main
 * may be beyond its plan, and what waits is a row beside it. */
static void hold(struct runner *runner, struct fire *fire)
{
    unqueue(runner, fire);
    if (fire->to_plan)
        runner_take_slot(runner, fire, false);
    fire->unsure = true;
    fire->plan_queued = fire->is_held = true;
    runner->held_count++;
    TAILQ_INSERT_TAIL(&runner->held, fire, plan_link);
    runner->held_again_ms = runner_now_ms(runner) + HELD_AGAIN_MS;
}

/* Had the row been on record this write would not have tried to insert it, and not have been refused, unless
 * it was for want of a privilege. */
static bool may_be_on_record(const struct runner *runner, const struct fire *fire, const struct err *err)
{
    return fire->lost_ms != 0 && (err->kind == ERR_DENIED || runner_now_ms(runner) < fire->lost_ms + LOST_MS);
}

static void decide_anew(struct runner *runner, struct fire *fire, const struct err *err)
{
    fire_forget_decision(fire);
    runner_count_request(runner, fire);
    runner_say_why(fire, "PostgreSQL refused its row: %s", err->text);
    runner_apply(runner, fire, RUN_EV_UNWRITTEN);
}

/* Draining: the next leader finds what is on record, and by the cursor what is not. So what is before main
 * waits for it: its plan, in a statement without them, would move the cursor past them. */
static void leave_all(struct runner *runner, struct fire *fire)
{
    if (fire->state == RUN_CHECKING) {
        hold(runner, fire);
        return;
    }
    fire->missed = fire->skip = fire->rearm = fire->lost_missed = fire->lost_skip = (struct fire_span){0};
    if (fire->to_plan)
        runner_main_over(runner, fire);
    else
        runner_sweep(runner, fire);
}

static bool has_main(const struct plan_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->items[i].part == PART_MAIN)
            return true;
    return false;
}

/* The only one of its statement. */
static void plan_refused(struct plan_write *write, const struct err *err)
{
    struct runner *runner = write->batch.runner;
    struct fire *fire = write->batch.fires[0];

    if (fire->held_up++ % REFUSED_LOGGED == 0)
        log_error("run.not_recorded", "job=%s fire=%s run=0 error=%s", fire->job_id,
                  STAMP(write->rows.items[0].span.fire_s), LOGQ(err->text));
    if (fire->dead)
        return;
    plan_rows_undo(&write->rows, 0);
    if (runner->mode == RUNNER_DRAINING) {
        leave_all(runner, fire);
        return;
    }
    if (has_main(&write->rows) && !may_be_on_record(runner, fire, err)) {
        fire->held_up = 0; /* its own pauses grow */
        decide_anew(runner, fire, err);
    }
    if (fire_has_rows(fire))
        hold(runner, fire);
}

/* The only one of its statement. */
static void plan_held_up(struct plan_write *write, const struct err *err)
{
    struct runner *runner = write->batch.runner;
    struct fire *fire = write->batch.fires[0];

    ledger_held_up(fire, write->rows.items[0].span.fire_s, err->text);
    if (fire->dead)
        return;
    plan_rows_undo(&write->rows, 0);
    hold(runner, fire);
}

static void plan_failed(struct plan_write *write, const struct err *err)
{
    struct runner *runner = write->batch.runner;

    if (db_err_is_lock(err))
        runner_db_held_up(runner); /* whose plan that is, is told when they go alone */
    else if (!ledger_is_refusal(err))
        runner_db_failed(runner, "plan", err);
    if (ledger_is_held_up(err) && write->batch.count == 1) {
        plan_held_up(write, err);
    } else if (!ledger_is_refusal(err)) {
        if (ledger_is_held_up(err))
            runner->plan_alone = write->batch.count;
        plan_undo(write, !ledger_is_held_up(err));
    } else if (write->batch.count > 1 || !write->again) {
        /* Once more even if it is alone: a job that is deleted in this instant is refused once. */
        log_warning("runner.plan_refused", "fires=%zu error=%s", write->batch.count, LOGQ(err->text));
        runner->plan_alone = write->batch.count;
        plan_undo(write, false);
    } else {
        plan_refused(write, err);
    }
}

/* The write before, whose answer was lost, may have been committed while this one waited for it: then this
 * one found the place taken, by a row that it could not see yet. The next one sees whose row it is. */
static void look_once_more(struct runner *runner, struct fire *fire)
{
    fire->looked = true;
    fire->to_plan = true;
    runner_queue_plan(runner, fire);
}

static void main_written(struct runner *runner, struct fire *fire, bool on_record, int64_t id)
{
    if (!on_record && fire->unsure && !fire->looked) {
        look_once_more(runner, fire);
    } else if (!on_record) {
        log_debug("run.known", RUN_LOG, RUN_LOG_OF(fire));
        runner_main_over(runner, fire);
    } else {
        if (fire->run != NULL)
            fire->run->id = id;
        fire->tries = 0;
        ledger_written(runner, fire, id);
    }
}

static void beside_written(struct runner *runner, const struct plan_item *item, bool on_record, int64_t id)
{
    const bool missed = item->part == PART_MISSED;

    if (!on_record || (!missed && item->part != PART_SKIP))
        return;
    log_warning(missed ? "run.missed" : "run.skipped", "job=%s fire=%s run=%" PRId64 " coalesced=%" PRId64,
                item->fire->job_id, STAMP(item->span.fire_s), id, item->span.count - 1);
    ledger_count(runner, missed ? RUN_MISSED : RUN_SKIPPED);
}

/* What came since it was asked for, or waited for what was lost. */
static void write_the_rest(struct runner *runner, struct fire *fire)
{
    if (fire_has_rows(fire))
        runner_queue_plan(runner, fire);
    else
        runner_sweep(runner, fire);
}

static void plan_written(struct plan_write *write, const struct db_result *result)
{
    struct runner *runner = write->batch.runner;
    const struct plan_rows *rows = &write->rows;
    size_t index;
    int64_t id;

    for (int row = 0; run_store_planned(result, row, &index, &id); row++) {
        write->on_record[index] = true;
        write->ids[index] = id;
    }
    /* When main is over its entry may be, and what went beside it could not be told any more. */
    for (size_t i = 0; i < rows->count; i++)
        if (!rows->items[i].fire->dead)
            beside_written(runner, &rows->items[i], write->on_record[i], write->ids[i]);
    for (size_t i = 0; i < rows->count; i++)
        if (!rows->items[i].fire->dead && rows->items[i].part == PART_MAIN)
            main_written(runner, rows->items[i].fire, write->on_record[i], write->ids[i]);
    for (size_t i = 0; i < write->batch.count; i++)
        if (!write->batch.fires[i]->dead)
            write_the_rest(runner, write->batch.fires[i]);
}

static void plan_free(struct plan_write *write)
{
    ledger_release(&write->batch);
    free(write);
}

static void on_planned(void *arg, const struct db_result *result, const struct err *err)
{
    struct plan_write *write = arg;
    struct runner *runner = write->batch.runner;

    if (!ledger_is_of_interest(&write->batch)) {
        plan_free(write);
        return;
    }
    runner->planning = false;
    runner->held_count -= write->was_held;
    for (size_t i = 0; i < write->batch.count; i++)
        write->batch.fires[i]->in_plan = false;
    if (err != NULL) {
        plan_failed(write, err);
    } else if (run_store_fenced(result)) {
        runner_fenced(runner);
    } else {
        runner_db_worked(runner);
        if (write->was_held) /* perhaps all of them waited for the same transaction */
            runner->held_again_ms = 0;
        plan_written(write, result);
    }
    plan_free(write);
    runner_set_timer(runner); /* the next one of held waits for this one, too */
    runner_kick(runner);
}

static void ask_plan(struct plan_write *write)
{
    struct runner *runner = write->batch.runner;
    struct run_plan_row rows[LEDGER_ROWS_MAX];

    plan_rows_fill(&write->rows, rows);
    run_store_plan(runner->options.db, runner->epoch, rows, write->rows.count, write->again, write->brief,
                   on_planned, write);
    plan_rows_done(&write->rows);
}

static void take_plan(struct plan_write *write, struct fire_list *from)
{
    struct fire *fire = TAILQ_FIRST(from);

    TAILQ_REMOVE(from, fire, plan_link);
    fire->plan_queued = fire->is_held = false;
    fire->in_plan = true;
    write->again = write->again || fire->unsure || fire_has_lost(fire);
    ledger_hold(&write->batch, fire);
    plan_rows_take(&write->rows, fire);
}

static void take_plans(struct plan_write *write)
{
    struct runner *runner = write->batch.runner;
    size_t allowed;

    write->brief = runner->plan_alone > 0;
    allowed = ledger_fires_allowed(&runner->plan_alone);
    while (write->batch.count < allowed && write->rows.count + PLAN_PARTS <= LEDGER_ROWS_MAX &&
           !TAILQ_EMPTY(&runner->plan))
        take_plan(write, &runner->plan);
}

void runner_write_plans(struct runner *runner)
{
    bool held = !TAILQ_EMPTY(&runner->held) && runner_now_ms(runner) >= runner->held_again_ms;
    struct plan_write *write;

    if (runner->planning || (!held && TAILQ_EMPTY(&runner->plan)))
        return;
    write = mem_alloc(sizeof *write);
    ledger_begin(&write->batch, runner);
    write->was_held = held;
    if (held)
        take_plan(write, &runner->held);
    else
        take_plans(write);
    runner->planning = true;
    ask_plan(write);
}

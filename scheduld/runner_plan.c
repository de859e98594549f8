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

#include <stdlib.h>

#include "db.h"
#include "log.h"
#include "mem.h"
#include "run_store.h"

enum { PARTS = 4 }; /* rows that one fire can be */
enum {
    HELD_AGAIN_MS = 1000,
    REFUSED_LOGGED = 60, /* each so many-th try of what is held is logged */
    LOST_MS =
        60 * 1000, /* what had no answer is not committed any more: far beyond all time-outs, see db.h */
};

enum part { PART_MISSED, PART_MAIN, PART_SKIP, PART_REARM };

struct item {
    struct fire *fire;
    enum part part;
    struct fire_span span;
    char *chunks, *error; /* owned; until the statement is asked */
};

struct plan_write {
    struct ledger_batch batch;
    struct item items[LEDGER_ROWS_MAX];
    size_t count;
    bool again;    /* some of it may have been written already */
    bool brief;    /* to find who is held up: many may be */
    bool was_held; /* its one fire was held up before */
    bool on_record[LEDGER_ROWS_MAX];
    int64_t ids[LEDGER_ROWS_MAX];
};

static struct item *add_item(struct plan_write *write, struct fire *fire, enum part part,
                             const struct fire_span *span)
{
    struct item *item = &write->items[write->count++];

    *item = (struct item){.fire = fire, .part = part, .span = *span};
    if (part != PART_REARM && span->fire_s > fire->written_s)
        fire->written_s = span->fire_s;
    return item;
}

static void add_main(struct plan_write *write, struct fire *fire)
{
    struct item *item = add_item(write, fire, PART_MAIN, &fire->main);

    fire->to_plan = false;
    if (fire->run != NULL)
        item->chunks = ledger_chunks(fire->run);
    item->error = mem_strdup_or_null(fire->why);
}

/* What can be written of a fire. Spans are taken out, and put back if the write does not work. */
static void add_parts(struct plan_write *write, struct fire *fire)
{
    struct item *item;

    if (fire->missed.count > 0) {
        item = add_item(write, fire, PART_MISSED, &fire->missed);
        item->error =
            mem_printf("nobody could act on it within the grace of %" PRId64 " s", item->span.grace_s);
        fire->missed = (struct fire_span){0};
    }
    if (fire->to_plan)
        add_main(write, fire);
    if (fire->skip.count > 0) {
        item = add_item(write, fire, PART_SKIP, &fire->skip);
        item->error = mem_printf("the run of %s was still launching", STAMP(fire->skipped_for_s));
        fire->skip = (struct fire_span){0};
    }
    if (fire->rearm.count > 0) {
        add_item(write, fire, PART_REARM, &fire->rearm);
        fire->rearm = (struct fire_span){0};
    }
}

static const char *state_of(const struct item *item)
{
    switch (item->part) {
    case PART_MISSED:
        return run_state_ledger(RUN_MISSED);
    case PART_MAIN:
        return run_state_ledger(item->fire->state);
    case PART_SKIP:
        return run_state_ledger(RUN_SKIPPED);
    case PART_REARM:
        break;
    }
    return NULL;
}

static void put_row(const struct item *item, struct run_plan_row *row)
{
    const struct run *run = item->part == PART_MAIN ? item->fire->run : NULL;

    *row = (struct run_plan_row){
        .job_id = item->fire->job_id,
        .fire_s = item->span.fire_s,
        .state = state_of(item),
        .coalesced = item->span.count - 1,
        .wanted = run == NULL ? -1 : run->wanted,
        .running = run == NULL ? -1 : run->running,
        .needed = run == NULL ? -1 : run->needed,
        .request = run == NULL ? NULL : run->request,
        .chunks = item->chunks,
        .error = item->error,
        .next_s = item->span.next_s,
        .revision = item->span.revision,
    };
}

/* The older of two goes first into a merge. */
static void put_back(struct fire_span *now, struct fire_span before)
{
    fire_span_merge(&before, now);
    *now = before;
}

static void undo_item(struct item *item)
{
    struct fire *fire = item->fire;

    switch (item->part) {
    case PART_MISSED:
        put_back(&fire->missed, item->span);
        break;
    case PART_MAIN:
        fire->to_plan = true;
        break;
    case PART_SKIP:
        put_back(&fire->skip, item->span);
        break;
    case PART_REARM:
        put_back(&fire->rearm, item->span);
        break;
    }
}

static void undo_items(struct plan_write *write)
{
    for (size_t i = 0; i < write->count; i++)
        if (!write->items[i].fire->dead)
            undo_item(&write->items[i]);
}

/* It may have come into the list again by what came meanwhile. */
static void unqueue(struct runner *runner, struct fire *fire)
{
    if (fire->plan_queued)
        TAILQ_REMOVE(&runner->plan, fire, plan_link);
    fire->plan_queued = false;
}

/* Into a list, at its head and in their order: those that are to go alone are the next ones. */
static void plan_undo(struct plan_write *write, struct fire_list *into)
{
    undo_items(write);
    for (size_t i = write->batch.count; i-- > 0;) {
        struct fire *fire = write->batch.fires[i];

        if (fire->dead)
            continue;
        unqueue(write->batch.runner, fire);
        fire->unsure = true;
        fire->plan_queued = true;
        TAILQ_INSERT_HEAD(into, fire, plan_link);
    }
}

/* Whether it was done is not known. */
static void plan_lost(struct plan_write *write)
{
    for (size_t i = 0; i < write->batch.count; i++)
        write->batch.fires[i]->lost_ms = runner_now_ms(write->batch.runner);
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
    fire->missed = fire->skip = fire->rearm = (struct fire_span){0};
    if (fire->to_plan)
        runner_main_over(runner, fire);
    else
        runner_sweep(runner, fire);
}

/* The only one of its statement. */
static void plan_refused(struct plan_write *write, const struct err *err)
{
    struct runner *runner = write->batch.runner;
    struct fire *fire = write->batch.fires[0];

    if (fire->held_up++ % REFUSED_LOGGED == 0)
        log_error("run.not_recorded", "job=%s fire=%s run=0 error=%s", fire->job_id,
                  STAMP(write->items[0].span.fire_s), LOGQ(err->text));
    if (fire->dead)
        return;
    undo_items(write);
    if (runner->mode == RUNNER_DRAINING) {
        leave_all(runner, fire);
        return;
    }
    if (fire->to_plan && !may_be_on_record(runner, fire, err)) {
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

    ledger_held_up(fire, write->items[0].span.fire_s, err->text);
    if (fire->dead)
        return;
    undo_items(write);
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
        else
            plan_lost(write);
        plan_undo(write, &runner->plan);
    } else if (write->batch.count > 1 || !write->again) {
        /* Once more even if it is alone: a job that is deleted in this instant is refused once. */
        log_warning("runner.plan_refused", "fires=%zu error=%s", write->batch.count, LOGQ(err->text));
        runner->plan_alone = write->batch.count;
        plan_undo(write, &runner->plan);
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

static void beside_written(struct runner *runner, const struct item *item, bool on_record, int64_t id)
{
    const bool missed = item->part == PART_MISSED;

    if (!on_record || (!missed && item->part != PART_SKIP))
        return;
    log_warning(missed ? "run.missed" : "run.skipped", "job=%s fire=%s run=%" PRId64 " coalesced=%" PRId64,
                item->fire->job_id, STAMP(item->span.fire_s), id, item->span.count - 1);
    ledger_count(runner, missed ? RUN_MISSED : RUN_SKIPPED);
}

static void plan_written(struct plan_write *write, const struct db_result *result)
{
    size_t index;
    int64_t id;

    for (int row = 0; run_store_planned(result, row, &index, &id); row++) {
        write->on_record[index] = true;
        write->ids[index] = id;
    }
    /* When main is over its entry may be, and what went beside it could not be told any more. */
    for (size_t i = 0; i < write->count; i++)
        if (!write->items[i].fire->dead)
            beside_written(write->batch.runner, &write->items[i], write->on_record[i], write->ids[i]);
    for (size_t i = 0; i < write->count; i++)
        if (!write->items[i].fire->dead && write->items[i].part == PART_MAIN)
            main_written(write->batch.runner, write->items[i].fire, write->on_record[i], write->ids[i]);
    for (size_t i = 0; i < write->batch.count; i++)
        if (!write->batch.fires[i]->dead)
            runner_sweep(write->batch.runner, write->batch.fires[i]);
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

    for (size_t i = 0; i < write->count; i++)
        put_row(&write->items[i], &rows[i]);
    run_store_plan(runner->options.db, runner->epoch, rows, write->count, write->again, write->brief,
                   on_planned, write);
    for (size_t i = 0; i < write->count; i++) {
        free(write->items[i].chunks);
        free(write->items[i].error);
        write->items[i].chunks = write->items[i].error = NULL;
    }
}

static void take_plan(struct plan_write *write, struct fire_list *from)
{
    struct fire *fire = TAILQ_FIRST(from);

    TAILQ_REMOVE(from, fire, plan_link);
    fire->plan_queued = fire->is_held = false;
    fire->in_plan = true;
    write->again = write->again || fire->unsure;
    ledger_hold(&write->batch, fire);
    add_parts(write, fire);
}

static void take_plans(struct plan_write *write)
{
    struct runner *runner = write->batch.runner;
    size_t allowed;

    write->brief = runner->plan_alone > 0;
    allowed = ledger_fires_allowed(&runner->plan_alone);
    while (write->batch.count < allowed && write->count + PARTS <= LEDGER_ROWS_MAX &&
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

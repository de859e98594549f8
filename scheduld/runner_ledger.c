/*
 * Writes to the ledger: one statement that inserts and one that updates are on their way at a time, and what
 * comes meanwhile goes into the next. A statement that the server refuses, or that waited for somebody's lock
 * until its time was up, is sent again fire by fire, so that one fire that cannot be written keeps no other
 * from it.
 */
#include "runner_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "db.h"
#include "log.h"
#include "mem.h"
#include "meters.h"
#include "run_store.h"

enum { ROWS_MAX = 500, PARTS = 4 }; /* rows a statement; rows that one fire can be */
enum { HELD_UP_LOGGED = 60 };       /* each so many-th try is logged */
enum { US_PER_S = 1000000 };

enum part { PART_MISSED, PART_MAIN, PART_SKIP, PART_REARM };

struct item {
    struct fire *fire;
    enum part part;
    struct fire_span span;
    char *chunks, *error; /* owned; until the statement is asked */
};

struct write {
    struct runner *runner;
    uint64_t reign;
    struct item items[ROWS_MAX];
    size_t count;
    struct fire *fires[ROWS_MAX]; /* held */
    size_t fire_count;
    bool again; /* some of it may have been written already */
    bool on_record[ROWS_MAX], locked[ROWS_MAX];
    int64_t ids[ROWS_MAX];
};

/* The server will not have it, whenever it is asked. */
static bool is_refusal(const struct err *err)
{
    return err->kind == ERR_INVALID || err->kind == ERR_CONFLICT || err->kind == ERR_DENIED ||
           err->kind == ERR_INTERNAL;
}

/* It waited for somebody's lock until its time was up: one row may be the reason. */
static bool is_held_up(const struct err *err)
{
    return db_err_is_lock(err) || strcmp(err->sqlstate, "57014") == 0;
}

static void hold(struct write *write, struct fire *fire)
{
    fire->holds++;
    write->fires[write->fire_count++] = fire;
}

static void end_write(struct write *write)
{
    for (size_t i = 0; i < write->fire_count; i++)
        runner_release(write->fires[i]);
    free(write);
}

/* How many fires may go into the next statement. */
static size_t fires_allowed(size_t *alone)
{
    if (*alone == 0)
        return ROWS_MAX;
    --*alone;
    return 1;
}

static void count(const struct runner *runner, enum run_state state)
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
        count(runner, fire->state);
    if (run_state_final(fire->state) && run != NULL)
        metrics_add(runner->options.metrics, METER_TASKS, 0, 0, run->task_count);
    if (fire->state == RUN_STARTED && run != NULL)
        count_started(runner, fire, run);
    if (fire->state == RUN_RETRYING)
        metrics_add(runner->options.metrics, METER_RETRIES, 0, 0, 1);
}

/* The run's id is given, as a fire without anything to start has a row but no struct run. */
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

/* Plans. */

static struct item *add_item(struct write *write, struct fire *fire, enum part part,
                             const struct fire_span *span)
{
    struct item *item = &write->items[write->count++];

    *item = (struct item){.fire = fire, .part = part, .span = *span};
    if (part != PART_REARM && span->fire_s > fire->written_s)
        fire->written_s = span->fire_s;
    return item;
}

static char *chunks_of(const struct run *run)
{
    AUTO_BUF struct buf buf = {0};

    buf_init(&buf, RUN_TEXT_MAX);
    run_put_chunks(&buf, run);
    return buf_steal(&buf);
}

static void add_main(struct write *write, struct fire *fire)
{
    struct item *item = add_item(write, fire, PART_MAIN, &fire->main);

    fire->to_plan = false;
    if (fire->run != NULL)
        item->chunks = chunks_of(fire->run);
    item->error = mem_strdup_or_null(fire->why);
}

/* What can be written of a fire. Spans are taken out, and put back if the write does not work. */
static void add_parts(struct write *write, struct fire *fire)
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

static void plan_undo(struct write *write)
{
    for (size_t i = 0; i < write->count; i++)
        if (!write->items[i].fire->dead)
            undo_item(&write->items[i]);
    for (size_t i = 0; i < write->fire_count; i++) {
        if (write->fires[i]->dead)
            continue;
        write->fires[i]->unsure = true;
        runner_queue_plan(write->runner, write->fires[i]);
    }
}

static bool has_main(const struct write *write)
{
    for (size_t i = 0; i < write->count; i++)
        if (write->items[i].part == PART_MAIN)
            return true;
    return false;
}

/* The only one, and refused: it cannot be kept for ever. The cursor has not moved: it will be found again. */
static void plan_drop(struct write *write, const struct err *err)
{
    struct runner *runner = write->runner;
    struct fire *fire = write->fires[0];

    log_error("run.not_recorded", "job=%s fire=%s run=0 error=%s", fire->job_id,
              STAMP(write->items[0].span.fire_s), LOGQ(err->text));
    if (fire->dead)
        return;
    fire->written_s = 0;
    if (has_main(write))
        runner_main_over(runner, fire);
    else
        runner_sweep(runner, fire);
    if (runner->options.on_dropped != NULL)
        runner->options.on_dropped(runner->options.arg);
}

static void plan_failed(struct write *write, const struct err *err)
{
    struct runner *runner = write->runner;

    if (!is_refusal(err)) {
        runner_db_failed(runner, "plan", err);
        if (is_held_up(err) && write->fire_count > 1)
            runner->plan_alone = write->fire_count;
        else if (is_held_up(err))
            write->fires[0]->held_up_plan = true;
        plan_undo(write);
    } else if (write->fire_count > 1 || !write->again) {
        /* Once more even if it is alone: a job that is deleted in this instant is refused once. */
        log_warning("runner.plan_refused", "fires=%zu error=%s", write->fire_count, LOGQ(err->text));
        runner->plan_alone = write->fire_count;
        plan_undo(write);
    } else {
        plan_drop(write, err);
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
        log_state(fire, id);
        count_state(runner, fire);
        runner_apply(runner, fire, RUN_EV_WRITTEN);
    }
}

static void item_written(struct runner *runner, const struct item *item, bool on_record, int64_t id)
{
    switch (item->part) {
    case PART_MAIN:
        main_written(runner, item->fire, on_record, id);
        break;
    case PART_MISSED:
    case PART_SKIP:
        if (!on_record)
            break;
        log_warning(item->part == PART_MISSED ? "run.missed" : "run.skipped",
                    "job=%s fire=%s run=%" PRId64 " coalesced=%" PRId64, item->fire->job_id,
                    STAMP(item->span.fire_s), id, item->span.count - 1);
        count(runner, item->part == PART_MISSED ? RUN_MISSED : RUN_SKIPPED);
        break;
    case PART_REARM:
        break;
    }
}

static void plan_written(struct write *write, const struct db_result *result)
{
    size_t index;
    int64_t id;

    for (int row = 0; run_store_planned(result, row, &index, &id); row++) {
        write->on_record[index] = true;
        write->ids[index] = id;
    }
    for (size_t i = 0; i < write->count; i++)
        if (!write->items[i].fire->dead)
            item_written(write->runner, &write->items[i], write->on_record[i], write->ids[i]);
    for (size_t i = 0; i < write->fire_count; i++)
        if (!write->fires[i]->dead)
            runner_sweep(write->runner, write->fires[i]);
}

static void on_planned(void *arg, const struct db_result *result, const struct err *err)
{
    struct write *write = arg;
    struct runner *runner = write->runner;

    if (write->reign != runner->reign) {
        end_write(write);
        return;
    }
    runner->planning = false;
    for (size_t i = 0; i < write->fire_count; i++)
        write->fires[i]->in_plan = false;
    if (err != NULL) {
        plan_failed(write, err);
    } else if (run_store_fenced(result)) {
        runner_fenced(runner);
    } else {
        runner_db_worked(runner);
        plan_written(write, result);
    }
    end_write(write);
    runner_kick(runner);
}

static void ask_plan(struct write *write)
{
    struct runner *runner = write->runner;
    struct run_plan_row rows[ROWS_MAX];

    for (size_t i = 0; i < write->count; i++)
        put_row(&write->items[i], &rows[i]);
    run_store_plan(runner->options.db, runner->epoch, rows, write->count, write->again, on_planned, write);
    for (size_t i = 0; i < write->count; i++) {
        free(write->items[i].chunks);
        free(write->items[i].error);
        write->items[i].chunks = write->items[i].error = NULL;
    }
}

static struct write *begin_write(struct runner *runner)
{
    struct write *write = mem_alloc(sizeof *write);

    write->runner = runner;
    write->reign = runner->reign;
    return write;
}

void runner_write_plans(struct runner *runner)
{
    struct write *write;
    struct fire *fire;
    size_t allowed;

    if (runner->planning || TAILQ_EMPTY(&runner->plan))
        return;
    write = begin_write(runner);
    allowed = fires_allowed(&runner->plan_alone);
    while (write->fire_count < allowed && write->count + PARTS <= ROWS_MAX &&
           (fire = TAILQ_FIRST(&runner->plan)) != NULL) {
        if (fire->held_up_plan && write->fire_count > 0)
            break; /* those before it are not to wait for it */
        if (fire->held_up_plan)
            allowed = 1;
        TAILQ_REMOVE(&runner->plan, fire, plan_link);
        fire->plan_queued = false;
        fire->in_plan = true;
        write->again = write->again || fire->unsure;
        fire->held_up_plan = false;
        hold(write, fire);
        add_parts(write, fire);
    }
    runner->planning = true;
    ask_plan(write);
}

/* Results. */

static void record_undo(struct write *write)
{
    for (size_t i = write->fire_count; i-- > 0;) {
        struct fire *fire = write->fires[i];

        if (fire->dead)
            continue;
        fire->unsure = true;
        TAILQ_INSERT_HEAD(&write->runner->record, fire, work_link);
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
static void wait_for_lock(struct runner *runner, struct fire *fire)
{
    if (fire->held_up++ % HELD_UP_LOGGED == 0)
        log_warning("run.held_up", "job=%s fire=%s run=%" PRId64 " reason=%s", fire->job_id,
                    STAMP(fire->main.fire_s), fire->run->id,
                    LOGQ("somebody has locked its row in runs, see docs/operations.md"));
    TAILQ_INSERT_TAIL(&runner->locked, fire, work_link);
    runner_wait_for_lock(runner);
}

static void record_failed(struct write *write, const struct err *err)
{
    struct runner *runner = write->runner;

    if (is_held_up(err) && write->fire_count == 1 && !write->fires[0]->dead) {
        write->fires[0]->unsure = true;
        wait_for_lock(runner, write->fires[0]);
    } else if (!is_refusal(err)) {
        runner_db_failed(runner, "record", err);
        if (is_held_up(err))
            runner->record_alone = write->fire_count;
        record_undo(write);
    } else if (write->fire_count > 1) {
        runner->record_alone = write->fire_count;
        record_undo(write);
    } else if (!write->fires[0]->dead) {
        record_refused(runner, write->fires[0], err);
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
    log_state(fire, runner_run_id(fire));
    count_state(runner, fire);
    runner_apply(runner, fire, RUN_EV_WRITTEN);
}

static void on_recorded(void *arg, const struct db_result *result, const struct err *err)
{
    struct write *write = arg;
    struct runner *runner = write->runner;
    size_t index;
    bool locked;

    if (write->reign != runner->reign) {
        end_write(write);
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
        for (size_t i = 0; i < write->fire_count; i++) {
            if (write->fires[i]->dead)
                continue;
            if (write->locked[i])
                wait_for_lock(runner, write->fires[i]);
            else
                result_written(runner, write->fires[i], write->on_record[i]);
        }
    }
    end_write(write);
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
    struct run_record_row rows[ROWS_MAX];
    char *texts[ROWS_MAX][2] = {0};
    struct write *write;
    struct fire *fire;
    size_t allowed;

    if (runner->recording || TAILQ_EMPTY(&runner->record))
        return;
    write = begin_write(runner);
    allowed = fires_allowed(&runner->record_alone);
    while (write->fire_count < allowed && (fire = TAILQ_FIRST(&runner->record)) != NULL) {
        size_t i = write->fire_count;
        const struct run *run = fire->run;

        TAILQ_REMOVE(&runner->record, fire, work_link);
        texts[i][0] = chunks_of(run);
        texts[i][1] = tasks_of(run);
        rows[i] = (struct run_record_row){.id = run->id,
                                          .state = run_state_ledger(fire->state),
                                          .chunks = texts[i][0],
                                          .tasks = texts[i][1],
                                          .error = run->error[0] == '\0' ? NULL : run->error,
                                          .launched_us = run->launched_us};
        hold(write, fire);
    }
    runner->recording = true;
    run_store_record(runner->options.db, runner->epoch, rows, write->fire_count, on_recorded, write);
    for (size_t i = 0; i < write->fire_count; i++) {
        free(texts[i][0]);
        free(texts[i][1]);
    }
}

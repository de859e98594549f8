/* See pruner.h. */
#include "pruner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "db.h"
#include "log.h"
#include "mem.h"

enum {
    FIRST_PASS_MS = 1000, /* a new leader has better things to do */
    STEP_MAX_MS = 30000,
    LOCK_WAIT_MS = 1000,
    PAUSE_FACTOR = 4,
    PAUSE_MIN_MS = 20,
    NUMBER_SIZE = 24,
    TIME_SIZE = 64,
};

enum prune_kind { PRUNE_RUNS, PRUNE_TOMBSTONES, PRUNE_KINDS };

/* Of a leader that was replaced, and does not know it yet, nothing is deleted. The row is not locked: a step
 * that has begun may end beside a take-over, which is not to wait for it, and deletes nothing that the next
 * leader would keep. */
#define FENCE "(SELECT count(*) FROM scheduler WHERE epoch = $4::bigint) = 1"

/*
 * $1 days, $2 rows, $3 where to go on, $4 the epoch: what was deleted is still in the index, until VACUUM,
 * and must not be waded through again by each step. The time of the last change counts, too, as a run that
 * was missed long ago may have been put on record just now.
 */
static const struct db_stmt stmts[PRUNE_KINDS] = {
    [PRUNE_RUNS] =
        {
            .sql = "WITH gone AS (DELETE FROM runs WHERE ctid = ANY (ARRAY("
                   "  SELECT ctid FROM runs WHERE fire_at >= $3::timestamptz"
                   "   AND fire_at < now() - make_interval(days => $1::int)"
                   "   AND updated_at < now() - make_interval(days => $1::int)"
                   "   AND state NOT IN ('planned', 'launching') AND " FENCE
                   "  ORDER BY fire_at LIMIT $2::int FOR UPDATE SKIP LOCKED))"
                   " RETURNING fire_at)"
                   " SELECT count(*), max(fire_at) FROM gone",
            .params = 4,
        },
    [PRUNE_TOMBSTONES] =
        {
            .sql = "WITH gone AS (DELETE FROM job_tombstones WHERE ctid = ANY (ARRAY("
                   "  SELECT ctid FROM job_tombstones WHERE $3::timestamptz IS NOT NULL"
                   "   AND deleted_at < now() - make_interval(days => $1::int) AND " FENCE "  LIMIT $2::int))"
                   " RETURNING deleted_at)"
                   " SELECT count(*), max(deleted_at) FROM gone",
            .params = 4,
        },
};

struct pruner {
    struct pruner_options options;
    struct event *timer; /* the next step, or the next pass */
    struct db *db;       /* owned; NULL: between two passes */
    enum prune_kind kind;
    int64_t sent_ms, epoch;
    int64_t deleted[PRUNE_KINDS]; /* in this pass */
    char from[TIME_SIZE];
    bool running;
};

static void again_in(struct pruner *pruner, int64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    event_add(pruner->timer, &tv);
}

static void begin_kind(struct pruner *pruner, enum prune_kind kind)
{
    pruner->kind = kind;
    pruner->deleted[kind] = 0;
    snprintf(pruner->from, sizeof pruner->from, "-infinity");
}

static void end_pass(struct pruner *pruner, const struct err *err)
{
    int64_t runs = pruner->deleted[PRUNE_RUNS], tombstones = pruner->deleted[PRUNE_TOMBSTONES];

    db_free(pruner->db);
    pruner->db = NULL;
    if (err != NULL)
        log_warning("pruner.failed", "runs=%" PRId64 " tombstones=%" PRId64 " error=%s", runs, tombstones,
                    LOGQ(err->text));
    else if (runs + tombstones > 0)
        log_info("pruner.pruned", "runs=%" PRId64 " tombstones=%" PRId64, runs, tombstones);
    again_in(pruner, pruner->options.pass_ms);
    if (pruner->options.on_pass != NULL)
        pruner->options.on_pass(pruner->options.arg, runs, tombstones, err);
}

static void on_step(void *arg, const struct db_result *result, const struct err *err)
{
    struct pruner *pruner = arg;
    int64_t took_ms = clock_monotonic_ms(&clock_system) - pruner->sent_ms, rows;

    if (!pruner->running)
        return;
    if (err != NULL) {
        end_pass(pruner, err);
        return;
    }
    rows = db_int64(result, 0, 0);
    pruner->deleted[pruner->kind] += rows;
    if (rows > 0)
        snprintf(pruner->from, sizeof pruner->from, "%s", db_text(result, 0, 1));
    if (rows < pruner->options.step_rows) {
        if (pruner->kind + 1 == PRUNE_KINDS) {
            end_pass(pruner, NULL);
            return;
        }
        begin_kind(pruner, pruner->kind + 1);
    }
    again_in(pruner, took_ms * PAUSE_FACTOR < PAUSE_MIN_MS ? PAUSE_MIN_MS : took_ms * PAUSE_FACTOR);
}

static void step(struct pruner *pruner)
{
    char days[NUMBER_SIZE], rows[NUMBER_SIZE], epoch[NUMBER_SIZE];
    const char *params[] = {days, rows, pruner->from, epoch};

    snprintf(days, sizeof days, "%d",
             pruner->kind == PRUNE_RUNS ? pruner->options.retention_days : PRUNER_TOMBSTONE_DAYS);
    snprintf(rows, sizeof rows, "%d", pruner->options.step_rows);
    snprintf(epoch, sizeof epoch, "%" PRId64, pruner->epoch);
    pruner->sent_ms = clock_monotonic_ms(&clock_system);
    db_query(pruner->db, &stmts[pruner->kind], params, on_step, pruner);
}

static void begin_pass(struct pruner *pruner)
{
    struct db_options db = {
        .url = pruner->options.database_url,
        .application_name = "scheduld pruner",
        .deadline_ms = STEP_MAX_MS,
        .lock_timeout_ms = LOCK_WAIT_MS,
        .wait_while_down = true,
    };
    struct err err = {0};

    begin_kind(pruner, PRUNE_TOMBSTONES);
    begin_kind(pruner, PRUNE_RUNS);
    pruner->db = db_new(pruner->options.base, &db, &err);
    if (pruner->db == NULL)
        end_pass(pruner, &err);
    else
        step(pruner);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct pruner *pruner = arg;

    if (pruner->db == NULL)
        begin_pass(pruner);
    else
        step(pruner);
}

struct pruner *pruner_new(const struct pruner_options *options)
{
    struct pruner *pruner = mem_alloc(sizeof *pruner);

    *pruner = (struct pruner){.options = *options};
    if (options->pass_ms == 0)
        pruner->options.pass_ms = PRUNER_PASS_DEFAULT_MS;
    if (options->step_rows == 0)
        pruner->options.step_rows = PRUNER_STEP_DEFAULT_ROWS;
    pruner->timer = evtimer_new(options->base, on_timer, pruner);
    return pruner;
}

void pruner_start(struct pruner *pruner, int64_t epoch)
{
    pruner->epoch = epoch;
    if (pruner->running)
        return;
    pruner->running = true;
    again_in(pruner, pruner->options.pass_ms < FIRST_PASS_MS ? pruner->options.pass_ms : FIRST_PASS_MS);
}

void pruner_stop(struct pruner *pruner)
{
    pruner->running = false;
    event_del(pruner->timer);
    db_free(pruner->db);
    pruner->db = NULL;
}

void pruner_free(struct pruner *pruner)
{
    if (pruner == NULL)
        return;
    pruner_stop(pruner);
    event_free(pruner->timer);
    free(pruner);
}

/*
 * Which rows to read, and when. See agenda_internal.h.
 *
 * A NOTIFY is a hint: it makes a change be seen at once, and nothing is lost without it. What is relied on
 * are two things. All rows are read after each connect, page by page, so that others who ask the same
 * connection need not wait. And every few seconds those are read that a transaction changed which the look
 * before could not see: a mark is the oldest transaction that was still running then.
 *
 * Ids that the agenda itself gives as hints are of rows that did not change, which neither of the two would
 * find. So where such an id is lost, all rows are read.
 *
 * All statements go through one connection, one after the other, so that an older state of a row is never
 * applied after a newer one.
 */
#include "agenda_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "zone.h"

enum { LOAD_SHARE = 10 }; /* see may_load_again() */

static void arm_ms(struct event *event, int ms)
{
    struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

    event_add(event, &tv);
}

static const char *const reads[AGENDA_READS] = {"all", "owing", "hinted", "changed"};

/* A read failed. If the connection is gone, the next one begins with reading all. */
static void read_failed(struct agenda *a, enum agenda_read what, const struct err *err)
{
    int64_t now_ms = clock_monotonic_ms(&clock_system);

    if (now_ms >= a->failed_again_ms[what]) { /* it is tried each second */
        log_warning("agenda.read_failed", "what=%s error=%s", reads[what], LOGQ(err->text));
        a->failed_again_ms[what] = now_ms + AGENDA_FAILED_MS;
    }
    if (a->up)
        arm_ms(a->retry, AGENDA_RETRY_MS);
}

/* For what reads jobs; NULL where no row may say that something is owed. */
static char *owes_until(const struct agenda *a)
{
    return agenda_owes(a) ? mem_printf("%" PRId64, agenda_now_s(a)) : NULL;
}

/* What is read while one catches up was asked for before the rows that owe, and may be from before the last
 * plan of who led then. */
static void apply(struct agenda *a, const struct job_row *row)
{
    agenda_apply(a, row, a->mode == AGENDA_LEADING);
}

static bool on_row(void *arg, const struct db_result *result)
{
    struct job_row row;

    job_row_read(result, 0, &row);
    apply(arg, &row);
    return true;
}

static void take_mark(const struct db_result *result, char *mark, int64_t *file)
{
    snprintf(mark, AGENDA_MARK_SIZE, "%s", db_text(result, 0, MARK_XID));
    *file = db_int64(result, 0, MARK_FILE);
}

/* --- all --- */

static void read_page(struct agenda *a);

static bool on_page_row(void *arg, const struct db_result *result)
{
    struct agenda *a = arg;
    struct job_row row;

    job_row_read(result, 0, &row);
    a->ordinal = row.ordinal;
    a->page_rows++;
    apply(a, &row);
    return true;
}

static void end_load(struct agenda *a)
{
    bool first = !a->ready;

    a->load_took_us = clock_monotonic_us(&clock_system) - a->load_began_us;
    a->loading = false;
    a->ready = true;
    log_info("agenda.loaded", "jobs=%u problems=%u took_ms=%" PRId64, a->table.count, a->table.problems,
             a->load_took_us / 1000);
    if (!first)
        agenda_scan_unseen(a);
    if (a->reload)
        agenda_load(a);
    agenda_loaded(a);
    if (first && a->options.on_ready != NULL)
        a->options.on_ready(a->options.arg);
}

static void on_page(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    struct agenda *a = arg;

    if (err != NULL) {
        a->loading = false;
        a->reload = true;
        read_failed(a, AGENDA_READ_ALL, err);
    } else if (a->page_rows == JOB_LOAD_PAGE) {
        read_page(a);
    } else {
        end_load(a);
    }
}

static void read_page(struct agenda *a)
{
    AUTO_FREE char *now = owes_until(a), *ordinal = mem_printf("%" PRId64, a->ordinal);
    const char *params[] = {now, ordinal};

    a->page_rows = 0;
    db_stream(a->options.db, &job_load_page, params, on_page_row, on_page, a);
}

static void on_load_mark(void *arg, const struct db_result *result, const struct err *err)
{
    struct agenda *a = arg;

    if (err != NULL) {
        a->loading = false;
        a->reload = true;
        read_failed(a, AGENDA_READ_ALL, err);
        return;
    }
    take_mark(result, a->mark, &a->file);
    a->ordinal = INT64_MIN;
    read_page(a);
}

void agenda_load(struct agenda *a)
{
    a->reload = a->loading;
    if (a->loading || !a->up)
        return;
    a->loading = true;
    a->unchanged_lost = false;
    a->generation++;
    a->load_began_us = clock_monotonic_us(&clock_system);
    db_query(a->options.db, &job_load_mark, NULL, on_load_mark, a);
}

/* --- those that owe --- */

/* If we have lost the lead and have it again, the last answer counts. */
static bool on_owing_row(void *arg, const struct db_result *result)
{
    struct agenda *a = arg;
    struct job_row row;

    job_row_read(result, 0, &row);
    agenda_apply(a, &row, agenda_owes(a) && a->owing == 1);
    return true;
}

static void on_owing(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    struct agenda *a = arg;

    a->owing--;
    if (err != NULL)
        read_failed(a, AGENDA_READ_OWING, err);
    else if (a->owing == 0)
        agenda_caught_up(a);
}

void agenda_read_owing(struct agenda *a)
{
    AUTO_FREE char *now = owes_until(a);
    const char *params[] = {now};

    a->owing++;
    a->owing_s = agenda_now_s(a);
    db_stream(a->options.db, &job_load_owing, params, on_owing_row, on_owing, a);
}

/* --- those that we are told of --- */

static void on_hinted(void *arg, const struct db_result *result, const struct err *err)
{
    struct agenda *a = arg;
    struct job_row row;

    a->asking = false;
    if (err != NULL) {
        if (a->asked_unchanged)
            a->reload = true;
        else
            a->hints_lost = true;
        read_failed(a, AGENDA_READ_HINTED, err);
        return;
    }
    for (int i = 0; i < db_rows(result); i++) {
        if (job_row_read(result, i, &row))
            apply(a, &row);
        else
            agenda_remove(a, row.id);
    }
    if (a->hints.count > 0)
        arm_ms(a->soon, 0);
}

static void sweep(struct agenda *a);

static void on_soon(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct agenda *a = arg;
    AUTO_FREE char *now = owes_until(a);
    const char *params[2] = {now};

    if (!a->up)
        return;
    if (a->hints_lost) {
        a->hints_lost = false;
        sweep(a);
    }
    if (a->hints.count == 0 || a->asking)
        return;
    a->asking = true;
    a->asked_unchanged = a->hints_unchanged;
    a->hints_unchanged = false;
    params[1] = db_array_end(&a->hints);
    db_query(a->options.db, &job_load_ids, params, on_hinted, a);
    db_array_done(&a->hints);
    db_array_init(&a->hints);
}

static void read_soon(struct agenda *a)
{
    if (!event_pending(a->soon, EV_TIMEOUT, NULL))
        arm_ms(a->soon, 0);
}

static bool add_hint(struct agenda *a, const char *id)
{
    if (a->hints.count >= AGENDA_HINTS_MAX)
        return false;
    db_array_text(&a->hints, id);
    return true;
}

void agenda_hint_later(struct agenda *a, const char *id)
{
    if (add_hint(a, id))
        a->hints_unchanged = true;
    else
        a->unchanged_lost = true;
}

void agenda_hint(struct agenda *a, const char *id)
{
    agenda_hint_later(a, id);
    read_soon(a);
}

static void on_notify(void *arg, const char *channel UNUSED, const char *payload)
{
    struct agenda *a = arg;

    if (payload[0] == '\0' || !add_hint(a, payload))
        a->hints_lost = true;
    read_soon(a);
}

/* --- those that changed --- */

static void end_sweep(struct agenda *a)
{
    a->sweeping = false;
    if (a->sweep_soon)
        sweep(a);
}

static void sweep_failed(struct agenda *a, const struct err *err)
{
    a->sweeping = false;
    read_failed(a, AGENDA_READ_CHANGED, err);
}

static void on_gone(void *arg, const struct db_result *result, const struct err *err)
{
    struct agenda *a = arg;

    if (err != NULL) {
        sweep_failed(a, err);
        return;
    }
    memcpy(a->mark, a->next_mark, sizeof a->mark);
    end_sweep(a);
    (void)result;
}

static bool on_gone_row(void *arg, const struct db_result *result)
{
    agenda_remove(arg, db_text(result, 0, 0));
    return true;
}

static void on_changed(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    struct agenda *a = arg;
    const char *params[] = {a->mark};

    if (err != NULL)
        sweep_failed(a, err);
    else
        db_stream(a->options.db, &job_load_gone, params, on_gone_row, on_gone, a);
}

static void on_sweep_mark(void *arg, const struct db_result *result, const struct err *err)
{
    struct agenda *a = arg;
    AUTO_FREE char *now = owes_until(a);
    const char *params[] = {now, a->mark};
    int64_t file;

    if (err != NULL) {
        sweep_failed(a, err);
        return;
    }
    take_mark(result, a->next_mark, &file);
    if (file != a->file) { /* the table was emptied by TRUNCATE, or written anew */
        a->sweeping = false;
        agenda_load(a);
        return;
    }
    db_stream(a->options.db, &job_load_changed, params, on_row, on_changed, a);
}

static void sweep(struct agenda *a)
{
    a->sweep_soon = a->sweeping;
    if (a->sweeping || a->loading || !a->ready || !a->up) /* what comes after loading begins with its mark */
        return;
    a->sweeping = true;
    db_query(a->options.db, &job_load_mark, NULL, on_sweep_mark, a);
}

static void on_pruned(void *arg UNUSED, const struct db_result *result, const struct err *err)
{
    if (err != NULL)
        log_warning("agenda.prune_failed", "error=%s", LOGQ(err->text));
    else if (db_affected(result) > 0)
        log_debug("agenda.pruned", "tombstones=%" PRId64, db_affected(result));
}

/* As long as somebody keeps more jobs locked than there is room for, each load loses some again: a tenth of
 * the time may go into that. */
static bool may_load_again(const struct agenda *a)
{
    return !a->loading &&
           clock_monotonic_us(&clock_system) - a->load_began_us >= LOAD_SHARE * a->load_took_us;
}

static void on_sweep_time(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct agenda *a = arg;
    int64_t now_ms = clock_monotonic_ms(&clock_system);

    if (a->unchanged_lost && may_load_again(a))
        agenda_load(a);
    sweep(a);
    if (a->hints.count > 0)
        arm_ms(a->soon, 0);
    if (a->up && a->mode == AGENDA_LEADING && now_ms >= a->prune_at_ms) {
        a->prune_at_ms = now_ms + AGENDA_PRUNE_MS;
        db_query(a->options.db, &job_load_prune, NULL, on_pruned, a);
    }
}

/* --- after a failure, and the connection's life --- */

static void on_retry(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct agenda *a = arg;

    if (!a->up)
        return;
    if (a->reload)
        agenda_load(a);
    if (a->mode == AGENDA_CATCHING_UP && a->owing == 0)
        agenda_read_owing(a);
    if (a->hints_lost || a->hints.count > 0)
        arm_ms(a->soon, 0);
    sweep(a);
}

void agenda_db_up(struct agenda *a)
{
    a->up = true;
    agenda_load(a);
    agenda_write_go_on(a);
}

void agenda_db_down(struct agenda *a)
{
    a->up = false;
    if (a->mode == AGENDA_CATCHING_UP)
        a->mode = AGENDA_DRAINING;
}

void agenda_sync_new(struct agenda *a)
{
    int sweep_ms = a->options.sweep_ms == 0 ? AGENDA_SWEEP_MS : a->options.sweep_ms;
    struct timeval every = {sweep_ms / 1000, (suseconds_t)(sweep_ms % 1000) * 1000};

    db_array_init(&a->hints);
    a->soon = evtimer_new(a->options.base, on_soon, a);
    a->retry = evtimer_new(a->options.base, on_retry, a);
    a->sweep = event_new(a->options.base, -1, EV_PERSIST, on_sweep_time, a);
    event_add(a->sweep, &every);
    db_listen(a->options.db, "ecss_jobs", on_notify, a);
}

void agenda_sync_free(struct agenda *a)
{
    event_free(a->soon);
    event_free(a->retry);
    event_free(a->sweep);
    db_array_done(&a->hints);
}

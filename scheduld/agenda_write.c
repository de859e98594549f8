/*
 * Writing job_state, in batches, one at a time. See agenda_internal.h.
 *
 * What is written is taken from the job when the batch is made. A job that is said to be due in between is
 * not written: next_run may not pass a fire time that is not on record, and who plans the run writes it.
 */
#include "agenda_internal.h"

#include <stdlib.h>

#include <event2/event.h>

#include "attr.h"
#include "log.h"
#include "mem.h"

static void later(struct agenda *a, int ms)
{
    struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

    if (!event_pending(a->write_later, EV_TIMEOUT, NULL))
        event_add(a->write_later, &tv);
}

void agenda_write(struct agenda *a, uint32_t number)
{
    struct timed_job *job = job_table_get(&a->table, number);

    if ((job->flags & TIMED_DIRTY) != 0)
        return;
    job->flags |= TIMED_DIRTY;
    if (a->dirty_count == a->dirty_cap) {
        a->dirty_cap = a->dirty_cap == 0 ? JOB_PUT_MAX : a->dirty_cap * 2;
        a->dirty = mem_grow(a->dirty, a->dirty_cap, sizeof *a->dirty);
    }
    a->dirty[a->dirty_count++] = number;
    if (!a->writing)
        later(a, 0);
}

/* The batch did not get there: again, but for those that something has happened to since. */
static void write_again(struct agenda *a)
{
    for (uint32_t i = 0; i < a->batch_count; i++) {
        struct timed_job *job = job_table_get(&a->table, a->batch[i]);

        if (job != NULL && job->next_s == a->batch_next_s[i])
            agenda_write(a, a->batch[i]);
    }
}

/* Who has locked a row is not waited for: it is read again, and is found not to be on record. */
static void read_locked(struct agenda *a, const struct db_result *result)
{
    for (int i = 0; i < db_rows(result); i++)
        if (!db_is_null(result, i, PUT_LOCKED))
            agenda_hint_later(a, db_text(result, i, PUT_LOCKED));
}

static void on_put(void *arg, const struct db_result *result, const struct err *err)
{
    struct agenda *a = arg;

    a->writing = false;
    if (!agenda_owes(a))
        return;
    if (a->batch_epoch != a->epoch) { /* we lost the lead and have it again: the answer is of no interest */
        agenda_write_go_on(a);
    } else if (err != NULL) {
        log_warning("agenda.write_failed", "jobs=%u error=%s", a->batch_count, LOGQ(err->text));
        write_again(a);
        event_del(a->write_later);
        later(a, AGENDA_RETRY_MS);
    } else if (db_rows(result) == 0 || !db_bool(result, 0, PUT_LEADS)) {
        log_warning("agenda.not_leader", "epoch=%lld", (long long)a->epoch);
        agenda_stand_by(a);
        if (a->options.on_lost != NULL)
            a->options.on_lost(a->options.arg);
    } else {
        read_locked(a, result);
        if (a->dirty_count > 0)
            later(a, 0);
    }
}

/* Takes numbers from the list until the batch is full. */
static void collect(struct agenda *a, struct db_array arrays[4])
{
    a->batch_count = 0;
    while (a->dirty_count > 0 && a->batch_count < JOB_PUT_MAX) {
        uint32_t number = a->dirty[--a->dirty_count];
        struct timed_job *job = job_table_get(&a->table, number);

        if (job == NULL || (job->flags & TIMED_DIRTY) == 0)
            continue; /* it is gone, or was due meanwhile */
        job->flags &= ~(uint32_t)TIMED_DIRTY;
        db_array_text(&arrays[0], job->id);
        if (job->next_s == 0)
            db_array_null(&arrays[1]);
        else
            db_array_int64(&arrays[1], job->next_s);
        db_array_text(&arrays[2], (job->flags & TIMED_PROBLEM) != 0 ? job->problem : NULL);
        db_array_int64(&arrays[3], job->revision);
        a->batch[a->batch_count] = number;
        a->batch_next_s[a->batch_count++] = job->next_s;
    }
}

void agenda_write_go_on(struct agenda *a)
{
    struct db_array arrays[4];
    const char *params[5];
    AUTO_FREE char *epoch = mem_printf("%lld", (long long)a->epoch);

    if (a->writing || !a->up || !agenda_owes(a) || a->dirty_count == 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
        db_array_init(&arrays[i]);
    collect(a, arrays);
    if (a->batch_count > 0) {
        params[0] = epoch;
        for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
            params[1 + i] = db_array_end(&arrays[i]);
        a->batch_epoch = a->epoch;
        a->writing = true;
        db_query(a->options.db, &job_load_put, params, on_put, a);
    }
    for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
        db_array_done(&arrays[i]);
}

static void on_later(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    agenda_write_go_on(arg);
}

void agenda_write_forget(struct agenda *a)
{
    while (a->dirty_count > 0) {
        struct timed_job *job = job_table_get(&a->table, a->dirty[--a->dirty_count]);

        if (job != NULL)
            job->flags &= ~(uint32_t)TIMED_DIRTY;
    }
}

void agenda_write_new(struct agenda *a)
{
    a->write_later = evtimer_new(a->options.base, on_later, a);
}

void agenda_write_free(struct agenda *a)
{
    event_free(a->write_later);
    free(a->dirty);
}

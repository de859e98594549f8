/*
 * A row that was read: the job is made, changed, armed. See agenda_internal.h.
 *
 * There is one way into the wheel for all reasons to read a row. A job that owes something is armed for the
 * first fire time that is not on record, which has passed, so that the next tick finds it due.
 */
#include "agenda_internal.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "ticker.h"
#include "wheel.h"

/* The text is what people read in job_state.problem. */
static void disable(struct agenda *a, struct timed_job *job, struct err *err)
{
    const char *column = err->field;

    if (strcmp(column, "scheduleStart") == 0)
        column = "schedule_start";
    else if (strcmp(column, "scheduleEnd") == 0)
        column = "schedule_end";
    if (column[0] != '\0')
        err_wrap(err, "%s", column);
    if (err->text[0] == '\0')
        err_set(err, err->kind, "the job cannot be armed");
    if ((job->flags & TIMED_PROBLEM) == 0 || strcmp(job->problem, err->text) != 0)
        log_warning("agenda.problem", "job=%s error=%s", LOGQ(job->id), LOGQ(err->text));
    job_table_set_problem(&a->table, job, err->text);
}

static void compile(struct agenda *a, struct timed_job *job, const struct job_row *row)
{
    struct job_timing timing;
    struct err err = {0};

    if (job_timing_compile(&row->texts, a->zones, &timing, &err))
        job_table_set_timing(&a->table, job, &timing);
    else
        disable(a, job, &err);
    job->revision = row->revision;
    job->grace_s = row->grace_s < 0 ? a->options.grace_s : row->grace_s;
    job->flags &= ~(uint32_t)TIMED_STALE;
}

/* Whether the row may owe a fire time up to now, by the invariant of next_run in agenda.h; job_load_owing
 * asks for the same. A job that could not be armed has none, and may be what it was, as when its zone is
 * back: what has passed since counts. */
static bool may_owe(const struct job_row *row, int64_t now_s)
{
    return row->armed_revision != row->revision || (row->next_s != 0 && row->next_s <= now_s) ||
           row->problem != NULL;
}

/* Until when fire times of a changed job pass in silence: from the instant on by which the rows that owe were
 * asked for they come from the wheel, though it stands still; or from now on, if the clock was set back. */
static int64_t silent_until(const struct agenda *a)
{
    int64_t now_s = agenda_now_s(a);

    return a->mode == AGENDA_CATCHING_UP && a->owing_s < now_s ? a->owing_s : now_s;
}

static int64_t first_fire(struct agenda *a, const struct timed_job *job, const struct job_row *row,
                          bool changed, bool owes)
{
    int64_t past_s = silent_until(a);

    if (row->suspended || (job->flags & TIMED_PROBLEM) != 0)
        return 0;
    if (owes && may_owe(row, agenda_now_s(a)))
        return due_next(&job->timing, due_from(row->cursor_s, row->since_s));
    if (!changed)
        return job->next_s;
    /* What is on record is over, also if the clock was set back since. */
    return due_next(&job->timing, due_from(past_s > row->cursor_s ? past_s : row->cursor_s, row->since_s));
}

static bool is_on_record(const struct timed_job *job, const struct job_row *row)
{
    const char *problem = (job->flags & TIMED_PROBLEM) != 0 ? job->problem : NULL;

    if (row->armed_revision != job->revision || row->next_s != job->next_s)
        return false;
    return problem == NULL ? row->problem == NULL
                           : row->problem != NULL && strcmp(problem, row->problem) == 0;
}

static void arm(struct agenda *a, uint32_t number, struct timed_job *job, int64_t first_s)
{
    job->next_s = first_s;
    job->flags &= ~(uint32_t)TIMED_COUNTING;
    if (first_s == 0)
        wheel_clear(a->wheel, number);
    else
        wheel_set(a->wheel, number, first_s);
}

void agenda_apply(struct agenda *a, const struct job_row *row, bool owes)
{
    uint32_t number = job_table_find(&a->table, row->id);
    struct timed_job *job;
    bool changed = number == JOB_NONE;
    int64_t first_s;

    if (changed)
        number = job_table_add(&a->table, row->id);
    job = job_table_get(&a->table, number);
    job->seen = a->generation;
    changed = changed || job->revision != row->revision || (job->flags & TIMED_STALE) != 0;
    if (changed)
        compile(a, job, row);
    first_s = first_fire(a, job, row, changed, owes);
    if (!changed && first_s == job->next_s && (job->flags & TIMED_COUNTING) != 0)
        return; /* of a row that is read again while what it owes is counted */
    arm(a, number, job, first_s);
    if (owes && (first_s == 0 || first_s > agenda_now_s(a)) && !is_on_record(job, row))
        agenda_write(a, number);
    ticker_wake(a->ticker);
}

void agenda_remove_number(struct agenda *a, uint32_t number)
{
    wheel_clear(a->wheel, number);
    job_table_remove(&a->table, number);
}

void agenda_remove(struct agenda *a, const char *id)
{
    uint32_t number = job_table_find(&a->table, id);

    if (number != JOB_NONE)
        agenda_remove_number(a, number);
}

/*
 * The agenda's life, who leads, and the tick: what is due. See agenda.h for what is promised and
 * agenda_internal.h for how the files share the work.
 */
#include "agenda_internal.h"

#include <malloc.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "ticker.h"
#include "wheel.h"
#include "zone.h"

enum { AGENDA_MMAP_THRESHOLD = 256 * 1024 };
enum { US_PER_S = 1000000 };
enum { BATCH = 64 }; /* entries that are taken from the wheel at a time; their jobs' memory is fetched */

int64_t agenda_now_s(const struct agenda *a)
{
    return clock_wall_s(a->options.clock);
}

bool agenda_owes(const struct agenda *a)
{
    return a->mode == AGENDA_CATCHING_UP || a->mode == AGENDA_LEADING;
}

bool agenda_has_time(int64_t began_us, unsigned turn)
{
    return turn % AGENDA_LOOK_AT_CLOCK != AGENDA_LOOK_AT_CLOCK - 1 ||
           clock_monotonic_us(&clock_system) - began_us < AGENDA_STEP_US;
}

/* --- what is due --- */

static void set_next(struct agenda *a, uint32_t number, struct timed_job *job, int64_t next_s)
{
    job->next_s = next_s;
    if (next_s != 0)
        wheel_set(a->wheel, number, next_s);
}

/* All is counted: the job is armed again before anybody is told. */
static void emit(struct agenda *a, uint32_t number, struct timed_job *job, const struct due *due)
{
    struct agenda_due told = {
        .job_id = job->id,
        .revision = job->revision,
        .fire_s = due->fire_s,
        .coalesced = due->coalesced,
        .first_s = due->first_s,
        .timing = &job->timing,
        .missed_first_s = due->missed_first_s,
        .missed_s = due->missed_s,
        .missed = due->missed,
        .next_s = due->next_s,
        .grace_s = job->grace_s,
    };

    job->flags &= ~(uint32_t)(TIMED_DIRTY | TIMED_COUNTING);
    set_next(a, number, job, due->next_s);
    if (told.fire_s != 0 || told.missed_s != 0)
        a->options.on_due(a->options.arg, &told);
}

static void count_later(struct agenda *a, uint32_t number, struct timed_job *job, const struct due *due)
{
    if (a->counting_count == a->counting_cap) {
        a->counting_cap = a->counting_cap == 0 ? BATCH : a->counting_cap * 2;
        a->counting = mem_grow(a->counting, a->counting_cap, sizeof *a->counting);
    }
    job->flags |= TIMED_COUNTING;
    a->counting[a->counting_count++] = (struct agenda_counting){
        .number = number, .revision = job->revision, .first_s = job->next_s, .due = *due};
}

static void on_due_job(struct agenda *a, uint32_t number, int64_t now_s)
{
    struct timed_job *job = job_table_get(&a->table, number);
    struct due due;

    if (a->mode != AGENDA_LEADING) { /* in silence: who leads acts on it */
        set_next(a, number, job, job->next_s > now_s ? job->next_s : due_next(&job->timing, now_s + 1));
        return;
    }
    due_begin(&due, job->next_s, now_s, job->grace_s);
    if (due_count(&due, &job->timing, AGENDA_COUNT_MAX))
        emit(a, number, job, &due);
    else
        count_later(a, number, job, &due);
}

/* One more portion of the last job whose dues are being counted. The job may be another by now. */
static void count_some(struct agenda *a)
{
    struct agenda_counting *counting = &a->counting[a->counting_count - 1];
    struct timed_job *job = job_table_get(&a->table, counting->number);
    struct agenda_counting done;

    if (job == NULL || (job->flags & TIMED_COUNTING) == 0 || job->revision != counting->revision ||
        job->next_s != counting->first_s) {
        a->counting_count--;
        return;
    }
    if (!due_count(&counting->due, &job->timing, AGENDA_COUNT_MAX))
        return;
    done = *counting;
    a->counting_count--;
    emit(a, done.number, job, &done.due);
}

/* A portion of what is due. False: there is no more for now. */
static bool take_some(struct agenda *a, int64_t now_s)
{
    uint32_t numbers[BATCH];
    size_t n = wheel_take(a->wheel, now_s, numbers, BATCH);

    for (size_t i = 0; i < n; i++)
        __builtin_prefetch(a->table.jobs[numbers[i]]);
    for (size_t i = 0; i < n; i++)
        on_due_job(a, numbers[i], now_s);
    return n > 0 || wheel_next(a->wheel) <= now_s;
}

/* What follows when the wheel has nothing more for now. */
static void on_drained(struct agenda *a)
{
    if (a->mode != AGENDA_DRAINING || !a->ready || a->loading || a->reload || a->scan.running || !a->up)
        return;
    a->mode = AGENDA_CATCHING_UP;
    agenda_read_owing(a);
}

static int64_t ahead_us(const struct agenda *a)
{
    return clock_wall_us(a->options.clock) - clock_monotonic_us(a->options.clock);
}

/* However little the clock was set back: fire times have passed in silence that are still to come. */
static void look_at_clock(struct agenda *a, int64_t now_s)
{
    int64_t now_ahead_us = ahead_us(a), by_s = (now_ahead_us - a->ahead_us) / US_PER_S;

    a->ahead_us = now_ahead_us;
    if (llabs(by_s) >= AGENDA_LEAP_S || now_s < a->passed_s)
        log_warning("agenda.clock_set", "now=%lld by_s=%lld", (long long)now_s, (long long)by_s);
    if (now_s >= a->passed_s)
        return;
    a->passed_s = now_s;
    agenda_scan_all(a);
}

/* A leader that is wrong about the time would write cursors that are ahead of it, past what is to come. */
static bool may_plan(const struct agenda *a)
{
    return a->mode == AGENDA_STANDBY || a->options.clock_is_right == NULL ||
           a->options.clock_is_right(a->options.arg);
}

static int64_t on_tick(void *arg)
{
    struct agenda *a = arg;
    int64_t began_us = clock_monotonic_us(&clock_system), now_s = agenda_now_s(a);

    a->tick_us = began_us;
    look_at_clock(a, now_s);
    if (a->mode == AGENDA_CATCHING_UP)
        return INT64_MAX; /* the wheel stands still */
    if (!may_plan(a))
        return now_s + 1;
    a->passed_s = now_s;
    for (;;) {
        if (a->counting_count > 0)
            count_some(a);
        else if (!take_some(a, now_s))
            break;
        if (clock_monotonic_us(&clock_system) - began_us >= AGENDA_STEP_US)
            return INT64_MIN;
    }
    on_drained(a);
    return a->mode == AGENDA_CATCHING_UP ? INT64_MAX : wheel_next(a->wheel);
}

/* --- who leads --- */

void agenda_lead(struct agenda *a, int64_t epoch)
{
    a->epoch = epoch;
    a->mode = AGENDA_DRAINING;
    ticker_wake(a->ticker);
}

void agenda_stand_by(struct agenda *a)
{
    for (uint32_t i = 0; i < a->counting_count; i++) {
        struct timed_job *job = job_table_get(&a->table, a->counting[i].number);

        if (job != NULL && (job->flags & TIMED_COUNTING) != 0) {
            job->flags &= ~(uint32_t)TIMED_COUNTING;
            wheel_set(a->wheel, a->counting[i].number, job->next_s);
        }
    }
    a->counting_count = 0;
    agenda_write_forget(a);
    a->mode = AGENDA_STANDBY;
    ticker_wake(a->ticker);
}

void agenda_loaded(struct agenda *a)
{
    ticker_wake(a->ticker);
}

void agenda_caught_up(struct agenda *a)
{
    if (a->mode != AGENDA_CATCHING_UP)
        return;
    a->mode = AGENDA_LEADING;
    log_info("agenda.leading", "epoch=%lld jobs=%u", (long long)a->epoch, a->table.count);
    agenda_scan_problems(a);
    agenda_write_go_on(a);
    ticker_wake(a->ticker);
}

/* --- its life --- */

struct agenda *agenda_new(const struct agenda_options *options)
{
    struct agenda *a = mem_alloc(sizeof *a);

    /* Arrays of megabytes grow by remapping, not by a copy that takes milliseconds: without this the
     * allocator learns from the first large free() to keep large pieces in its heap. */
    mallopt(M_MMAP_THRESHOLD, AGENDA_MMAP_THRESHOLD);
    a->options = *options;
    if (a->options.clock == NULL)
        a->options.clock = &clock_system;
    job_table_init(&a->table);
    a->zones = zones_new(options->zoneinfo);
    a->wheel = wheel_new(agenda_now_s(a));
    a->tick_us = clock_monotonic_us(&clock_system);
    a->ahead_us = ahead_us(a);
    a->ticker = ticker_new(options->base, a->options.clock, on_tick, a);
    agenda_write_new(a);
    agenda_scan_new(a);
    agenda_sync_new(a);
    return a;
}

void agenda_free(struct agenda *a)
{
    if (a == NULL)
        return;
    agenda_sync_free(a);
    agenda_scan_free(a);
    agenda_write_free(a);
    ticker_free(a->ticker);
    wheel_free(a->wheel);
    job_table_done(&a->table);
    zones_free(a->zones);
    free(a->counting);
    free(a);
}

void agenda_wake(struct agenda *a)
{
    ticker_wake(a->ticker);
}

void agenda_stats(const struct agenda *a, struct agenda_stats *ret)
{
    int64_t next_s = wheel_first(a->wheel);

    *ret = (struct agenda_stats){
        .jobs = a->table.count,
        .armed = wheel_count(a->wheel) + a->counting_count,
        .problems = a->table.problems,
        .bytes = job_table_bytes(&a->table) + wheel_bytes(a->wheel) + a->dirty_cap * sizeof *a->dirty +
                 a->counting_cap * sizeof *a->counting,
        .next_s = next_s == INT64_MAX ? 0 : next_s,
        .tick_us = a->tick_us,
        .ready = a->ready,
        .leading = a->mode == AGENDA_LEADING,
    };
}

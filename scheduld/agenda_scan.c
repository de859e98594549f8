/*
 * Looking through all jobs, in portions: for those that a load did not see, as they were deleted while we
 * were not connected; for those of a zone whose rules changed; for those that could not be armed; for all,
 * when the clock was set back. See agenda_internal.h.
 *
 * All but the first are read again, as what a job owes follows from its row, never from what we remember.
 */
#include "agenda_internal.h"

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "log.h"
#include "ticker.h"
#include "zone.h"

static void go_on(struct agenda *a)
{
    static const struct timeval now = {0, 0};

    event_add(a->scan_step, &now);
}

static void start(struct agenda *a)
{
    a->scan.at = 0; /* from the start, also when one is under way: it does for both */
    a->scan.stale = 0;
    if (!a->scan.running)
        go_on(a);
    a->scan.running = true;
}

void agenda_scan_unseen(struct agenda *a)
{
    a->scan.unseen = true;
    start(a);
}

void agenda_scan_problems(struct agenda *a)
{
    if (a->table.problems == 0)
        return;
    a->scan.problems = true;
    start(a);
}

void agenda_scan_all(struct agenda *a)
{
    a->scan.zone_count = AGENDA_ZONES_MAX + 1;
    start(a);
}

static bool is_in_zones(const struct agenda_scan *scan, const struct timed_job *job)
{
    if ((job->flags & TIMED_PROBLEM) != 0)
        return false;
    if (scan->zone_count > AGENDA_ZONES_MAX)
        return true; /* too many to remember, or all are meant */
    for (size_t i = 0; i < scan->zone_count; i++)
        if (scan->zones[i] == job->timing.zone)
            return true;
    return false;
}

static void look_at(struct agenda *a, uint32_t number, struct timed_job *job)
{
    struct agenda_scan *scan = &a->scan;
    bool stale = scan->problems && (job->flags & TIMED_PROBLEM) != 0;

    if (scan->unseen && !a->loading && job->seen != a->generation) {
        agenda_remove_number(a, number);
        return;
    }
    if (!stale && !is_in_zones(scan, job))
        return;
    job->flags |= TIMED_STALE;
    if (++scan->stale <= AGENDA_HINTS_MAX / 2)
        agenda_hint(a, job->id);
}

static void end_scan(struct agenda *a)
{
    bool all = a->scan.stale > AGENDA_HINTS_MAX / 2 || (a->scan.stale > 0 && a->unchanged_lost);

    a->scan = (struct agenda_scan){0};
    if (all)
        agenda_load(a);
    ticker_wake(a->ticker); /* who is about to lead waits for it */
}

static void on_step(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct agenda *a = arg;
    int64_t began_us = clock_monotonic_us(&clock_system);

    for (unsigned turn = 0; a->scan.at < a->table.top; turn++) {
        struct timed_job *job = job_table_get(&a->table, a->scan.at);

        if (!agenda_has_time(began_us, turn)) {
            go_on(a);
            return;
        }
        if (job != NULL)
            look_at(a, a->scan.at, job);
        a->scan.at++;
    }
    end_scan(a);
}

static void on_zone(void *arg, const struct zone *zone, enum zone_event event)
{
    struct agenda *a = arg;
    struct agenda_scan *scan = &a->scan;

    log_info("agenda.zone", "zone=%s what=%s", LOGQ(zone_name(zone)),
             event == ZONE_CHANGED ? "changed" : "vanished");
    if (scan->zone_count < AGENDA_ZONES_MAX)
        scan->zones[scan->zone_count] = zone;
    if (scan->zone_count <= AGENDA_ZONES_MAX)
        scan->zone_count++;
    scan->problems = true; /* of jobs whose zone had vanished */
    start(a);
}

/* A name may have come that some job waits for, so problems are looked at each time. */
static void on_zone_time(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct agenda *a = arg;

    zones_check(a->zones, on_zone, a);
    agenda_scan_problems(a);
}

void agenda_scan_new(struct agenda *a)
{
    struct timeval every = {AGENDA_ZONES_MS / 1000, 0};

    if (a->options.zones_ms != 0)
        every =
            (struct timeval){a->options.zones_ms / 1000, (suseconds_t)(a->options.zones_ms % 1000) * 1000};
    a->scan_step = evtimer_new(a->options.base, on_step, a);
    a->zone_time = event_new(a->options.base, -1, EV_PERSIST, on_zone_time, a);
    event_add(a->zone_time, &every);
}

void agenda_scan_free(struct agenda *a)
{
    event_free(a->scan_step);
    event_free(a->zone_time);
}

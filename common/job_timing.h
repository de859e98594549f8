/*
 * When a job fires, of all four fields that say so: schedule, timezone, scheduleStart and scheduleEnd. Both
 * daemons compile them here, so that what webapid accepts is what scheduld runs.
 */
#pragma once

#include "attr.h"
#include "cron.h"
#include "err.h"
#include "timestamp.h"

#include <stdbool.h>
#include <stdint.h>

struct job_report;
struct zone;
struct zones;

/* The fields as they are stored, all lent. NULL: not set. A schedule's `?` have been resolved. */
struct job_timing_texts {
    const char *schedule, *timezone, *schedule_start, *schedule_end;
};

/* 144 bytes, as there may be a million. To be moved, not copied: see job_timing_done(). */
struct job_timing {
    struct cron cron;
    const struct zone *zone;     /* lent by the zones */
    int64_t start_s, end_s;      /* both inclusive; INT64_MIN, INT64_MAX: there is no bound */
    struct timestamp start, end; /* as they were written, where there are bounds */
};

/* Compiles the texts. The err is that of the first field at fault, in the order of the texts; its field is
 * set. */
bool job_timing_compile(const struct job_timing_texts *texts, struct zones *zones, struct job_timing *ret,
                        struct err *err);

/* The same, with every field's complaint in the report, and warnings about what was probably not meant. */
bool job_timing_check(const struct job_timing_texts *texts, struct zones *zones, struct job_timing *ret,
                      struct job_report *report);

void job_timing_done(struct job_timing *timing); /* zeroed memory is fine, too */
#define AUTO_JOB_TIMING CLEANUP(job_timing_done)

/* The first fire time at or after `from` within the bounds; false if there is none. */
bool job_timing_next(const struct job_timing *timing, int64_t from, int64_t *ret);

/* Takes over the zone's new rules: to be called for each job of a zone that zones_check() told of. */
void job_timing_zone_changed(struct job_timing *timing);

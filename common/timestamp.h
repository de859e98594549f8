/*
 * Dates with times as the API has them, in ISO 8601: read for scheduleStart, scheduleEnd and `after`, and
 * written for all that is shown. What is read is what the system that we replace took:
 *
 *     YYYY-M-D, a "T" or one blank, H:MM[:SS[.f]], and "Z", +HH, +HHMM, +HH:MM (or with a minus; also with
 * seconds) or nothing
 *
 * Without an offset it is a reading of the clock in the job's zone. The CHECK constraint job_time_valid() in
 * sql/ takes the same texts; a test compares.
 */
#pragma once

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct tz;

struct timestamp {
    int64_t local_s;  /* the reading, as if it were UTC's: years 1 to 9999 */
    int32_t us;       /* 0..999999; more digits are dropped */
    int32_t offset_s; /* east of UTC, less than a day; 0 if there is none */
    bool has_offset;
};

/* ERR_INVALID "Not a valid datetime." */
bool timestamp_parse(const char *text, struct timestamp *ret, struct err *err);

/*
 * The whole seconds that a time bounds: the first instant that is not before it, and the last one that is not
 * after it. A reading that the zone's clock shows twice is taken as the first for the one and as the second
 * for the other, so that the window is the wider one; one that the clock skips is read with the offset from
 * before.
 */
int64_t timestamp_start_s(const struct timestamp *time, const struct tz *tz);
int64_t timestamp_end_s(const struct timestamp *time, const struct tz *tz);

enum timestamp_side { TIMESTAMP_START, TIMESTAMP_END };

/* Writes the time as it was read, a missing offset taken from the zone: "2026-11-23T12:44:55+01:00",
 * "2026-11-23T12:44:55.500000+00:00". */
void timestamp_put(struct buf *buf, const struct timestamp *time, const struct tz *tz,
                   enum timestamp_side side);

/* Writes an instant as the zone's clock shows it: "2026-11-23T12:44:55+00:00". */
void timestamp_put_instant(struct buf *buf, int64_t t, const struct tz *tz);

/*
 * Time zones: what a zone's clock shows at an instant, and which instants a reading of it may be. A `struct
 * tz` is made from the bytes of a TZif file (RFC 9636, versions 1 to 4, with the POSIX rule at its end),
 * never changes, and may be read by any number of threads. Nothing here reads a file, an environment variable
 * or the process's own zone; names and files are zones.h's.
 *
 * Instants are seconds since 1970-01-01 UTC, without leap seconds. A "local second" is a reading of the
 * zone's clock, as if it were UTC's: instant + offset. Offsets are exact to the second. Good for all years
 * 1800 to 9999 and beyond.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tz;

/* ERR_INVALID says what is wrong with the bytes; files with leap seconds (right/...) are refused, too. */
bool tz_parse(const void *bytes, size_t len, struct tz **ret, struct err *err);
void tz_free(struct tz *tz);
void tz_free_scoped(struct tz **tz);
#define AUTO_TZ CLEANUP(tz_free_scoped)

const struct tz *tz_utc(void);                         /* lent, for ever */
bool tz_equal(const struct tz *a, const struct tz *b); /* the same offset at every instant */

/*
 * The longest time around an instant with one offset: from begin (inclusive) to end (exclusive). Ends that
 * there are not are INT64_MIN and INT64_MAX. The neighbours' offsets differ: a change of name or DST flag
 * alone is none.
 */
struct tz_span {
    int64_t begin, end;
    int32_t offset; /* seconds east of UTC */
};

void tz_span_at(const struct tz *tz, int64_t t, struct tz_span *ret);
int32_t tz_offset_at(const struct tz *tz, int64_t t);

/* The instants at which the zone's clock shows a reading. */
struct tz_instants {
    int count; /* 0: the clock skips the reading; 1; 2: it shows it twice (or more often: then first and last)
                */
    int64_t first;  /* if count is 0, both are the reading taken with the offset before the gap: as much later
                       on */
    int64_t second; /* the clock as the gap is long. If count is 1, both are the instant */
};

void tz_instants_of(const struct tz *tz, int64_t local_s, struct tz_instants *ret);

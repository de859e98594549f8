/* See tz.h; how a zone is kept: tz_internal.h. */
#include "tz_internal.h"

#include <stdlib.h>
#include <string.h>

#include "civil.h"
#include "mem.h"

enum { OFFSET_MIN = -25 * 3600, OFFSET_MAX = 26 * 3600 }; /* no offset reaches them */

static const int64_t cycle_s = (int64_t)DAYS_PER_400_YEARS * SECONDS_PER_DAY;

const struct tz *tz_utc(void)
{
    static int64_t begin[] = {INT64_MIN};
    static int32_t offset[] = {0};
    static const struct tz utc = {.count = 1, .begin = begin, .offset = offset, INT64_MAX, INT64_MAX};

    return &utc;
}

void tz_free(struct tz *tz)
{
    if (tz == NULL)
        return;
    free(tz->begin);
    free(tz->offset);
    free(tz);
}

void tz_free_scoped(struct tz **tz)
{
    tz_free(*tz);
    *tz = NULL;
}

bool tz_equal(const struct tz *a, const struct tz *b)
{
    return a->count == b->count && a->cycle_start == b->cycle_start &&
           memcmp(a->begin, b->begin, a->count * sizeof *a->begin) == 0 &&
           memcmp(a->offset, b->offset, a->count * sizeof *a->offset) == 0;
}

static int64_t add_saturated(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return a < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/* How far t lies beyond the cycle that the table holds; a multiple of 400 years. */
static int64_t shift_of(const struct tz *tz, int64_t t)
{
    if (t < tz->cycle_end)
        return 0;
    if (tz->cycle_end == INT64_MAX)
        return 0;
    return (int64_t)(((uint64_t)t - (uint64_t)tz->cycle_start) / (uint64_t)cycle_s) * cycle_s;
}

/* Where the span with t is if the clock always changed as often as the rule says: counted from the end, as
 * what is irregular is long ago. */
static size_t guess(const struct tz *tz, int64_t t)
{
    size_t last = tz->count - 1;
    double before = ((double)tz->begin[last] - (double)t) * tz->changes_per_s;

    if (before <= 0)
        return last;
    return before < (double)last ? last - (size_t)before : 0;
}

static size_t search(const struct tz *tz, int64_t t)
{
    size_t low = 0, n = tz->count;

    while (n > 1) {
        size_t half = n / 2;

        low = tz->begin[low + half] <= t ? low + half : low;
        n -= half;
    }
    return low;
}

/* The last span that begins at or before t. The guess is right, or wrong by one or two, for all times of
 * today's rules. */
static size_t find(const struct tz *tz, int64_t t)
{
    enum { NEAR = 2 };
    size_t at = guess(tz, t), end = at + NEAR < tz->count ? at + NEAR : tz->count - 1;

    at = at > NEAR ? at - NEAR : 0;
    if (tz->begin[at] > t || (end + 1 < tz->count && tz->begin[end + 1] <= t))
        return search(tz, t);
    while (at < end && tz->begin[at + 1] <= t)
        at++;
    return at;
}

void tz_span_at(const struct tz *tz, int64_t t, struct tz_span *ret)
{
    int64_t shift = shift_of(tz, t);
    size_t i = find(tz, t - shift);

    ret->begin = i > 0 ? tz->begin[i] + shift : INT64_MIN;
    ret->end = i + 1 < tz->count ? add_saturated(tz->begin[i + 1], shift) : INT64_MAX;
    ret->offset = tz->offset[i];
}

int32_t tz_offset_at(const struct tz *tz, int64_t t)
{
    return tz->offset[find(tz, t - shift_of(tz, t))];
}

void tz_instants_of(const struct tz *tz, int64_t local_s, struct tz_instants *ret)
{
    int64_t earliest = add_saturated(local_s, -OFFSET_MAX), latest = add_saturated(local_s, -OFFSET_MIN);
    struct tz_span span;
    bool gap_seen = false;
    int64_t gap = 0;

    tz_span_at(tz, earliest, &span);
    ret->count = 0;
    for (;;) {
        int64_t t = add_saturated(local_s, -(int64_t)span.offset);

        if (t >= span.begin && (t < span.end || span.end == INT64_MAX)) {
            ret->second = t;
            if (ret->count == 0)
                ret->first = t;
            if (ret->count < 2)
                ret->count++;
        }
        if (span.end > latest || span.end == INT64_MAX)
            break;
        if (t >= span.end && !gap_seen &&
            add_saturated(local_s, -(int64_t)tz_offset_at(tz, span.end)) < span.end) {
            gap = t;
            gap_seen = true;
        }
        tz_span_at(tz, span.end, &span);
    }
    if (ret->count == 0)
        ret->first = ret->second = gap;
}

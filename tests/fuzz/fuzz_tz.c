/* Whatever the bytes are, they are refused with a reason, or make a zone whose spans follow each other
 * without a hole and whose readings lead back to where they came from. */
#include "fuzz.h"

#include <stdlib.h>

#include "tz_internal.h"

/* A rule that is written out makes 800 spans, all alike; looking at each of them would leave time for few
 * inputs. */
enum { STEPS_MAX = 300, STEPS_AT_SEAM = 6 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_readings(const struct tz *tz, int64_t t)
{
    int64_t reading = t + tz_offset_at(tz, t);
    struct tz_instants at;

    tz_instants_of(tz, reading, &at);
    require(at.count == 1 || at.count == 2);
    require(at.first <= t && t <= at.second);
    require(at.first + tz_offset_at(tz, at.first) == reading);
    require(at.second + tz_offset_at(tz, at.second) == reading);
    require((at.count == 1) == (at.first == at.second));
}

/* Just before a change: what the clock skips lies later by as much as the change. */
static void check_change(const struct tz *tz, const struct tz_span *before, const struct tz_span *after)
{
    struct tz_instants at;

    require(before->end == after->begin && before->offset != after->offset);
    check_readings(tz, before->end - 1);
    check_readings(tz, before->end);
    tz_instants_of(tz, before->end + before->offset, &at);
    if (at.count == 0)
        require(at.first == at.second);
}

/* A number of spans, one after the other, from the one with t on. */
static void check_spans(const struct tz *tz, int64_t t, int steps)
{
    const int64_t far = INT64_C(1) << 40; /* beyond year 30000 */
    struct tz_span span, next;

    tz_span_at(tz, t, &span);
    for (int i = 0; i < steps && span.end < far; i++, span = next) {
        tz_span_at(tz, span.end - 1, &next);
        require(next.begin == span.begin && next.end == span.end && next.offset == span.offset);
        tz_span_at(tz, span.end, &next);
        require(next.end > span.end);
        if (span.end > -far)
            check_change(tz, &span, &next);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_TZ struct tz *tz = NULL;
    struct tz_span span;
    struct err err = {0};

    if (!tz_parse(data, size, &tz, &err)) {
        require(err.kind == ERR_INVALID && err.text[0] != '\0' && tz == NULL);
        return 0;
    }
    require(tz_equal(tz, tz));
    tz_span_at(tz, INT64_MIN, &span);
    require(span.begin == INT64_MIN);
    check_spans(tz, INT64_MIN, STEPS_MAX);
    if (tz->cycle_end == INT64_MAX)
        return 0;
    for (int64_t seam = tz->cycle_start; seam <= tz->cycle_end + 2 * (tz->cycle_end - tz->cycle_start);
         seam += tz->cycle_end - tz->cycle_start) { /* where the table begins anew */
        tz_span_at(tz, seam - 1, &span);
        check_spans(tz, span.begin - 1, STEPS_AT_SEAM);
    }
    return 0;
}

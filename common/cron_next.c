/*
 * cron_next(): the search through a zone's spans of one offset each. See cron.h for the rules.
 *
 * Within a span, civil time and instants run in step, so a hit of the civil search is good if it lies before
 * the span's end. The rules for gaps and repeats only matter near the ends of spans: nearer than SHIFT_MAX,
 * by which two offsets can differ.
 */
#include "cron_civil.h"

#include "cron_calendar.h"
#include "tz.h"

enum {
    SHIFT_MAX = 3 * CRON_DAY_S, /* RFC 9636: offsets lie between -25 and +26 hours */
    HOURS_ALL = 0xFFFFFF,
};

static const int64_t never = INT64_MAX;

struct search {
    const struct cron *cron; /* lent */
    const struct tz *tz;     /* lent */
    int64_t from, hit;       /* the first hit at or after the civil time `from`, as it was last asked */
    bool run_skipped;        /* hits that the clock skips fire */
    bool run_repeats;        /* hits that the clock repeats fire both times */
};

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The first hit at or after a civil time. What was found last is good for every time from where it was looked
 * for. */
static int64_t hit_from(struct search *s, int64_t from)
{
    if (from < s->from || from > s->hit) {
        s->from = from;
        s->hit = cron_civil_next(s->cron, from);
    }
    return s->hit;
}

/* The span's ends are kept where adding an offset cannot overflow. */
static void span_at(const struct search *s, int64_t t, struct tz_span *ret)
{
    const int64_t far = INT64_MAX / 2;

    tz_span_at(s->tz, t, ret);
    if (ret->begin < -far)
        ret->begin = -far;
    if (ret->end > far)
        ret->end = far;
}

static bool has_before(const struct tz_span *span)
{
    return span->begin > -cron_civil_never;
}

/*
 * The first time at or after t that the clock skips between two spans and that fires, read with the offset
 * from before.
 */
static int64_t skipped_fire(struct search *s, const struct tz_span *before, const struct tz_span *after,
                            int64_t t)
{
    int64_t hit;

    if (!s->run_skipped || after->offset <= before->offset ||
        t - after->begin >= after->offset - before->offset)
        return never;
    if (t < after->begin)
        t = after->begin;
    hit = hit_from(s, t + before->offset);
    return hit < after->begin + after->offset ? hit - before->offset : never;
}

/* Of the changes of clock shortly before t: the first time at or after t that they skip. */
static int64_t skipped_before(struct search *s, const struct tz_span *span, int64_t t)
{
    struct tz_span before, after = *span;
    int64_t first = never;

    while (has_before(&after) && t - after.begin < SHIFT_MAX) {
        span_at(s, after.begin - 1, &before);
        first = min(first, skipped_fire(s, &before, &after, t));
        after = before;
    }
    return first;
}

/* Whether an earlier span has the civil time; if so, *end is the end of what that span has. */
static bool was_before(const struct search *s, const struct tz_span *span, int64_t civil, int64_t *end)
{
    struct tz_span before, after = *span;

    while (has_before(&after) && span->begin - after.begin < SHIFT_MAX) {
        span_at(s, after.begin - 1, &before);
        if (civil >= before.begin + before.offset && civil < before.end + before.offset) {
            *end = before.end + before.offset;
            return true;
        }
        after = before;
    }
    return false;
}

/* The first hit at or after t in the span, or what lies beyond its end. */
static int64_t hit_in_span(struct search *s, const struct tz_span *span, int64_t t)
{
    int64_t hit = hit_from(s, t + span->offset), end;

    if (s->run_repeats || !has_before(span))
        return hit;
    while (hit - span->offset < span->end && hit - span->offset - span->begin < SHIFT_MAX &&
           was_before(s, span, hit, &end))
        hit = hit_from(s, end);
    return hit;
}

/*
 * Where the search has to go on when nothing was found up to the span's end: right there, or much later if
 * there is no hit for a long time, whatever the offsets are meanwhile. False if there is none at all.
 */
static bool go_on(struct search *s, const struct tz_span *span, int64_t *t)
{
    int64_t quiet = span->end + span->offset - SHIFT_MAX; /* no later civil time is before that */
    int64_t hit = hit_from(s, s->from < quiet ? s->from : quiet);

    *t = span->end;
    if (span->end + span->offset >= cron_civil_never + SHIFT_MAX)
        return false;
    if (hit == cron_civil_never)
        return false;
    if (hit - span->offset - SHIFT_MAX > span->end)
        *t = hit - span->offset - SHIFT_MAX;
    return true;
}

static bool search(struct search *s, int64_t t, int64_t *ret)
{
    struct tz_span span;
    int64_t skipped = never;

    span_at(s, t, &span);
    if (s->run_skipped && t - span.begin < SHIFT_MAX)
        skipped = skipped_before(s, &span, t);
    for (;;) {
        struct tz_span before = span;
        int64_t hit = hit_in_span(s, &span, t);
        int64_t fire = hit < cron_civil_never ? hit - span.offset : never;

        if (skipped < span.end && skipped < fire)
            fire = skipped;
        if (fire < span.end) {
            *ret = fire;
            return true;
        }
        if (!go_on(s, &span, &t)) {
            if (skipped != never)
                *ret = skipped;
            return skipped != never;
        }
        span_at(s, t, &span);
        if (t == before.end)
            skipped = min(skipped, skipped_fire(s, &before, &span, t));
    }
}

bool cron_next(const struct cron *cron, const struct tz *tz, int64_t from, int64_t *ret)
{
    struct search s = {
        .cron = cron,
        .tz = tz,
        .from = never,
        .hit = never,
        .run_skipped = cron->hour != HOURS_ALL,
        .run_repeats = cron->hour == HOURS_ALL || (cron->flags & CRON_MINUTE_FREE) != 0,
    };

    if (from < -SHIFT_MAX)
        from = -SHIFT_MAX; /* nothing fires before 1970 */
    if (from >= cron_civil_never + SHIFT_MAX)
        return false;
    return search(&s, from, ret);
}

/* See cron_oracle.h. */
#include "cron_oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem.h"

enum { DAY_S = 86400, HOUR_S = 3600 };

static const char *const weekday_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const position_names[] = {"1st", "2nd", "3rd", "4th", "5th", "last"};

uint64_t oracle_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint32_t oracle_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(oracle_random(state) % n);
}

static int between(uint64_t *state, int low, int high)
{
    return low + (int)oracle_below(state, (uint32_t)(high - low + 1));
}

/* Appends to the text. A macro, as clang's analyzer takes the va_list of a function here for uninitialized.
 */
#define put(o, ...)                                                                                          \
    ((void)snprintf((o)->text + strlen((o)->text), sizeof(o)->text - strlen((o)->text), __VA_ARGS__))

static void add(bool *set, int first, int last, int step)
{
    for (int v = first; v <= last; v += step)
        set[v] = true;
}

/* One part of a field with values from min to max. Half of the values are the one aimed at. */
static void make_part(struct oracle *o, uint64_t *state, bool *set, int min, int max, int aim,
                      const char *const *names)
{
    int first = oracle_below(state, 2) ? aim : between(state, min, max);
    int last = between(state, first, max), step;

    switch (oracle_below(state, names != NULL ? 7 : 6)) {
    case 0:
        put(o, "%d", first);
        add(set, first, first, 1);
        break;
    case 1:
        put(o, "%02d-%d", first, last);
        add(set, first, last, 1);
        break;
    case 2:
        step = between(state, 1, (max - min) / (oracle_below(state, 2) ? 1 : 4));
        put(o, "*/%d", step);
        add(set, min, max, step);
        break;
    case 3:
        if (last > first) {
            step = between(state, 1, last - first);
            put(o, "%d-%d/%d", first, last, step);
            add(set, first, last, step);
            break;
        }
        FALLTHROUGH;
    case 4:
        if (first < max) {
            step = between(state, 1, max - first);
            put(o, "%d/%d", first, step);
            add(set, first, max, step);
            break;
        }
        FALLTHROUGH;
    case 5:
        put(o, "%03d", aim);
        add(set, aim, aim, 1);
        break;
    default:
        put(o, "%s-%s", names[first - min], names[last - min]);
        add(set, first, last, 1);
        break;
    }
}

static void make_day_part(struct oracle *o, uint64_t *state, const struct oracle_aim *aim)
{
    int position, weekday;

    switch (oracle_below(state, 4)) {
    case 0:
        position = between(state, 0, 5);
        weekday = oracle_below(state, 2) ? aim->weekday : between(state, 0, 6);
        put(o, "%s_%s", position_names[position], weekday_names[weekday]);
        o->nth[position][weekday] = true;
        break;
    case 1:
        put(o, "last");
        o->last_day = true;
        break;
    default:
        make_part(o, state, o->day, 1, 31, aim->day, NULL);
        break;
    }
}

/* One field: everything, or up to three parts. `odds` of 4 are everything. */
static void make_field(struct oracle *o, uint64_t *state, bool *set, int min, int max, int aim,
                       const char *const *names, uint32_t odds)
{
    if (oracle_below(state, 4) < odds) {
        put(o, "* ");
        add(set, min, max, 1);
        if (set == o->minute)
            o->minute_star = true;
        return;
    }
    for (int parts = between(state, 1, 3);; put(o, ",")) {
        size_t begin = strlen(o->text);

        make_part(o, state, set, min, max, aim, names);
        if (set == o->minute && o->text[begin] == '*')
            o->minute_star = true;
        if (--parts == 0 || oracle_below(state, 2) == 0)
            break;
    }
    put(o, " ");
}

static void make_days(struct oracle *o, uint64_t *state, const struct oracle_aim *aim, uint32_t odds)
{
    if (oracle_below(state, 4) < odds) {
        put(o, "* ");
        add(o->day, 1, 31, 1);
        return;
    }
    for (int parts = between(state, 1, 3);; put(o, ",")) {
        make_day_part(o, state, aim);
        if (--parts == 0 || oracle_below(state, 2) == 0)
            break;
    }
    put(o, " ");
}

void oracle_make(struct oracle *o, uint64_t *state, const struct oracle_aim *aim)
{
    uint32_t date_odds = aim->dates_only          ? 2
                         : oracle_below(state, 3) ? 4
                                                  : 3; /* that a field of the date is `*` */

    memset(o, 0, sizeof *o);
    if (aim->dates_only) {
        put(o, "0 0 0 ");
        o->second[0] = o->minute[0] = o->hour[0] = true;
    } else {
        if (oracle_below(state, 2)) {
            put(o, "0 ");
            o->second[0] = true;
        } else {
            make_field(o, state, o->second, 0, 59, 0, NULL, 1);
        }
        make_field(o, state, o->minute, 0, 59, 30, NULL, 1);
        make_field(o, state, o->hour, 0, 23, aim->hour, NULL, 1);
    }
    make_field(o, state, o->weekday, 0, 6, aim->weekday, weekday_names, date_odds);
    make_field(o, state, o->week, 1, 53, aim->week, NULL, date_odds);
    make_days(o, state, aim, date_odds);
    make_field(o, state, o->month, 1, 12, aim->month, month_names, date_odds);
    make_field(o, state, o->year, 1970, 9999, aim->year, NULL, date_odds);
}

void oracle_date_of(int64_t day, struct oracle_date *ret)
{
    time_t t = day * DAY_S;
    struct tm tm;
    char week[8];

    gmtime_r(&t, &tm);
    strftime(week, sizeof week, "%V", &tm);
    ret->year = tm.tm_year + 1900;
    ret->month = tm.tm_mon + 1;
    ret->day = tm.tm_mday;
    ret->weekday = (tm.tm_wday + 6) % 7;
    ret->week = atoi(week);
    tm.tm_mon++;
    tm.tm_mday = 0;
    tm.tm_hour = 12;
    timegm(&tm);
    ret->month_length = tm.tm_mday;
}

bool oracle_date_matches(const struct oracle *o, const struct oracle_date *d)
{
    bool day = o->day[d->day] || (o->last_day && d->day == d->month_length) ||
               o->nth[(d->day - 1) / 7][d->weekday] ||
               (o->nth[5][d->weekday] && d->day + 7 > d->month_length);

    return day && d->year >= 1970 && d->year < ORACLE_YEARS && o->year[d->year] && o->month[d->month] &&
           o->week[d->week] && o->weekday[d->weekday];
}

/* The zone's clock around a window: for each reading, how often it was shown. */
struct readings {
    const struct oracle *o;
    int64_t base; /* the first reading */
    size_t count;
    uint8_t *shown;
    int64_t day; /* whose date is known to match, or not */
    bool matches;
};

static bool is_hit(struct readings *r, int64_t reading)
{
    int64_t day = reading / DAY_S - (reading % DAY_S < 0);
    int time = (int)(reading - day * DAY_S);

    if (day != r->day) {
        struct oracle_date date;

        oracle_date_of(day, &date);
        r->matches = oracle_date_matches(r->o, &date);
        r->day = day;
    }
    return r->matches && r->o->hour[time / HOUR_S] && r->o->minute[time / 60 % 60] && r->o->second[time % 60];
}

static bool all(const bool *set, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!set[i])
            return false;
    return true;
}

static void note_fire(uint8_t *fires, int64_t begin, int64_t end, int64_t t)
{
    if (t >= begin && t < end)
        fires[t - begin] = 1;
}

/* Looks at every second from `from` to `to`, which are far enough outside of the window. */
static void scan(struct readings *r, const struct tz *tz, int64_t from, int64_t to, int64_t begin,
                 int64_t end, uint8_t *fires)
{
    bool hour_full = all(r->o->hour, 24), both = hour_full || r->o->minute_star || all(r->o->minute, 60);
    struct tz_span span;
    int64_t before = 0;

    /* Which readings are shown at all. */
    for (int64_t t = from; t < to; t = span.end) {
        tz_span_at(tz, t, &span);
        for (int64_t i = t; i < to && i < span.end; i++)
            r->shown[i + span.offset - r->base] = 1;
    }
    for (int64_t t = from; t < to; t = span.end) {
        tz_span_at(tz, t, &span);
        if (t > from && !hour_full) /* what is skipped here is read with the offset from before */
            for (int64_t c = t + before; c < t + span.offset; c++)
                if (r->shown[c - r->base] == 0 && is_hit(r, c))
                    note_fire(fires, begin, end, c - before);
        for (int64_t i = t; i < to && i < span.end; i++) {
            int64_t c = i + span.offset;

            if (is_hit(r, c) && (both || r->shown[c - r->base] == 1))
                note_fire(fires, begin, end, i);
            r->shown[c - r->base] = 2;
        }
        before = span.offset;
    }
}

/* By how much offsets differ near the window. */
static int64_t shifts(const struct tz *tz, int64_t begin, int64_t end)
{
    int32_t low = INT32_MAX, high = INT32_MIN;

    for (int64_t t = begin - 2 * DAY_S; t < end + 2 * DAY_S; t += HOUR_S) {
        int32_t offset = tz_offset_at(tz, t);

        low = offset < low ? offset : low;
        high = offset > high ? offset : high;
    }
    return high - low;
}

size_t oracle_fires(const struct oracle *o, const struct tz *tz, int64_t begin, int64_t end, int64_t **ret)
{
    int64_t margin = shifts(tz, begin, end) + HOUR_S, from = begin - margin, to = end + margin;
    struct readings r = {
        .o = o, .base = from - 2 * DAY_S, .count = (size_t)(to - from + 4 * DAY_S), .day = INT64_MIN};
    AUTO_FREE uint8_t *shown = mem_alloc(r.count), *fires = NULL;
    size_t count = 0;

    r.shown = shown;
    fires = mem_alloc((size_t)(end - begin));
    scan(&r, tz, from, to, begin, end, fires);
    *ret = mem_array((size_t)(end - begin), sizeof **ret);
    for (int64_t t = begin; t < end; t++)
        if (fires[t - begin])
            (*ret)[count++] = t;
    return count;
}

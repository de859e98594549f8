/* See schedule_text.h. */
#include "schedule_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cron.h"
#include "cron_field.h"
#include "cron_set.h"

enum {
    WORDS_MAX = 64, /* as many as a field of days can make: numbers, nth weekdays and the last day */
    WORD_SIZE = 48,
    RUN_MIN = 3,         /* values that follow each other and are written as "a to b" */
    TIMES_MAX = 6,       /* times of day that are listed one by one */
    MEMBERS_MAX = 6,     /* members of a progression that are listed one by one */
    YEAR_SPANS_MAX = 20, /* beyond, the years are only counted */
    SECONDS = 60,
    MINUTES = 60,
    HOURS = 24,
    MONTHS = 12,
    WEEKS = 53,
    DAYS = 31,
};

static const char *const weekdays[CRON_WEEKDAYS] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                    "Friday", "Saturday", "Sunday"};
static const char *const months[MONTHS] = {"January",   "February", "March",    "April",
                                           "May",       "June",     "July",     "August",
                                           "September", "October",  "November", "December"};

/* The parts of a list, as "1", "3 to 5" and "the last Friday". */
struct words {
    size_t count;
    char text[WORDS_MAX][WORD_SIZE];
};

static PRINTF(2, 3) void add(struct words *words, const char *fmt, ...)
{
    va_list ap;

    if (words->count == WORDS_MAX)
        return; /* no field has as many parts */
    va_start(ap, fmt);
    vsnprintf(words->text[words->count++], WORD_SIZE, fmt, ap);
    va_end(ap);
}

/* "a", "a and b", "a, b and c". */
static void put_words(struct buf *buf, const struct words *words, const char *last_joint)
{
    for (size_t i = 0; i < words->count; i++) {
        if (i > 0)
            buf_puts(buf, i + 1 < words->count ? ", " : last_joint);
        buf_puts(buf, words->text[i]);
    }
}

/* A value by its name, if it has one, else as a number. */
static const char *name_of(int value, int base, const char *const *names, char number[static WORD_SIZE])
{
    if (names != NULL)
        return names[value - base];
    snprintf(number, WORD_SIZE, "%d", value);
    return number;
}

/* The bits first to last. */
static uint64_t range(int first, int last)
{
    return UINT64_MAX >> (63 - last) & UINT64_MAX << first;
}

/* Takes the lowest numbers out of a set: three or more that follow each other, or one. False if the set is
 * empty. */
static bool take_run(uint64_t *bits, int *first, int *last)
{
    uint64_t gaps;

    if (*bits == 0)
        return false;
    *first = *last = __builtin_ctzll(*bits);
    gaps = ~(*bits >> *first);
    if (gaps != 0 && __builtin_ctzll(gaps) >= RUN_MIN)
        *last = *first + __builtin_ctzll(gaps) - 1;
    *bits &= ~range(*first, *last);
    return true;
}

/* Whether the set is one progression with a step, of too many members to list them. */
static bool is_progression(uint64_t bits, struct cron_span *ret)
{
    return cron_set_take(&bits, 1, ret) && bits == 0 && ret->step > 1 &&
           (ret->last - ret->first) / ret->step >= MEMBERS_MAX;
}

/* The members of a set (bit n for the value n), whose names begin at `base`. */
static void add_set(struct words *words, uint64_t bits, int base, const char *const *names)
{
    char one[WORD_SIZE], two[WORD_SIZE];
    struct cron_span span;
    int first, last;

    if (is_progression(bits, &span)) {
        add(words, "%d to %d in steps of %d", span.first, span.last, span.step);
        return;
    }
    while (take_run(&bits, &first, &last))
        if (first == last)
            add(words, "%s", name_of(first, base, names, one));
        else
            add(words, "%s to %s", name_of(first, base, names, one), name_of(last, base, names, two));
}

/* "second 5", "seconds 5, 10 and 20 to 30". */
static void put_values(struct buf *buf, const char *noun, uint64_t bits)
{
    struct words words = {0};

    add_set(&words, bits, 0, NULL);
    buf_printf(buf, "%s%s ", noun, (bits & (bits - 1)) != 0 ? "s" : "");
    put_words(buf, &words, " and ");
}

/* n, if the set is every n-th of 0 to size - 1, and n divides size so that this goes on evenly; else 0. */
static int even_step(uint64_t bits, int size)
{
    for (int step = 1; step <= size / 2; step++) {
        uint64_t even = 0;

        cron_set_add(&even, 0, size - 1, step);
        if (size % step == 0 && bits == even)
            return step;
    }
    return 0;
}

/* "second", "10 seconds". */
static void put_every(struct buf *buf, int step, const char *noun)
{
    if (step == 1)
        buf_printf(buf, "Every %s", noun);
    else
        buf_printf(buf, "Every %d %ss", step, noun);
}

/*
 * Whether the minutes may be called "every 5 minutes": what is called so goes on in real time when the clock
 * repeats an hour, which a list of the same minutes does not do, unless every hour matches.
 */
static int minute_cadence(const struct cron *cron)
{
    bool goes_on = (cron->flags & CRON_MINUTE_FREE) != 0 || cron->hour == range(0, HOURS - 1);

    return goes_on ? even_step(cron->minute, MINUTES) : 0;
}

/* Each time of day, if they are few: "At 02:30:00 and 14:30:00". */
static bool put_times(struct buf *buf, const struct cron *cron)
{
    struct words words = {0};

    if (minute_cadence(cron) > 0 && cron->hour != range(0, HOURS - 1))
        return false;
    if (__builtin_popcountll(cron->second) * __builtin_popcountll(cron->minute) *
            __builtin_popcount(cron->hour) >
        TIMES_MAX)
        return false;
    for (int hour = 0; hour < HOURS; hour++)
        for (int minute = 0; (cron->hour >> hour & 1) != 0 && minute < MINUTES; minute++)
            for (int second = 0; (cron->minute >> minute & 1) != 0 && second < SECONDS; second++)
                if ((cron->second >> second & 1) != 0)
                    add(&words, "%02d:%02d:%02d", hour, minute, second);
    buf_puts(buf, "At ");
    put_words(buf, &words, " and ");
    return true;
}

/* ", between 09:00 and 17:59", ", in hours 0, 4 and 9 to 17". */
static void put_hours(struct buf *buf, uint64_t hours)
{
    int first = __builtin_ctzll(hours), last = 63 - __builtin_clzll(hours);

    if (hours == range(0, HOURS - 1))
        return;
    if (hours == range(first, last)) {
        buf_printf(buf, ", between %02d:00 and %02d:59", first, last);
        return;
    }
    buf_puts(buf, ", in ");
    put_values(buf, "hour", hours);
}

/* Single seconds of single minutes: "Every hour, at second 0 of minute 30". */
static void put_points(struct buf *buf, const struct cron *cron)
{
    int step = even_step(cron->hour, HOURS);

    if (step > 0) {
        put_every(buf, step, "hour");
        buf_puts(buf, ", at ");
    } else {
        buf_puts(buf, "At ");
    }
    put_values(buf, "second", cron->second);
    buf_puts(buf, " of ");
    put_values(buf, "minute", cron->minute);
    if (step == 0)
        put_hours(buf, cron->hour);
}

static void put_cadence(struct buf *buf, const struct cron *cron)
{
    int second_step = even_step(cron->second, SECONDS), minute_step = minute_cadence(cron);

    if (second_step > 0 && minute_step == 1) {
        put_every(buf, second_step, "second");
    } else if (second_step > 0) {
        put_every(buf, second_step, "second");
        buf_puts(buf, " in ");
        put_values(buf, "minute", cron->minute);
        if (even_step(cron->hour, HOURS) == 1)
            buf_puts(buf, " of every hour");
    } else if (minute_step > 0) {
        put_every(buf, minute_step, "minute");
        buf_puts(buf, ", at ");
        put_values(buf, "second", cron->second);
    } else {
        put_points(buf, cron);
        return;
    }
    put_hours(buf, cron->hour);
}

/* "on day 15", "on days 1 to 7", "on day 1, the 2nd Friday and the last day". */
static void put_days(struct buf *buf, const struct cron *cron)
{
    bool named = cron->nth_weekday != 0 || (cron->flags & CRON_DAY_LAST) != 0;
    uint64_t numbers = cron->day;
    struct words words = {0};
    int first, last;

    buf_puts(buf, "on ");
    if (!named) {
        put_values(buf, "day", numbers);
        return;
    }
    while (take_run(&numbers, &first, &last))
        if (first == last)
            add(&words, "day %d", first);
        else
            add(&words, "days %d to %d", first, last);
    for (int bit = 0; bit < CRON_NTH_POSITIONS * CRON_WEEKDAYS; bit++)
        if ((cron->nth_weekday >> bit & 1) != 0)
            add(&words, "the %s %s", cron_nth_names[bit / CRON_WEEKDAYS], weekdays[bit % CRON_WEEKDAYS]);
    if ((cron->flags & CRON_DAY_LAST) != 0)
        add(&words, "the last day");
    put_words(buf, &words, " and ");
}

/* Each month by its name: "the last day of June to August" might be one day. */
static void put_each_month(struct buf *buf, uint64_t bits)
{
    struct words words = {0};

    for (int month = 1; month <= MONTHS; month++)
        if ((bits >> month & 1) != 0)
            add(&words, "%s", months[month - 1]);
    buf_puts(buf, " of ");
    put_words(buf, &words, " and ");
}

/* "in March", "in June to August and December". */
static void put_months(struct buf *buf, uint64_t bits)
{
    struct words words = {0};

    buf_puts(buf, "in ");
    add_set(&words, bits, 1, months);
    put_words(buf, &words, " and ");
}

/* "on Monday and Friday", "from Monday to Friday". */
static void put_weekdays(struct buf *buf, uint64_t bits)
{
    struct words words = {0};

    add_set(&words, bits, 0, weekdays);
    buf_puts(buf, words.count == 1 && (bits & (bits - 1)) != 0 ? "from " : "on ");
    put_words(buf, &words, " and ");
}

/* ", if that is a Monday or Friday": a day must match both. */
static void put_weekday_condition(struct buf *buf, uint64_t bits)
{
    struct words words = {0};

    for (int day = 0; day < CRON_WEEKDAYS; day++)
        if ((bits >> day & 1) != 0)
            add(&words, "%s", weekdays[day]);
    buf_puts(buf, ", if that is a ");
    put_words(buf, &words, " or ");
}

/* Days, months and weekdays. joint: what stands between two parts, ", " or " ". */
static void put_date(struct buf *buf, const struct cron *cron, bool times_listed, const char *joint)
{
    bool any_day = cron->day == range(1, DAYS),
         any_weekday = cron->day_of_week == range(0, CRON_WEEKDAYS - 1),
         any_month = cron->month == range(1, MONTHS);

    if (!any_day) {
        buf_puts(buf, joint);
        put_days(buf, cron);
        if (any_month)
            buf_puts(buf, " of every month");
        else
            put_each_month(buf, cron->month);
        if (!any_weekday)
            put_weekday_condition(buf, cron->day_of_week);
        return;
    }
    if (!any_weekday) {
        buf_puts(buf, joint);
        put_weekdays(buf, cron->day_of_week);
    } else if (times_listed) {
        buf_puts(buf, " every day");
    }
    if (!any_month) {
        buf_puts(buf, joint);
        put_months(buf, cron->month);
    }
}

static void put_weeks(struct buf *buf, const struct cron *cron)
{
    if (cron->week == range(1, WEEKS))
        return;
    buf_puts(buf, ", in ISO ");
    put_values(buf, "week", cron->week);
}

static int count_years(const struct cron *cron)
{
    uint64_t bits[CRON_YEAR_WORDS];
    int count = 0;

    cron_years_load(cron, bits);
    for (size_t i = 0; i < CRON_YEAR_WORDS; i++)
        count += __builtin_popcountll(bits[i]);
    return count;
}

/* The years as they follow each other. False if they are too many parts. */
static bool add_years(struct words *words, const struct cron *cron)
{
    int first, last;

    for (first = cron_year_next(cron, 0); first != 0; first = cron_year_next(cron, last + 1)) {
        last = first;
        while (cron_year_next(cron, last + 1) == last + 1)
            last++;
        if (words->count == YEAR_SPANS_MAX)
            return false;
        if (last - first + 1 < RUN_MIN)
            last = first;
        if (first == last)
            add(words, "%d", first);
        else
            add(words, "%d to %d", first, last);
    }
    return true;
}

/* ", in 2026", ", in the years 2026 to 2030", ", from 2026 on". */
static void put_years(struct buf *buf, const struct cron *cron)
{
    const struct cron_span *all = &cron->years[0];
    bool one_span = (cron->flags & CRON_YEAR_SET) == 0 && cron->years[1].first == 0;
    struct words words = {0};
    int count = count_years(cron);

    if (count == CRON_YEARS)
        return;
    if (one_span && all->step == 1 && all->last == CRON_YEAR_MAX && count > 1) {
        buf_printf(buf, ", from %d on", all->first);
    } else if (one_span && all->step > 1) {
        buf_printf(buf, ", in the years %d to %d in steps of %d", all->first, all->last, all->step);
    } else if (add_years(&words, cron)) {
        buf_puts(buf, count > 1 ? ", in the years " : ", in ");
        put_words(buf, &words, " and ");
    } else {
        buf_printf(buf, ", in %d of the years %d to %d", count, CRON_YEAR_MIN, CRON_YEAR_MAX);
    }
}

/* A `*` among the minutes that no "every 5 minutes" could be made of. */
static void put_repeats(struct buf *buf, const struct cron *cron, bool times_listed)
{
    bool said = !times_listed &&
                (even_step(cron->second, SECONDS) == 0 || even_step(cron->minute, MINUTES) == 1) &&
                minute_cadence(cron) > 0;

    if ((cron->flags & CRON_MINUTE_FREE) != 0 && cron->hour != range(0, HOURS - 1) && !said)
        buf_puts(buf, ", both times where the clock repeats an hour");
}

void schedule_text_put(struct buf *buf, const struct cron *cron)
{
    size_t begin = buf->len;
    bool times_listed = put_times(buf, cron);

    if (!times_listed)
        put_cadence(buf, cron);
    put_date(buf, cron, times_listed, times_listed || strchr(buf->data + begin, ',') == NULL ? " " : ", ");
    put_weeks(buf, cron);
    put_years(buf, cron);
    put_repeats(buf, cron, times_listed);
}

/*
 * cron_next() against the oracle of cron_oracle.h: random schedules near changes of clock in all zones, and
 * dates through a whole cycle of the calendar, which is 400 years.
 *
 * How many schedules: CRON_CASES in the environment, else what CMakeLists.txt says for this kind of build. To
 * run it all in any build: CRON_CASES=20000 build/dev/tests/unit/test_cron_property
 */
#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "civil.h"
#include "cron.h"
#include "mem.h"
#include "cron_oracle.h"
#include "zone_set.h"

enum { CYCLE_YEARS = 400, FIRES_SHOWN = 5, ASKED_BETWEEN = 20 };

static struct zone_set zones;

static int cases(void)
{
    const char *text = getenv("CRON_CASES");

    return text != NULL ? atoi(text) : CRON_CASES_DEFAULT;
}

/* A change of clock in some zone, mostly of 1970 to 2100, sometimes far ahead. */
static const struct tz *pick_change(uint64_t *state, const char **name, int64_t *t, int32_t *before)
{
    for (;;) {
        const struct zone_entry *zone = &zones.zones[oracle_below(state, (uint32_t)zones.count)];
        uint32_t years = oracle_below(state, 8) ? 130 : 8028;
        int64_t day = oracle_below(state, years * 365), end = civil_to_days(9999, 12, 1) * SECONDS_PER_DAY;
        struct tz_span span;

        tz_span_at(zone->tz, day * SECONDS_PER_DAY, &span);
        if (span.end >= end)
            continue;
        *name = zone->name;
        *t = span.end;
        *before = span.offset;
        return zone->tz;
    }
}

/* The local time at which the clock is to change, or what it jumps to. */
static void take_aim(uint64_t *state, const struct tz *tz, int64_t t, int32_t before, struct oracle_aim *ret)
{
    int64_t local =
        t + (oracle_below(state, 2) ? before : tz_offset_at(tz, t)) + oracle_below(state, 3) * 3600 - 3600;
    int64_t day = civil_day_of(local);
    struct oracle_date date;

    oracle_date_of(day, &date);
    *ret = (struct oracle_aim){
        .hour = (int)((local - day * SECONDS_PER_DAY) / 3600),
        .weekday = date.weekday,
        .week = date.week,
        .day = date.day,
        .month = date.month,
        .year = date.year,
    };
}

static void complain(const struct oracle *o, const char *zone, int64_t from, int64_t wanted, bool found,
                     int64_t got)
{
    fail_msg("\"%s\" in %s from %" PRId64 ": wanted %" PRId64 ", got %" PRId64 "%s", o->text, zone, from,
             wanted, got, found ? "" : " (nothing)");
}

/* What cron_next() says must be the oracle's next, or lie beyond the window. */
static void ask(const struct oracle *o, const struct cron *cron, const struct tz *tz, const char *zone,
                int64_t from, int64_t end, const int64_t *fires, size_t count)
{
    size_t i = 0;
    int64_t got = 0;
    bool found = cron_next(cron, tz, from, &got);

    while (i < count && fires[i] < from)
        i++;
    if (i < count ? !found || got != fires[i] : found && got < end)
        complain(o, zone, from, i < count ? fires[i] : end, found, got);
}

static void compare(const struct oracle *o, const struct cron *cron, const struct tz *tz, const char *zone,
                    uint64_t *state, int64_t begin, int64_t end)
{
    AUTO_FREE int64_t *fires = NULL;
    size_t count = oracle_fires(o, tz, begin, end, &fires), found = 0;
    int64_t t = begin, got;

    for (; cron_next(cron, tz, t, &got) && got < end; t = got + 1, found++)
        if (found >= count || got != fires[found])
            complain(o, zone, t, found < count ? fires[found] : end, true, got);
    if (found != count)
        complain(o, zone, t, fires[found], false, 0);
    for (int i = 0; i < ASKED_BETWEEN; i++)
        ask(o, cron, tz, zone, begin + oracle_below(state, (uint32_t)(end - begin)), end, fires, count);
}

static void near_changes(void **unused UNUSED)
{
    uint64_t state = 2026;
    int refused = 0;

    for (int i = 0; i < cases(); i++) {
        AUTO_CRON struct cron cron = {0};
        struct oracle o;
        struct oracle_aim aim;
        struct err err;
        const char *zone;
        int32_t before;
        int64_t t;
        const struct tz *tz = pick_change(&state, &zone, &t, &before);
        int64_t shift = labs((long)tz_offset_at(tz, t) - before), reach = shift + 7200;

        take_aim(&state, tz, t, before, &aim);
        oracle_make(&o, &state, &aim);
        if (!cron_parse(o.text, &cron, NULL, &err)) {
            AUTO_FREE int64_t *fires = NULL;

            if (strncmp(err.text, "Schedule can never fire", 23) != 0)
                fail_msg("\"%s\": %s", o.text, err.text);
            assert_int_equal(oracle_fires(&o, tz, t - reach, t + reach, &fires), 0);
            refused++;
            continue;
        }
        compare(&o, &cron, tz, zone, &state, t - reach, t + reach);
    }
    print_message("%d schedules near changes of clock in %zu zones; %d of them can never fire\n", cases(),
                  zones.count, refused);
}

/* The days of 400 years, from 1970 on. */
static struct oracle_date *calendar(void)
{
    struct oracle_date *dates = mem_array(DAYS_PER_400_YEARS, sizeof *dates);

    for (int day = 0; day < DAYS_PER_400_YEARS; day++)
        oracle_date_of(day, &dates[day]);
    return dates;
}

/* A schedule that is refused must match no day in any of its years, each of which is like one of these 400.
 */
static void check_refused(struct oracle *o, const struct oracle_date *dates)
{
    for (int year = 1970; year < ORACLE_YEARS; year++)
        if (o->year[year])
            o->year[1970 + (year - 1970) % CYCLE_YEARS] = true;
    for (int day = 0; day < DAYS_PER_400_YEARS; day++)
        if (oracle_date_matches(o, &dates[day]))
            fail_msg("\"%s\" is refused, but is due on %d-%02d-%02d", o->text, dates[day].year,
                     dates[day].month, dates[day].day);
}

static void check_days(const struct oracle *o, const struct cron *cron, const struct oracle_date *dates)
{
    int64_t next = 0, t = 0;

    for (int day = 0; day < DAYS_PER_400_YEARS; day++) {
        if (!oracle_date_matches(o, &dates[day]))
            continue;
        if (!cron_next(cron, tz_utc(), t, &next) || next != day * (int64_t)SECONDS_PER_DAY)
            complain(o, "UTC", t, day * (int64_t)SECONDS_PER_DAY, true, next);
        t = next + 1;
    }
    if (cron_next(cron, tz_utc(), t, &next) && next < DAYS_PER_400_YEARS * (int64_t)SECONDS_PER_DAY)
        complain(o, "UTC", t, DAYS_PER_400_YEARS * (int64_t)SECONDS_PER_DAY, true, next);
    if (!cron_next(cron, tz_utc(), 0, &next))
        fail_msg("\"%s\" is accepted, but never due", o->text);
}

static void cycle(void **unused UNUSED)
{
    AUTO_FREE struct oracle_date *dates = calendar();
    uint64_t state = 400;
    int refused = 0, count = cases() / 40;

    for (int i = 0; i < count; i++) {
        AUTO_CRON struct cron cron = {0};
        const struct oracle_date *date = &dates[oracle_below(&state, DAYS_PER_400_YEARS)];
        const struct oracle_aim aim = {0,           date->weekday, date->week, date->day,
                                       date->month, date->year,    true};
        struct oracle o;
        struct err err;

        oracle_make(&o, &state, &aim);
        if (cron_parse(o.text, &cron, NULL, &err)) {
            check_days(&o, &cron, dates);
        } else {
            if (strncmp(err.text, "Schedule can never fire", 23) != 0)
                fail_msg("\"%s\": %s", o.text, err.text);
            check_refused(&o, dates);
            refused++;
        }
    }
    print_message("%d schedules through 400 years; %d of them can never fire\n", count, refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"near changes of clock the next fire time is what looking at every second finds", near_changes, NULL,
         NULL, NULL},
        {"through a cycle of the calendar the days are those that looking at every day finds", cycle, NULL,
         NULL, NULL},
    };
    int failed;

    zone_set_load(&zones, TEST_TZDATA_DIR);
    failed = cmocka_run_group_tests_name("cron_property", tests, NULL, NULL);
    zone_set_done(&zones);
    return failed;
}

/*
 * cron_next(): worked examples of what happens when the clock changes, one a row, and the ends of time. The
 * many cases are test_cron_vectors.c's and test_cron_property.c's.
 */
#include "test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "civil.h"
#include "cron.h"
#include "mem.h"
#include "zone_set.h"

struct next_case {
    const char *name, *schedule, *zone;
    int64_t from;
    const char *fires; /* "MM-DD HH:MM+HH", with seconds if the schedule fires at other seconds than 0 */
};

static struct zone_set zones;

static struct next_case cases[] = {
    {"New York gap 2026-03-08, daily 02:30", "0 30 2", "America/New_York", 1772859600,
     "03-07 02:30-05, 03-08 03:30-04, 03-09 02:30-04, 03-10 02:30-04"},
    {"New York overlap 2026-11-01, daily 01:30", "0 30 1", "America/New_York", 1793419200,
     "10-31 01:30-04, 11-01 01:30-04, 11-02 01:30-05, 11-03 01:30-05"},
    {"New York gap, every 15 min", "0 */15", "America/New_York", 1772951400,
     "03-08 01:30-05, 03-08 01:45-05, 03-08 03:00-04, 03-08 03:15-04, 03-08 03:30-04"},
    {"New York overlap, every 15 min", "0 */15", "America/New_York", 1793508300,
     "11-01 00:45-04, 11-01 01:00-04, 11-01 01:15-04, 11-01 01:30-04, 11-01 01:45-04, 11-01 01:00-05, 11-01 "
     "01:15-05, 11-01 01:30-05"},
    {"New York overlap, hourly at :30", "0 30", "America/New_York", 1793505600,
     "11-01 00:30-04, 11-01 01:30-04, 11-01 01:30-05, 11-01 02:30-05, 11-01 03:30-05"},
    {"New York overlap, every second", "*", "America/New_York", 1793512798,
     "11-01 01:59:58-04, 11-01 01:59:59-04, 11-01 01:00:00-05, 11-01 01:00:01-05, 11-01 01:00:02-05"},
    {"New York gap, every 2 h", "0 0 */2", "America/New_York", 1772946000,
     "03-08 00:00-05, 03-08 03:00-04, 03-08 04:00-04, 03-08 06:00-04"},
    {"New York overlap, every 20 min from 00 to 02 h", "0 */20 0-2", "America/New_York", 1793508000,
     "11-01 00:40-04, 11-01 01:00-04, 11-01 01:20-04, 11-01 01:40-04, 11-01 01:00-05, 11-01 01:20-05, 11-01 "
     "01:40-05, 11-01 02:00-05"},
    {"New York, daily 00:00 over the gap day", "0 0 0", "America/New_York", 1772859600,
     "03-07 00:00-05, 03-08 00:00-05, 03-09 00:00-04, 03-10 00:00-04"},
    {"New York, Mondays 00:00", "0 0 0 mon", "America/New_York", 1772341200,
     "03-02 00:00-05, 03-09 00:00-04, 03-16 00:00-04"},
    {"New York, 1st of month 00:00", "0 0 0 * * 1", "America/New_York", 1771131600,
     "03-01 00:00-05, 04-01 00:00-04, 05-01 00:00-04, 06-01 00:00-04"},
    {"Lord Howe gap 2026-10-04 (30 min), daily 02:15", "0 15 2", "Australia/Lord_Howe", 1790947800,
     "10-03 02:15+10:30, 10-04 02:45+11, 10-05 02:15+11"},
    {"Lord Howe overlap 2026-04-05 (30 min), daily 01:45", "0 45 1", "Australia/Lord_Howe", 1775221200,
     "04-04 01:45+11, 04-05 01:45+11, 04-06 01:45+10:30"},
    {"Lord Howe gap, hourly at :15", "0 15", "Australia/Lord_Howe", 1791036000,
     "10-04 01:15+10:30, 10-04 03:15+11, 10-04 04:15+11, 10-04 05:15+11"},
    {"Lord Howe overlap, every 20 min", "0 */20", "Australia/Lord_Howe", 1775312100,
     "04-05 01:20+11, 04-05 01:40+11, 04-05 01:40+10:30, 04-05 02:00+10:30, 04-05 02:20+10:30, 04-05 "
     "02:40+10:30"},
    {"Casablanca overlap 2025-02-23 (negative DST), daily 02:30", "0 30 2", "Africa/Casablanca", 1740178800,
     "02-22 02:30+01, 02-23 02:30+01, 02-24 02:30+00, 02-25 02:30+00"},
    {"Casablanca gap 2025-04-06 (negative DST), daily 02:30", "0 30 2", "Africa/Casablanca", 1743811200,
     "04-05 02:30+00, 04-06 03:30+01, 04-07 02:30+01"},
    {"Dublin overlap 2026-10-25 (negative DST), daily 01:30", "0 30 1", "Europe/Dublin", 1792796400,
     "10-24 01:30+01, 10-25 01:30+01, 10-26 01:30+00, 10-27 01:30+00"},
    {"Apia skipped day 2011-12-30, daily 12:00", "0 0 12", "Pacific/Apia", 1325066400,
     "12-28 12:00-10, 12-29 12:00-10, 12-31 12:00+14, 01-01 12:00+14"},
    {"Apia skipped day, 30th 12:00", "0 0 12 * * 30", "Pacific/Apia", 1322560800,
     "11-30 12:00-10, 12-31 12:00+14, 01-30 12:00+14"},
    {"Sao Paulo gap at midnight 2018-11-04, daily 00:00", "0 0 0", "America/Sao_Paulo", 1541170800,
     "11-03 00:00-03, 11-04 01:00-02, 11-05 00:00-02, 11-06 00:00-02"},
    {"Sao Paulo gap at midnight, 4th of month 00:30", "0 30 0 * * 4", "America/Sao_Paulo", 1539183600,
     "11-04 01:30-02, 12-04 00:30-02, 01-04 00:30-02"},
    {"Beirut gap at midnight 2026-03-29, daily 00:00", "0 0 0", "Asia/Beirut", 1774605600,
     "03-28 00:00+02, 03-29 01:00+03, 03-30 00:00+03, 03-31 00:00+03"},
    {"Havana gap 2025-03-09 (00:00), daily 00:30", "0 30 0", "America/Havana", 1741366800,
     "03-08 00:30-05, 03-09 01:30-04, 03-10 00:30-04"},
    {"Havana overlap 2025-11-02 (01:00 -> 00:00), daily 00:30", "0 30 0", "America/Havana", 1761926400,
     "11-01 00:30-04, 11-02 00:30-04, 11-03 00:30-05, 11-04 00:30-05"},
};

static void put_fire(struct buf *buf, const struct tz *tz, int64_t t, bool with_seconds)
{
    int offset = tz_offset_at(tz, t), minutes = abs(offset) / 60;
    int64_t local = t + offset, day = civil_day_of(local);
    int time = (int)(local - day * SECONDS_PER_DAY);
    struct civil_date date = civil_from_days(day);

    buf_printf(buf, "%s%02d-%02d %02d:%02d", buf->len > 0 ? ", " : "", date.month, date.day, time / 3600,
               time / 60 % 60);
    if (with_seconds)
        buf_printf(buf, ":%02d", time % 60);
    buf_printf(buf, "%c%02d", offset < 0 ? '-' : '+', minutes / 60);
    if (minutes % 60 != 0)
        buf_printf(buf, ":%02d", minutes % 60);
}

static void check_case(void **state)
{
    const struct next_case *c = *state;
    const struct tz *tz = zone_set_find(&zones, c->zone);
    AUTO_CRON struct cron cron = {0};
    AUTO_BUF struct buf text = {0};
    int64_t t = c->from;

    buf_init(&text, 1024);
    assert_true(cron_parse(c->schedule, &cron, NULL, NULL));
    while (text.len < strlen(c->fires) && cron_next(&cron, tz, t, &t)) {
        put_fire(&text, tz, t, strcmp(c->schedule, "*") == 0);
        t++;
    }
    assert_string_equal(text.data, c->fires);
}

static struct bound_case {
    const char *name, *schedule, *zone;
    int64_t from, wanted; /* INT64_MIN: nothing */
} bounds[] = {
    {"nothing fires before 1970", "*", "UTC", INT64_MIN, 0},
    {"1970 begins earlier in the east", "*", "Etc/GMT-14", INT64_MIN, -50400},
    {"and later in the west", "*", "Etc/GMT+12", INT64_MIN, 43200},
    {"a fire time is its own next", "0 0 4", "UTC", 1767240000, 1767240000},
    {"the last second of 9999", "*", "UTC", 253402300799, 253402300799},
    {"nothing fires after 9999", "*", "UTC", 253402300800, INT64_MIN},
    {"nothing fires at the end of time", "*", "America/New_York", INT64_MAX, INT64_MIN},
    {"9999 ends later in the west", "*", "America/New_York", 253402318799, 253402318799},
    {"a schedule whose years are over", "0 0 0 * * * * 2020-2025", "UTC", 1767225600, INT64_MIN},
    {"a day that a zone left out, of all hours", "* * * * * 30 12 2011", "Pacific/Apia", 0, INT64_MIN},
    {"a day that a zone left out, at noon", "0 0 12 * * 30 12 2011", "Pacific/Apia", 0, 1325282400},
    {"a long list of years", "0 0 0 * * 1 1 2001,2003,2007,2012,2018,2025,2033", "UTC", 1767225600,
     1988150400},
    {"the end of a long list of years", "0 0 0 * * 1 1 2001,2003,2007,2012,2018,2025,2033", "UTC", 1988150401,
     INT64_MIN},
};

static void check_bound(void **state)
{
    const struct bound_case *c = *state;
    AUTO_CRON struct cron cron = {0};
    int64_t t = INT64_MIN;

    assert_true(cron_parse(c->schedule, &cron, NULL, NULL));
    assert_int_equal(cron_next(&cron, zone_set_find(&zones, c->zone), c->from, &t), c->wanted != INT64_MIN);
    assert_int_equal(t, c->wanted);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + ARRAY_LEN(bounds)];
    int failed;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check_case, NULL, NULL, &cases[i]};
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
        tests[ARRAY_LEN(cases) + i] =
            (struct CMUnitTest){bounds[i].name, check_bound, NULL, NULL, &bounds[i]};
    zone_set_load(&zones, TEST_TZDATA_DIR);
    failed = cmocka_run_group_tests_name("cron_next", tests, NULL, NULL);
    zone_set_done(&zones);
    return failed;
}

/* schedule_text: schedules in words. */
#include "schedule_text.h"

#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cron.h"

struct text_case {
    const char *schedule, *text;
};

static struct text_case cases[] = {
    {"*", "Every second"},
    {"*/10", "Every 10 seconds"},
    {"*/7", "Every minute, at seconds 0 to 56 in steps of 7"},
    {"0", "Every minute, at second 0"},
    {"5,10,20-30", "Every minute, at seconds 5, 10 and 20 to 30"},
    {"0 *", "Every minute, at second 0"},
    {"0 */5", "Every 5 minutes, at second 0"},
    {"17 */3", "Every 3 minutes, at second 17"},
    {"0 */7", "Every hour, at second 0 of minutes 0 to 56 in steps of 7"},
    {"0 5/20", "Every hour, at second 0 of minutes 5, 25 and 45"},
    {"* 30", "Every second in minute 30 of every hour"},
    {"*/15 */5", "Every 15 seconds in minutes 0 to 55 in steps of 5 of every hour"},
    {"0 30", "Every hour, at second 0 of minute 30"},
    {"0 0 *", "Every hour, at second 0 of minute 0"},
    {"0 0 */2", "Every 2 hours, at second 0 of minute 0"},
    {"0 0 */6", "At 00:00:00, 06:00:00, 12:00:00 and 18:00:00 every day"},
    {"0 0 */5", "At 00:00:00, 05:00:00, 10:00:00, 15:00:00 and 20:00:00 every day"},
    {"0 30 9-17", "At second 0 of minute 30, between 09:00 and 17:59"},
    {"0 */15 9-17", "Every 15 minutes, at second 0, between 09:00 and 17:59"},
    {"0 */5 4", "Every 5 minutes, at second 0, between 04:00 and 04:59"},
    {"0 */5 0,4,9-17", "Every 5 minutes, at second 0, in hours 0, 4 and 9 to 17"},
    {"0 */30 1", "Every 30 minutes, at second 0, between 01:00 and 01:59"},
    {"0 0,30 1", "At 01:00:00 and 01:30:00 every day"},
    {"0 0,15,30,45 9-17", "At second 0 of minutes 0, 15, 30 and 45, between 09:00 and 17:59"},
    {"0 0,15,30,45", "Every 15 minutes, at second 0"},
    {"0 */59 1", "At 01:00:00 and 01:59:00 every day, both times where the clock repeats an hour"},
    {"0 */7 1 mon",
     "At second 0 of minutes 0 to 56 in steps of 7, between 01:00 and 01:59, on Monday, both times where "
     "the clock repeats an hour"},
    {"* * 4", "Every second, between 04:00 and 04:59"},
    {"* 0-9 4", "Every second in minutes 0 to 9, between 04:00 and 04:59"},
    {"0 30 2", "At 02:30:00 every day"},
    {"0,30 0 4", "At 04:00:00 and 04:00:30 every day"},
    {"0 0 4 mon", "At 04:00:00 on Monday"},
    {"0 0 4 mon-fri", "At 04:00:00 from Monday to Friday"},
    {"0 0 4 mon,wed,fri", "At 04:00:00 on Monday, Wednesday and Friday"},
    {"0 0 4 */2", "At 04:00:00 on Monday, Wednesday, Friday and Sunday"},
    {"0 0 4 tue-thu,sun", "At 04:00:00 on Tuesday to Thursday and Sunday"},
    {"0 0 4 mon/2", "At 04:00:00 on Monday"},
    {"0 0 4 0-6", "At 04:00:00 every day"},
    {"* * * sat", "Every second on Saturday"},
    {"0 */5 * sat,sun", "Every 5 minutes, at second 0, on Saturday and Sunday"},
    {"0 0 0 * * 1", "At 00:00:00 on day 1 of every month"},
    {"0 0 0 * * 1,15", "At 00:00:00 on days 1 and 15 of every month"},
    {"0 0 0 * * 1-7", "At 00:00:00 on days 1 to 7 of every month"},
    {"0 0 0 * * */10", "At 00:00:00 on days 1, 11, 21 and 31 of every month"},
    {"0 0 0 * * */2", "At 00:00:00 on days 1 to 31 in steps of 2 of every month"},
    {"0 0 0 * * last", "At 00:00:00 on the last day of every month"},
    {"0 30 2 * 9-20 last_fri", "At 02:30:00 on the last Friday of every month, in ISO weeks 9 to 20"},
    {"0 0 0 * * 1st_mon,3rd_mon", "At 00:00:00 on the 1st Monday and the 3rd Monday of every month"},
    {"0 0 0 * * 1,15,last,2nd_tue",
     "At 00:00:00 on day 1, day 15, the 2nd Tuesday and the last day of every month"},
    {"0 0 0 * * 1-5,last", "At 00:00:00 on days 1 to 5 and the last day of every month"},
    {"0 0 0 * * 1-31,last", "At 00:00:00 every day"},
    {"0 0 0 fri * 13", "At 00:00:00 on day 13 of every month, if that is a Friday"},
    {"0 0 0 mon-fri * 1",
     "At 00:00:00 on day 1 of every month, if that is a Monday, Tuesday, Wednesday, Thursday or Friday"},
    {"0 0 0 * * 29 2", "At 00:00:00 on day 29 of February"},
    {"0 0 0 * * 5th_fri 2", "At 00:00:00 on the 5th Friday of February"},
    {"0 0 0 * * 1 jan-mar,dec", "At 00:00:00 on day 1 of January, February, March and December"},
    {"0 0 0 * * 1 */3", "At 00:00:00 on day 1 of January, April, July and October"},
    {"0 0 0 * * * jun", "At 00:00:00 every day in June"},
    {"0 0 0 mon * * jun-aug", "At 00:00:00 on Monday in June to August"},
    {"* * * * * * jun", "Every second in June"},
    {"0 * * * * * jun", "Every minute, at second 0, in June"},
    {"0 0 0 mon 1", "At 00:00:00 on Monday, in ISO week 1"},
    {"0 0 0 * 53", "At 00:00:00 every day, in ISO week 53"},
    {"0 0 0 * 1,3-5", "At 00:00:00 every day, in ISO weeks 1 and 3 to 5"},
    {"0 0 0 * * 1 1 2030", "At 00:00:00 on day 1 of January, in 2030"},
    {"0 0 0 * * 1 1 2030-2035", "At 00:00:00 on day 1 of January, in the years 2030 to 2035"},
    {"0 0 0 * * 1 1 2030-9999", "At 00:00:00 on day 1 of January, from 2030 on"},
    {"0 0 0 * * 1 1 2030,2031", "At 00:00:00 on day 1 of January, in the years 2030 and 2031"},
    {"0 0 0 * * 1 1 */2", "At 00:00:00 on day 1 of January, in the years 1970 to 9998 in steps of 2"},
    {"0 0 0 * * 1 1 9999", "At 00:00:00 on day 1 of January, in 9999"},
    {"0 0 0 * * 1 1 */7,*/11", "At 00:00:00 on day 1 of January, in 1773 of the years 1970 to 9999"},
    {"0 */20 9-17 mon-fri 10-20 1-15 4-9 2026-2030",
     "Every 20 minutes, at second 0, between 09:00 and 17:59, on days 1 to 15 of April, May, June, July, "
     "August and September, if that "
     "is a "
     "Monday, Tuesday, Wednesday, Thursday or Friday, in ISO weeks 10 to 20, in the years 2026 to 2030"},
};

static void check(void **state)
{
    const struct text_case *c = *state;
    AUTO_CRON struct cron cron = {0};
    AUTO_BUF struct buf buf = {0};
    struct err err = {0};

    buf_init(&buf, SCHEDULE_TEXT_MAX);
    if (!cron_parse(c->schedule, &cron, NULL, &err))
        fail_msg("%s", err.text);
    schedule_text_put(&buf, &cron);
    assert_string_equal(buf.data, c->text);
}

static void longest_sentence_fits(void **state)
{
    static const char schedule[] =
        "0,1,3,7,8,10,14,15,17,21,22,24,28,29,31,35,36,38,42,43,45,49,50,52,56,57,59 "
        "0,1,3,7,8,10,14,15,17,21,22,24,28,29,31,35,36,38,42,43,45,49,50,52,56,57,59 "
        "0,1,3,7,8,10,14,15,17,21,22 "
        "mon,tue,thu,fri,sun 1,2,4,8,9,11,15,16,18,22,23,25,29,30,32,36,37,39,43,44,46,50,51,53 "
        "1,2,4,8,9,11,15,16,18,22,23,25,29,30,last,1st_mon,1st_tue,1st_wed,1st_thu,1st_fri,1st_sat,1st_sun,"
        "2nd_mon,"
        "2nd_tue,2nd_wed,2nd_thu,2nd_fri,2nd_sat,2nd_sun,3rd_mon,3rd_tue,3rd_wed,3rd_thu,3rd_fri,3rd_sat,3rd_"
        "sun,"
        "4th_mon,4th_tue,4th_wed,4th_thu,4th_fri,4th_sat,4th_sun,5th_mon,5th_tue,5th_wed,5th_thu,5th_fri,5th_"
        "sat,"
        "5th_sun,last_mon,last_tue,last_wed,last_thu,last_fri,last_sat,last_sun jan,feb,apr,aug,sep,nov "
        "1970,1971,1973,1977,1978,1980,1984,1985,1987,1991,1992,1994,1998,1999,2001";
    AUTO_CRON struct cron cron = {0};
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, SCHEDULE_TEXT_MAX);
    assert_true(cron_parse(schedule, &cron, NULL, NULL));
    schedule_text_put(&buf, &cron);
    assert_false(buf_full(&buf));
    assert_non_null(strstr(buf.data, "the last Sunday"));
    assert_string_equal(buf.data + buf.len - strlen("1998, 1999 and 2001"), "1998, 1999 and 2001");
}

int main(void)
{
    enum { REST = 1 };
    struct CMUnitTest tests[REST + ARRAY_LEN(cases)] = {
        cmocka_unit_test(longest_sentence_fits),
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[REST + i] = (struct CMUnitTest){cases[i].schedule, check, NULL, NULL, &cases[i]};
    return cmocka_run_group_tests_name("schedule_text", tests, NULL, NULL);
}

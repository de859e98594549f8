/* tz: what a file's bytes mean, by files made here; the files of the system are tests/zone's. */
#include "tz.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "civil.h"
#include "mem.h"
#include "tzif.h"

#define HOUR 3600

/* Parses "2026-03-08 07:00:00" as if it were UTC. */
static int64_t seconds_of(const char *text)
{
    int year, month, day, hour, minute, second;

    /* NOLINTNEXTLINE(cert-err34-c): the texts are this file's */
    assert_int_equal(sscanf(text, "%d-%d-%d %d:%d:%d", &year, &month, &day, &hour, &minute, &second), 6);
    return civil_to_days(year, month, day) * SECONDS_PER_DAY + hour * HOUR + minute * 60 + second;
}

static struct tz *tz_by_rule(const char *rule)
{
    static const struct tzif_type types[] = {{0, 0}};
    const struct tzif tzif = {.version = '3', .types = types, .types_count = 1, .rule = rule};
    unsigned char bytes[TZIF_MAX];
    struct err err = {0};
    struct tz *tz = NULL;

    if (!tz_parse(bytes, tzif_write(&tzif, bytes), &tz, &err))
        fail_msg("%s: %s", rule, err.text);
    return tz;
}

/* A rule's span around an instant. */
struct rule_case {
    const char *name, *rule, *at;
    const char *begin, *end; /* NULL: there is none */
    int32_t offset;
};

static struct rule_case rules[] = {
    {"no DST", "<-03>3", "2026-01-01 00:00:00", NULL, NULL, -3 * HOUR},
    {"offset to the second", "<+053328>-5:33:28", "2026-01-01 00:00:00", NULL, NULL, 5 * HOUR + 33 * 60 + 28},
    {"New York in winter", "EST5EDT,M3.2.0,M11.1.0", "2026-01-01 00:00:00", "2025-11-02 06:00:00",
     "2026-03-08 07:00:00", -5 * HOUR},
    {"a span begins where it says", "EST5EDT,M3.2.0,M11.1.0", "2026-03-08 07:00:00", "2026-03-08 07:00:00",
     "2026-11-01 06:00:00", -4 * HOUR},
    {"a span ends before its end", "EST5EDT,M3.2.0,M11.1.0", "2026-11-01 05:59:59", "2026-03-08 07:00:00",
     "2026-11-01 06:00:00", -4 * HOUR},
    {"the year 9999", "EST5EDT,M3.2.0,M11.1.0", "9999-07-01 00:00:00", "9999-03-14 07:00:00",
     "9999-11-07 06:00:00", -4 * HOUR},
    {"the end of the cycle that is written out", "EST5EDT,M3.2.0,M11.1.0", "2210-01-01 00:00:00",
     "2209-11-05 06:00:00", "2210-03-11 07:00:00", -5 * HOUR},
    {"the year 1900", "EST5EDT,M3.2.0,M11.1.0", "1900-07-01 00:00:00", "1900-03-11 07:00:00",
     "1900-11-04 06:00:00", -4 * HOUR},
    {"the south", "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-12-31 00:00:00", "2026-10-03 16:00:00",
     "2027-04-03 16:00:00", 11 * HOUR},
    {"half an hour of DST", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-05-01 00:00:00",
     "2026-04-04 15:00:00", "2026-10-03 15:30:00", 10 * HOUR + 1800},
    {"DST that is behind (Dublin)", "IST-1GMT0,M10.5.0,M3.5.0/1", "2026-12-01 00:00:00",
     "2026-10-25 01:00:00", "2027-03-28 01:00:00", 0},
    {"a time before the day (Nuuk)", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-05-01 00:00:00",
     "2026-03-29 01:00:00", "2026-10-25 01:00:00", -1 * HOUR},
    {"a time two days later (Gaza)", "EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-05-01 00:00:00",
     "2026-03-28 00:00:00", "2026-10-23 23:00:00", 3 * HOUR},
    {"Julian days do not count 29 February", "AAA0BBB,J60/0,J300/0", "2028-05-01 00:00:00",
     "2028-03-01 00:00:00", "2028-10-26 23:00:00", HOUR},
    {"days from zero count it", "AAA0BBB,59/0,300/0", "2028-05-01 00:00:00", "2028-02-29 00:00:00",
     "2028-10-26 23:00:00", HOUR},
    {"DST all the year, as RFC 9636 writes it", "EST5EDT,0/0,J365/25", "2026-01-01 05:00:00", NULL, NULL,
     -4 * HOUR},
    {"DST of no length", "AAA0BBB,J60/0,J60/1", "2026-03-01 00:00:00", NULL, NULL, 0},
    {"DST in leap years only", "AAA0BBB,59/0,J60/1", "2101-01-01 00:00:00", "2096-03-01 00:00:00",
     "2104-02-29 00:00:00", 0},
};

static void check_rule(void **state)
{
    const struct rule_case *c = *state;
    AUTO_TZ struct tz *tz = tz_by_rule(c->rule);
    int64_t at = seconds_of(c->at);
    struct tz_span span;

    tz_span_at(tz, at, &span);
    assert_int_equal(span.offset, c->offset);
    assert_int_equal(tz_offset_at(tz, at), c->offset);
    if (c->begin == NULL && strcmp(c->rule, "EST5EDT,0/0,J365/25") == 0)
        assert_true(span.begin < at); /* standard time before the first year */
    else
        assert_int_equal(span.begin, c->begin == NULL ? INT64_MIN : seconds_of(c->begin));
    assert_int_equal(span.end, c->end == NULL ? INT64_MAX : seconds_of(c->end));
}

struct bad_rule {
    const char *name, *rule;
};

static struct bad_rule bad_rules[] = {
    {"a short name", "ES5"},
    {"a name that is not closed", "<+03-3"},
    {"no offset", "EST"},
    {"an offset of 25 hours", "EST25"},
    {"61 minutes", "EST5:61"},
    {"DST without its days", "EST5EDT"},
    {"one day", "EST5EDT,M3.2.0"},
    {"three days", "EST5EDT,M3.2.0,M11.1.0,M12.1.0"},
    {"month 13", "EST5EDT,M13.2.0,M11.1.0"},
    {"week 6", "EST5EDT,M3.6.0,M11.1.0"},
    {"weekday 7", "EST5EDT,M3.2.7,M11.1.0"},
    {"Julian day 0", "EST5EDT,J0,M11.1.0"},
    {"day 366", "EST5EDT,366,M11.1.0"},
    {"168 hours", "EST5EDT,M3.2.0/168,M11.1.0"},
    {"a colon in front", ":EST5"},
    {"a blank at the end", "EST5 "},
};

static void check_bad_rule(void **state)
{
    static const struct tzif_type types[] = {{0, 0}};
    const struct bad_rule *c = *state;
    const struct tzif tzif = {.version = '2', .types = types, .types_count = 1, .rule = c->rule};
    unsigned char bytes[TZIF_MAX];
    struct err err = {0};
    struct tz *tz = NULL;

    assert_false(tz_parse(bytes, tzif_write(&tzif, bytes), &tz, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_non_null(strstr(err.text, "POSIX rule"));
    assert_null(tz);
}

/* Readings of New York's clock. */
struct reading_case {
    const char *name, *local;
    int count;
    const char *first, *second;
};

static struct reading_case readings[] = {
    {"a reading in winter", "2026-01-01 00:00:00", 1, "2026-01-01 05:00:00", "2026-01-01 05:00:00"},
    {"the last second before the gap", "2026-03-08 01:59:59", 1, "2026-03-08 06:59:59",
     "2026-03-08 06:59:59"},
    {"the first skipped reading", "2026-03-08 02:00:00", 0, "2026-03-08 07:00:00", "2026-03-08 07:00:00"},
    {"the last skipped reading", "2026-03-08 02:59:59", 0, "2026-03-08 07:59:59", "2026-03-08 07:59:59"},
    {"the first reading after the gap", "2026-03-08 03:00:00", 1, "2026-03-08 07:00:00",
     "2026-03-08 07:00:00"},
    {"the last reading before the overlap", "2026-11-01 00:59:59", 1, "2026-11-01 04:59:59",
     "2026-11-01 04:59:59"},
    {"the first repeated reading", "2026-11-01 01:00:00", 2, "2026-11-01 05:00:00", "2026-11-01 06:00:00"},
    {"the last repeated reading", "2026-11-01 01:59:59", 2, "2026-11-01 05:59:59", "2026-11-01 06:59:59"},
    {"the first reading after the overlap", "2026-11-01 02:00:00", 1, "2026-11-01 07:00:00",
     "2026-11-01 07:00:00"},
    {"an overlap in the year 9998", "9998-11-01 01:30:00", 2, "9998-11-01 05:30:00", "9998-11-01 06:30:00"},
};

static void check_reading(void **state)
{
    const struct reading_case *c = *state;
    AUTO_TZ struct tz *tz = tz_by_rule("EST5EDT,M3.2.0,M11.1.0");
    struct tz_instants at;

    tz_instants_of(tz, seconds_of(c->local), &at);
    assert_int_equal(at.count, c->count);
    assert_int_equal(at.first, seconds_of(c->first));
    assert_int_equal(at.second, seconds_of(c->second));
}

static void extremes_do_not_overflow(void **state)
{
    static const int64_t far[] = {INT64_MIN, INT64_MIN + 1, -1, INT64_MAX - 90000, INT64_MAX - 1, INT64_MAX};
    AUTO_TZ struct tz *tz = tz_by_rule("EST5EDT,M3.2.0,M11.1.0");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(far); i++) {
        struct tz_instants at;
        struct tz_span span;

        tz_span_at(tz, far[i], &span);
        assert_true(span.begin <= far[i] && (far[i] < span.end || span.end == INT64_MAX));
        tz_instants_of(tz, far[i], &at);
        tz_instants_of(tz_utc(), far[i], &at);
        assert_int_equal(at.count, 1);
        assert_int_equal(at.first, far[i]);
    }
}

static const struct tzif_type day_types[] = {{-17762, 0}, {-18000, 0}, {-14400, 1}, {-18000, 1}};
static const struct tzif_transition changes[] = {{-2717650800, 1}, {0, 2}, {1000, 1}, {2000, 3}, {3000, 2}};

static void transitions_are_used_and_equal_offsets_merged(void **state)
{
    const struct tzif tzif = {'2', changes, ARRAY_LEN(changes), day_types, ARRAY_LEN(day_types), 0, ""};
    unsigned char bytes[TZIF_MAX];
    AUTO_TZ struct tz *tz = NULL;
    struct tz_span span;

    (void)state;
    assert_true(tz_parse(bytes, tzif_write(&tzif, bytes), &tz, NULL));
    tz_span_at(tz, -2717650801, &span);
    assert_int_equal(span.offset, -17762);
    assert_true(span.begin == INT64_MIN && span.end == -2717650800);
    tz_span_at(tz, 2500, &span);
    assert_int_equal(span.offset, -18000);
    assert_true(span.begin == 1000 && span.end == 3000);
    tz_span_at(tz, INT64_MAX, &span);
    assert_int_equal(span.offset, -14400); /* there is no rule: the last one holds */
    assert_true(span.begin == 3000 && span.end == INT64_MAX);
}

static void rule_begins_at_last_transition(void **state)
{
    struct tzif tzif = {'4', changes, ARRAY_LEN(changes), day_types, ARRAY_LEN(day_types), 0, "AAA5"};
    unsigned char bytes[TZIF_MAX];
    AUTO_TZ struct tz *fixed = NULL, *ruled = NULL;
    struct tz_span span;

    (void)state;
    assert_true(tz_parse(bytes, tzif_write(&tzif, bytes), &fixed, NULL));
    tz_span_at(fixed, 3000, &span);
    assert_int_equal(span.offset, -18000);
    assert_true(span.begin == 1000 && span.end == INT64_MAX);
    tzif.rule = "AAA5BBB,M3.2.0,M11.1.0";
    assert_true(tz_parse(bytes, tzif_write(&tzif, bytes), &ruled, NULL));
    tz_span_at(ruled, 3000, &span);
    assert_int_equal(span.offset, -18000);
    assert_int_equal(span.end, seconds_of("1970-03-08 07:00:00"));
    assert_false(tz_equal(fixed, ruled));
    assert_true(tz_equal(fixed, fixed) && tz_equal(tz_utc(), tz_utc()));
}

static void version_1_has_32_bits_and_no_rule(void **state)
{
    static const struct tzif_transition at[] = {{INT32_MIN, 1}, {INT32_MAX, 2}};
    const struct tzif tzif = {0, at, ARRAY_LEN(at), day_types, ARRAY_LEN(day_types), 0, ""};
    unsigned char bytes[TZIF_MAX];
    AUTO_TZ struct tz *tz = NULL;
    struct tz_span span;

    (void)state;
    assert_true(tz_parse(bytes, tzif_write(&tzif, bytes), &tz, NULL));
    tz_span_at(tz, 0, &span);
    assert_true(span.begin == INT32_MIN && span.end == INT32_MAX && span.offset == -18000);
}

static void every_cut_is_refused(void **state)
{
    const struct tzif tzif = {'2', changes, ARRAY_LEN(changes), day_types, ARRAY_LEN(day_types), 0, "AAA5"};
    unsigned char bytes[TZIF_MAX];
    size_t size = tzif_write(&tzif, bytes);
    struct tz *tz = NULL;

    (void)state;
    for (size_t len = 0; len < size; len++) {
        AUTO_FREE unsigned char *exact = mem_alloc(len + 1);
        struct err err = {0};

        memcpy(exact, bytes, len);
        assert_false(tz_parse(exact, len, &tz, &err));
        assert_int_equal(err.kind, ERR_INVALID);
        assert_string_not_equal(err.text, "");
    }
    assert_null(tz);
}

/* A good file with one byte changed. */
struct corrupt_case {
    const char *name;
    size_t at; /* in the second block, from its header on */
    unsigned char byte;
    const char *text;
};

enum { AFTER_TIMES = 44 + 5 * 8, AFTER_INDICES = AFTER_TIMES + 5 };

static struct corrupt_case corrupt[] = {
    {"another magic", 0, 'X', "not a TZif file"},
    {"a count beyond reason", 32, 0xFF, "absurd"},
    {"no types", 39, 0, "no local time type"},
    {"leap seconds", 31, 1, "cut off"},
    {"counts of types that differ", 27, 3, "contradict"},
    {"a type that there is not", AFTER_TIMES, 9, "unknown local time type"},
    {"times that go back", 44, 0x7F, "not later"},
    {"an offset beyond a day", AFTER_INDICES, 0x7F, "out of range"},
    {"a DST flag of 2", AFTER_INDICES + 4, 2, "DST flag"},
    {"an abbreviation beyond its end", AFTER_INDICES + 5, 4, "abbreviation"},
    {"no newline before the rule", AFTER_INDICES + 4 * 6 + 4, 'X', "missing"},
};

static void check_corrupt(void **state)
{
    const struct corrupt_case *c = *state;
    const struct tzif tzif = {'2', changes, ARRAY_LEN(changes), day_types, ARRAY_LEN(day_types), 0, "AAA5"};
    enum { FIRST_BLOCK = 44 + 6 + 4 };
    unsigned char bytes[TZIF_MAX];
    size_t size = tzif_write(&tzif, bytes);
    struct err err = {0};
    struct tz *tz = NULL;

    bytes[FIRST_BLOCK + c->at] = c->byte;
    assert_false(tz_parse(bytes, size, &tz, &err));
    if (strstr(err.text, c->text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, c->text);
}

static void leap_seconds_are_refused(void **state)
{
    const struct tzif tzif = {'2', changes, ARRAY_LEN(changes), day_types, ARRAY_LEN(day_types), 2, "AAA5"};
    unsigned char bytes[TZIF_MAX];
    struct err err = {0};
    struct tz *tz = NULL;

    (void)state;
    assert_false(tz_parse(bytes, tzif_write(&tzif, bytes), &tz, &err));
    assert_string_equal(err.text, "it counts leap seconds");
}

static void calendar_agrees_with_itself(void **state)
{
    int64_t days = civil_to_days(-401, 1, 1);
    int weekday = civil_weekday(days);

    (void)state;
    assert_int_equal(civil_to_days(1970, 1, 1), 0);
    assert_int_equal(civil_weekday(0), 3);
    assert_int_equal(civil_day_of(-1), -1);
    for (int64_t year = -401; year < 2450; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= civil_month_days(year, month); day++, days++) {
                struct civil_date date = civil_from_days(days);

                if (date.year != year || date.month != month || date.day != day ||
                    civil_to_days(year, month, day) != days || civil_weekday(days) != weekday)
                    fail_msg("%d-%d-%d", (int)year, month, day);
                weekday = (weekday + 1) % 7;
            }
        }
    }
}

int main(void)
{
    enum { REST = 7 };
    struct CMUnitTest
        tests[REST + ARRAY_LEN(rules) + ARRAY_LEN(bad_rules) + ARRAY_LEN(readings) + ARRAY_LEN(corrupt)] = {
            cmocka_unit_test(extremes_do_not_overflow),
            cmocka_unit_test(transitions_are_used_and_equal_offsets_merged),
            cmocka_unit_test(rule_begins_at_last_transition),
            cmocka_unit_test(version_1_has_32_bits_and_no_rule),
            cmocka_unit_test(every_cut_is_refused),
            cmocka_unit_test(leap_seconds_are_refused),
            cmocka_unit_test(calendar_agrees_with_itself),
        };
    size_t n = REST;

    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        tests[n++] = (struct CMUnitTest){rules[i].name, check_rule, NULL, NULL, &rules[i]};
    for (size_t i = 0; i < ARRAY_LEN(bad_rules); i++)
        tests[n++] = (struct CMUnitTest){bad_rules[i].name, check_bad_rule, NULL, NULL, &bad_rules[i]};
    for (size_t i = 0; i < ARRAY_LEN(readings); i++)
        tests[n++] = (struct CMUnitTest){readings[i].name, check_reading, NULL, NULL, &readings[i]};
    for (size_t i = 0; i < ARRAY_LEN(corrupt); i++)
        tests[n++] = (struct CMUnitTest){corrupt[i].name, check_corrupt, NULL, NULL, &corrupt[i]};
    return cmocka_run_group_tests_name("tz", tests, NULL, NULL);
}

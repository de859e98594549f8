/* cron_parse(), cron_print(), cron_resolve(): what is accepted and as what, each message, warnings, and `?`.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "cron.h"
#include "mem.h"

struct parse_case {
    const char *name, *text;
    const char *canonical; /* NULL: refused */
    const char *says;      /* the message, or the warnings, each followed by "|" */
};

#define UNRECOGNIZED(part, field) "Unrecognized expression \"" part "\" for field \"" field "\""
#define RANGE_ORDER "The minimum value in a range must not be higher than the maximum"
#define STEP(part, step, range)                                                                              \
    "Error validating expression '" part "': the step value (" step                                          \
    ") is higher than the total range of the expression "                                                    \
    "(" range ")"
#define LOW(part, first, min)                                                                                \
    "Error validating expression '" part "': the first value (" first                                        \
    ") is lower than the minimum value (" min ")"
#define HIGH(part, last, max)                                                                                \
    "Error validating expression '" part "': the last value (" last                                          \
    ") is higher than the maximum value (" max ")"
#define NEVER "Schedule can never fire: no date matches "

static struct parse_case cases[] = {
    /* From text to fields. */
    {"fields left out match everything", "0", "0", ""},
    {"eight fields", "1 2 3 4 5 6 7 2030", NULL, NEVER "day \"6\" and week \"5\" and day_of_week \"4\""},
    {"all eight can be printed", "1 2 3 fri 5 last-2 jan 2027/3", "1 2 3 fri 5 last jan 2027-9998/3",
     "In \"last-2\" for field \"day\" only \"last\" counts; what follows it is ignored.|"},
    {"white space of all kinds", "\t 0\x1F\n1\x0B 2\r", "0 1 2", ""},
    {"white space beyond ASCII",
     "\xC2\xA0"
     "0\xE2\x80\x83"
     "1\xE3\x80\x80",
     "0 1", ""},
    {"an empty text", "", NULL, "Schedule is blank; it needs at least the field \"second\""},
    {"a blank text", " \t\n", NULL, "Schedule is blank; it needs at least the field \"second\""},
    {"a ninth field is ignored", "0 * * * * * * * x", "0",
     "Only the first 8 fields count; \"x\" is ignored.|"},
    {"so is a tenth", "0 * * * * * * * x  y ", "0", "Only the first 8 fields count; \"x  y\" is ignored.|"},
    {"stars at the end are left out", "0 5 * * * * * *", "0 5", ""},
    {"stars before a value are not", "0 * * * * 1", "0 * * * * 1", ""},

    /* Numbers. */
    {"a list, in order", "30,10,20", "10-30/10", ""},
    {"spaces around commas in days", "0 0 0 * * 1_,_15", "0 0 0 * * 1,15", ""},
    {"two values are no progression", "1,30", "1,30", ""},
    {"a range", "5-9", "5-9", ""},
    {"a range of one", "5-5", "5", ""},
    {"a range with a step", "5-20/5", "5-20/5", ""},
    {"a step from a value on", "50/9", "50,59", ""},
    {"a step", "*/15", "*/15", ""},
    {"leading zeros", "007,*/0020", "0,7,20,40", ""},
    {"a step of one", "*/1", "*", ""},
    {"all values are a star", "0-59", "*", ""},
    {"the largest step", "*/59", "*/59", ""},
    {"steps of months start at 1", "0 0 0 * * 1 */11", "0 0 0 * * 1 */11", ""},
    {"steps of days start at 1", "0 0 0 * * */30", "0 0 0 * * */30", ""},
    {"0-0/5 is 0", "0-0/5", "0", ""},
    {"years in steps", "0 0 0 * * 1 1 */2", "0 0 0 * * 1 jan 1970-9998/2", ""},
    {"a long list of years", "0 0 0 * * 1 1 2001,2003,2007,2012,2018,2025,2033",
     "0 0 0 * * 1 jan 2001,2003,2007,2012,2018,2025,2033", ""},
    {"years of many steps", "0 0 0 * * 1 1 1970-2000/10,1971-2001/10,2002-2032/10",
     "0 0 0 * * 1 jan 1970,1971,1980,1981,1990,1991,2000-2002,2012-2032/10", ""},
    {"numbers too large", "60", NULL, HIGH("60", "60", "59")},
    {"numbers far too large", "99999999999999999999999", NULL,
     HIGH("99999999999999999999999", "99999999999999999999999", "59")},
    {"without leading zeros in the message", "0060", NULL, HIGH("0060", "60", "59")},
    {"a range too large", "5-60", NULL, HIGH("5-60", "60", "59")},
    {"a month too large", "0 0 0 * * * 13", NULL, HIGH("13", "13", "12")},
    {"a day too small", "0 0 0 * * 0", NULL, LOW("0", "0", "1")},
    {"a year too small", "0 0 0 * * * * 1969-2000", NULL, LOW("1969-2000", "1969", "1970")},
    {"a year too large", "0 0 0 * * * * 10000", NULL, HIGH("10000", "10000", "9999")},
    {"there is no weekday 7", "0 0 0 7", NULL, HIGH("7", "7", "6")},
    {"a step of zero", "*/0", NULL, "Increment must be higher than 0"},
    {"a step of zero before anything else", "9-5/0", NULL, "Increment must be higher than 0"},
    {"ranges do not wrap", "22-2", NULL, RANGE_ORDER},
    {"ranges do not wrap, however long", "9999999999999999999999-2", NULL, RANGE_ORDER},
    {"a step beyond the field", "*/60", NULL, STEP("*/60", "60", "59")},
    {"a step beyond the field, in a range", "5-9/60", NULL, STEP("5-9/60", "60", "59")},
    {"a step beyond the range", "5-9/5", NULL, STEP("5-9/5", "5", "4")},
    {"a step in a range of one", "5-5/1", NULL, STEP("5-5/1", "1", "0")},
    {"a step beyond what is left", "50/10", NULL, STEP("50/10", "10", "9")},
    {"a step from beyond the end", "99/5", NULL, STEP("99/5", "5", "-40")},
    {"a step from far beyond the end", "10000000000000000000000/5", NULL,
     STEP("10000000000000000000000/5", "5", "-9999999999999999999941")},
    {"a step from beyond 64 bits", "99999999999999999999/5", NULL,
     STEP("99999999999999999999/5", "5", "-99999999999999999940")},
    {"a step too long for an integer", "0/00012345678901234567890", NULL,
     STEP("0/00012345678901234567890", "12345678901234567890", "59")},
    {"first below the minimum", "0 0 0 * * 0-5/2", NULL, LOW("0-5/2", "0", "1")},

    /* Not numbers. */
    {"an empty part", "1,,2", NULL, UNRECOGNIZED("", "second")},
    {"a comma first", ",1", NULL, UNRECOGNIZED("", "second")},
    {"a comma last", "1,", NULL, UNRECOGNIZED("", "second")},
    {"a sign", "-1", NULL, UNRECOGNIZED("-1", "second")},
    {"another sign", "+1", NULL, UNRECOGNIZED("+1", "second")},
    {"a fraction", "1.5", NULL, UNRECOGNIZED("1.5", "second")},
    {"hexadecimal", "0x10", NULL, UNRECOGNIZED("0x10", "second")},
    {"a star and more", "*5", NULL, UNRECOGNIZED("*5", "second")},
    {"a star with no step", "*/", NULL, UNRECOGNIZED("*/", "second")},
    {"a range without an end", "5-", NULL, UNRECOGNIZED("5-", "second")},
    {"digits of other alphabets", "0 \xD9\xA3", NULL, UNRECOGNIZED("\xD9\xA3", "minute")},
    {"a question mark that was not resolved", "?", NULL, UNRECOGNIZED("?", "second")},
    {"an underscore in another field", "0 1_", NULL, UNRECOGNIZED("1_", "minute")},
    {"a name in a field without names", "0 mon", NULL, UNRECOGNIZED("mon", "minute")},
    {"what other crons have: L", "0 0 0 * * L", NULL, UNRECOGNIZED("L", "day")},
    {"what other crons have: W", "0 0 0 * * 5W", NULL, UNRECOGNIZED("5W", "day")},
    {"what other crons have: #", "0 0 0 5#2", NULL, UNRECOGNIZED("5#2", "day_of_week")},
    {"the most significant field's error comes first", "x x x x x x x x", NULL, UNRECOGNIZED("x", "year")},
    {"of a field the first part's", "1,x,y", NULL, UNRECOGNIZED("x", "second")},

    /* Names. */
    {"weekdays", "0 0 0 mon,WED,Fri", "0 0 0 0-4/2", ""},
    {"a range of weekdays", "0 0 0 Mon-fri", "0 0 0 mon-fri", ""},
    {"weekdays in numbers: Monday is 0", "0 0 0 0-4", "0 0 0 mon-fri", ""},
    {"months", "0 0 0 * * 1 jan-mar,DEC", "0 0 0 * * 1 jan-mar,dec", ""},
    {"names with junk", "0 0 0 mon/2,tue-", "0 0 0 mon,tue",
     "In \"mon/2\" for field \"day_of_week\" only \"mon\" counts; what follows it is ignored.|"
     "In \"tue-\" for field \"day_of_week\" only \"tue\" counts; what follows it is ignored.|"},
    {"a range of names with junk", "0 0 0 mon-fri/2", "0 0 0 mon-fri",
     "In \"mon-fri/2\" for field \"day_of_week\" only \"mon-fri\" counts; what follows it is ignored.|"},
    {"a name and a number", "0 0 0 mon-3", "0 0 0 mon",
     "In \"mon-3\" for field \"day_of_week\" only \"mon\" counts; what follows it is ignored.|"},
    {"a number and a name", "0 0 0 3-mon", NULL, UNRECOGNIZED("3-mon", "day_of_week")},
    {"a month with a dot", "0 0 0 * * 1 jan.", "0 0 0 * * 1 jan",
     "In \"jan.\" for field \"month\" only \"jan\" counts; what follows it is ignored.|"},
    {"weekdays do not wrap", "0 0 0 fri-mon", NULL, RANGE_ORDER},
    {"months do not wrap", "0 0 0 * * 1 nov-feb", NULL, RANGE_ORDER},
    {"a long weekday", "0 0 0 Monday", NULL, "Invalid weekday name \"Monday\""},
    {"a short weekday", "0 0 0 mo", NULL, "Invalid weekday name \"mo\""},
    {"a long month", "0 0 0 * * 1 January", NULL, "Invalid month name \"January\""},
    {"the second name is wrong", "0 0 0 mon-xyz", NULL, "Invalid weekday name \"xyz\""},

    /* Days with names. */
    {"the last day", "0 0 0 * * LAST", "0 0 0 * * last", ""},
    {"the last day, with spaces", "0 0 0 * * _last_", "0 0 0 * * last", ""},
    {"weekdays of the month", "0 0 0 * * 2nd_Wed,1st_mon,LAST__fri", "0 0 0 * * 1st_mon,2nd_wed,last_fri",
     ""},
    {"numbers, weekdays and the last", "0 0 0 * * last,5,3rd_sun", "0 0 0 * * 5,3rd_sun,last", ""},
    {"every day makes the rest needless", "0 0 0 * * *,last,1st_mon", "0 0 0", ""},
    {"lastmon is last", "0 0 0 * * lastmon", "0 0 0 * * last",
     "In \"lastmon\" for field \"day\" only \"last\" counts; what follows it is ignored.|"},
    {"last-1 is last", "0 0 0 * * last-1", "0 0 0 * * last",
     "In \"last-1\" for field \"day\" only \"last\" counts; what follows it is ignored.|"},
    {"a weekday of the month with junk", "0 0 0 * * last_fri-mon", "0 0 0 * * last_fri",
     "In \"last fri-mon\" for field \"day\" only \"last fri\" counts; what follows it is ignored.|"},
    {"a long weekday of the month", "0 0 0 * * last_friday", NULL, "Invalid weekday name \"friday\""},
    {"a weekday of the month in numbers", "0 0 0 * * 1st_2", NULL, "Invalid weekday name \"2\""},
    {"a position alone", "0 0 0 * * 1st", NULL, UNRECOGNIZED("1st", "day")},
    {"a position without a space", "0 0 0 * * 1stmon", NULL, UNRECOGNIZED("1stmon", "day")},
    {"there is no sixth", "0 0 0 * * 6th_mon", NULL, UNRECOGNIZED("6th mon", "day")},
    {"2rd", "0 0 0 * * 2rd_mon", NULL, UNRECOGNIZED("2rd mon", "day")},

    /* The star among the minutes decides what repeats, so it stays where it is. */
    {"a star in steps stays", "0 */30", "0 */30", ""},
    {"none is put where there was none", "0 0,15,30,45", "0 0-45/15", ""},
    {"a star and more", "0 7,*/20", "0 */20,7", ""},

    /* Never. */
    {"30 February", "0 0 0 * * 30 2", NULL, NEVER "month \"2\" and day \"30\""},
    {"29 February in years without it", "0 0 0 * * 29 feb 2097-2103", NULL,
     NEVER "year \"2097-2103\" and month \"feb\" and day \"29\""},
    {"week 53 with a wrong month", "0 0 0 * 53 * 6", NULL, NEVER "month \"6\" and week \"53\""},
    {"week 53 in years without it", "0 0 0 * 53 * 12 2021-2025", NULL,
     NEVER "year \"2021-2025\" and month \"12\" and week \"53\""},
    {"week 1 in December", "0 0 0 * 1 * 12", "0 0 0 * 1 * dec", ""},
    {"the last five days are no fifth week", "0 0 0 mon * 5th_tue", NULL,
     NEVER "day \"5th_tue\" and day_of_week \"mon\""},
    {"the fifth Friday of February", "0 0 0 * * 5th_fri 2", "0 0 0 * * 5th_fri feb", ""},
    {"a fifth Friday in years without", "0 0 0 * * 5th_fri 2 2037-2063", NULL,
     NEVER "year \"2037-2063\" and month \"2\" and day \"5th_fri\""},
    {"in a list of years", "0 0 0 * * 29 2 2001,2003,2007,2013,2021,2031,2043", NULL,
     NEVER "year \"2001,2003,2007,2013,2021,2031,2043\" and month \"2\" and day \"29\""},
};

static void check_case(void **state)
{
    const struct parse_case *c = *state;
    AUTO_CRON struct cron cron = {0}, again = {0};
    AUTO_BUF struct buf text = {0}, notes_text = {0};
    struct cron_notes notes;
    struct err err = {0};

    buf_init(&text, 4096);
    buf_init(&notes_text, 4096);
    if (!cron_parse(c->text, &cron, &notes, &err)) {
        assert_string_equal(err.text, c->says);
        assert_null(c->canonical);
        assert_int_equal(err.kind, ERR_INVALID);
        return;
    }
    for (size_t i = 0; i < notes.count; i++)
        buf_printf(&notes_text, "%s|", notes.text[i]);
    cron_print(&cron, &text);
    assert_non_null(c->canonical);
    assert_string_equal(text.data, c->canonical);
    assert_string_equal(notes_text.data, c->says);
    assert_true(cron_parse(c->canonical, &again, NULL, &err));
    assert_memory_equal(&cron, &again, offsetof(struct cron, years));
}

static void many_oddities(void **unused UNUSED)
{
    AUTO_CRON struct cron cron = {0};
    struct cron_notes notes;
    struct err err;

    assert_true(cron_parse("0 0 0 mon/1,mon/2,mon/3,mon/4,mon/5,mon/6,mon/7,mon/8,mon/9,mon/10", &cron,
                           &notes, &err));
    assert_int_equal(notes.count, CRON_NOTES_MAX);
    assert_non_null(strstr(notes.text[0], "mon/1"));
    assert_string_equal(notes.text[CRON_NOTES_MAX - 1], "There are more oddities of this kind.");
}

static uint32_t below(uint32_t n)
{
    return n == 24 ? 7 : 42;
}

static struct {
    const char *text, *resolved;
} wildcards[] = {
    {"? ? ?", "42 42 7"},
    {" ?\t0  ? mon ", " 42\t0  7 mon "},
    {"0 ?,5 ?", "0 ?,5 7"},
    {"0 0 0 ? ? ?", "0 0 0 ? ? ?"},
    {"*/?", "*/?"},
    {"0", "0"},
    {"", ""},
};

static void resolve(void **unused UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(wildcards); i++) {
        AUTO_BUF struct buf text = {0};

        buf_init(&text, 1024);
        cron_resolve(wildcards[i].text, below, &text);
        assert_string_equal(text.data, wildcards[i].resolved);
    }
}

static void small(void **unused UNUSED)
{
    assert_true(sizeof(struct cron) <= 128);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 3];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check_case, NULL, NULL, &cases[i]};
    tests[ARRAY_LEN(cases)] = (struct CMUnitTest)cmocka_unit_test(many_oddities);
    tests[ARRAY_LEN(cases) + 1] = (struct CMUnitTest)cmocka_unit_test(resolve);
    tests[ARRAY_LEN(cases) + 2] = (struct CMUnitTest)cmocka_unit_test(small);
    return cmocka_run_group_tests_name("cron_parse", tests, NULL, NULL);
}

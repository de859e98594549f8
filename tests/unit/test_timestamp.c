/* timestamp: which texts are times, which instants they bound, how they are shown. */
#include "timestamp.h"

#include "test.h"

#include <string.h>

#include "tz.h"
#include "tzif.h"

struct good_case {
    const char *text;
    const char *start, *end; /* the bounds in New York, as instants in UTC */
    const char *shown;       /* as a start */
};

static struct good_case good[] = {
    {"2099-01-01T00:00:00Z", "2099-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00",
     "2099-01-01T00:00:00+00:00"},
    {"2099-01-01T00:00:00+0500", "2098-12-31T19:00:00+00:00", "2098-12-31T19:00:00+00:00",
     "2099-01-01T00:00:00+05:00"},
    {"2099-01-01T00:00:00+05", "2098-12-31T19:00:00+00:00", "2098-12-31T19:00:00+00:00",
     "2099-01-01T00:00:00+05:00"},
    {"2099-01-01T00:00:00-08:30", "2099-01-01T08:30:00+00:00", "2099-01-01T08:30:00+00:00",
     "2099-01-01T00:00:00-08:30"},
    {"1911-03-10T23:59:59+00:09:21", "1911-03-10T23:50:38+00:00", "1911-03-10T23:50:38+00:00",
     "1911-03-10T23:59:59+00:09:21"},
    {"2099-01-01T00:00:00-000921", "2099-01-01T00:09:21+00:00", "2099-01-01T00:09:21+00:00",
     "2099-01-01T00:00:00-00:09:21"},
    {"2099-01-01T00:00:00.123Z", "2099-01-01T00:00:01+00:00", "2099-01-01T00:00:00+00:00",
     "2099-01-01T00:00:00.123000+00:00"},
    {"2099-01-01T00:00:00.000000Z", "2099-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00",
     "2099-01-01T00:00:00+00:00"},
    {"2099-01-01T00:00:00.000001999Z", "2099-01-01T00:00:01+00:00", "2099-01-01T00:00:00+00:00",
     "2099-01-01T00:00:00.000001+00:00"},
    {"2099-1-1 0:00", "2099-01-01T05:00:00+00:00", "2099-01-01T05:00:00+00:00", "2099-01-01T00:00:00-05:00"},
    {"2099-01-01T00:00Z", "2099-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00",
     "2099-01-01T00:00:00+00:00"},
    {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59+00:00",
     "9999-12-31T23:59:59+00:00"},
    {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00+00:00",
     "0001-01-01T00:00:00+00:00"},
    {"2028-02-29T12:00:00Z", "2028-02-29T12:00:00+00:00", "2028-02-29T12:00:00+00:00",
     "2028-02-29T12:00:00+00:00"},
    /* The clock goes from 02:00 to 03:00 on 2026-03-08, from 02:00 back to 01:00 on 2026-11-01. */
    {"2026-03-08T02:30:00", "2026-03-08T07:30:00+00:00", "2026-03-08T07:30:00+00:00",
     "2026-03-08T02:30:00-05:00"},
    {"2026-11-01T01:30:00", "2026-11-01T05:30:00+00:00", "2026-11-01T06:30:00+00:00",
     "2026-11-01T01:30:00-04:00"},
    {"2026-11-01T01:59:59.5", "2026-11-01T06:00:00+00:00", "2026-11-01T06:59:59+00:00",
     "2026-11-01T01:59:59.500000-04:00"},
    {"2026-11-01T01:30:00-05:00", "2026-11-01T06:30:00+00:00", "2026-11-01T06:30:00+00:00",
     "2026-11-01T01:30:00-05:00"},
};

static struct tz *new_york(void)
{
    static const struct tzif_type type = {0, 0};
    const struct tzif tzif = {
        .version = '2', .types = &type, .types_count = 1, .rule = "EST5EDT,M3.2.0,M11.1.0"};
    unsigned char bytes[TZIF_MAX];
    struct tz *tz;

    assert_true(tz_parse(bytes, tzif_write(&tzif, bytes), &tz, NULL));
    return tz;
}

static void check_good(void **state)
{
    const struct good_case *c = *state;
    AUTO_BUF struct buf buf = {0};
    AUTO_TZ struct tz *tz = new_york();
    struct timestamp time, again;
    struct err err = {0};

    buf_init(&buf, 256);
    if (!timestamp_parse(c->text, &time, &err))
        fail_msg("%s", err.text);
    timestamp_put_instant(&buf, timestamp_start_s(&time, tz), tz_utc());
    assert_string_equal(buf.data, c->start);
    buf_clear(&buf);
    timestamp_put_instant(&buf, timestamp_end_s(&time, tz), tz_utc());
    assert_string_equal(buf.data, c->end);
    buf_clear(&buf);
    timestamp_put(&buf, &time, tz, TIMESTAMP_START);
    assert_string_equal(buf.data, c->shown);
    assert_true(
        timestamp_parse(buf.data, &again, NULL)); /* what is shown can be sent again, and means the same */
    assert_int_equal(timestamp_start_s(&again, tz_utc()), timestamp_start_s(&time, tz));
}

struct bad_case {
    const char *text;
};

static struct bad_case bad[] = {
    {""},
    {"tomorrow"},
    {"4070908800"},
    {"2099-01-01"},
    {"2099-01-01T00"},
    {"2099-01-01T00:00:00z"},
    {"2099-01-01t00:00:00Z"},
    {"2099-01-01  00:00:00"},
    {"2099-01-01T00:00:00 Z"},
    {"2099-01-01T00:00:00,5Z"},
    {"2099-01-01T00:00:00.Z"},
    {"2099-01-01T00:00:00.1234567890123Z"},
    {"2099-01-01T00:00.5Z"},
    {"20990101T000000Z"},
    {"2099-W01-1T00:00:00Z"},
    {"2099-001T00:00:00Z"},
    {" 2099-01-01T00:00:00"},
    {"2099-01-01T00:00:00 "},
    {"2099-01-01T00:00:00\n"},
    {"2099-01-01T00:00:00ZZ"},
    {"12099-01-01T00:00:00"},
    {"099-01-01T00:00:00"},
    {"+2099-01-01T00:00:00"},
    {"0000-01-01T00:00:00Z"},
    {"2099-00-01T00:00:00"},
    {"2099-13-01T00:00:00"},
    {"2099-01-00T00:00:00"},
    {"2099-02-30T00:00:00"},
    {"2099-02-29T00:00:00"},
    {"2100-02-29T00:00:00"},
    {"2099-04-31T00:00:00"},
    {"2099-01-001T00:00:00"},
    {"2099-01-01T24:00:00"},
    {"2099-01-01T000:00:00"},
    {"2099-01-01T00:60:00"},
    {"2099-01-01T00:0:00"},
    {"2099-01-01T00:00:0"},
    {"2099-01-01T23:59:60Z"},
    {"2099-01-01T00:00:00+24:00"},
    {"2099-01-01T00:00:00+00:60"},
    {"2099-01-01T00:00:00+00:00:60"},
    {"2099-01-01T00:00:00+5"},
    {"2099-01-01T00:00:00+05:"},
    {"2099-01-01T00:00:00+053"},
    {"2099-01-01T00:00:00+05:30:00:00"},
    {"2099-01-01T00:00:00+"},
    {"2099-01-01T00:00:00EST"},
    {"Thu, 01 Jan 2099 00:00:00 GMT"},
};

static void check_bad(void **state)
{
    const struct bad_case *c = *state;
    struct timestamp time;
    struct err err = {0};

    assert_false(timestamp_parse(c->text, &time, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.text, "Not a valid datetime.");
}

static void bounds_are_shown_by_their_side(void **state)
{
    AUTO_BUF struct buf buf = {0};
    AUTO_TZ struct tz *tz = new_york();
    struct timestamp time;

    (void)state;
    buf_init(&buf, 256);
    assert_true(timestamp_parse("2026-11-01T01:30:00", &time, NULL));
    timestamp_put(&buf, &time, tz, TIMESTAMP_END);
    assert_string_equal(buf.data, "2026-11-01T01:30:00-05:00");
    buf_clear(&buf);
    timestamp_put_instant(&buf, timestamp_end_s(&time, tz), tz);
    assert_string_equal(buf.data, "2026-11-01T01:30:00-05:00");
    buf_clear(&buf);
    timestamp_put_instant(&buf, -1, tz);
    assert_string_equal(buf.data, "1969-12-31T18:59:59-05:00");
}

int main(void)
{
    enum { REST = 1 };
    struct CMUnitTest tests[REST + ARRAY_LEN(good) + ARRAY_LEN(bad)] = {
        cmocka_unit_test(bounds_are_shown_by_their_side),
    };
    size_t n = REST;

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        tests[n++] = (struct CMUnitTest){good[i].text, check_good, NULL, NULL, &good[i]};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        tests[n++] = (struct CMUnitTest){bad[i].text, check_bad, NULL, NULL, &bad[i]};
    return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}

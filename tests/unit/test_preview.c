/* preview and job_times: what is asked about a schedule, what a draft and a row say together, and the answer.
 */
#include "preview.h"

#include "test.h"

#include <string.h>
#include <time.h>

#include "job_times.h"
#include "json.h"
#include "mem.h"
#include "zone.h"

enum { TEXT_MAX = 1048576 };

static const int64_t now_s = 1795651200; /* 2026-11-26T00:00:00Z */

struct preview_case {
    const char *name, *body;
    const char *answer; /* or the messages */
    bool refused;
};

#define MISSING "[\"Missing data for required field.\"]"

static struct preview_case cases[] = {
    {"from now on", "{\"schedule\":\"0 0 0\",\"count\":2}",
     "{\"schedule\":\"0 0 0\",\"timezone\":\"UTC\",\"description\":D,"
     "\"fireTimes\":[\"2026-11-26T00:00:00+00:00\",\"2026-11-27T00:00:00+00:00\"]}",
     false},
    {"after a reading of the zone's clock",
     "{\"schedule\":\"0 0 0\",\"timezone\":\"asia/tokyo\",\"after\":\"2030-01-01T00:00\",\"count\":\"1\"}",
     "{\"schedule\":\"0 0 0\",\"timezone\":\"Asia/Tokyo\",\"description\":D,"
     "\"fireTimes\":[\"2030-01-01T00:00:00+09:00\"]}",
     false},
    {"between start and end",
     "{\"schedule\":\"0 0 "
     "0\",\"scheduleStart\":\"2030-01-01T00:00:01Z\",\"scheduleEnd\":\"2030-01-02T00:00:00Z\"}",
     "{\"schedule\":\"0 0 "
     "0\",\"timezone\":\"UTC\",\"description\":D,\"fireTimes\":[\"2030-01-02T00:00:00+00:00\"]}",
     false},
    {"nothing is left", "{\"schedule\":\"0 0 0 * * 1 1 2001\"}",
     "{\"schedule\":\"0 0 0 * * 1 1 2001\",\"timezone\":\"UTC\",\"description\":D,\"fireTimes\":[],"
     "\"warnings\":[\"schedule: is wholly in the past, so that the job does not fire any more\"]}",
     false},
    {"nothing is left before the end",
     "{\"schedule\":\"0 0 0 * * 1 1\",\"scheduleEnd\":\"2026-12-31T00:00:00Z\"}",
     "{\"schedule\":\"0 0 0 * * 1 1\",\"timezone\":\"UTC\",\"description\":D,\"fireTimes\":[],"
     "\"warnings\":[\"scheduleEnd: leaves no fire time of the schedule from now or scheduleStart on, so that "
     "the job "
     "does not fire any more\"]}",
     false},
    {"the end is past", "{\"schedule\":\"0\",\"scheduleEnd\":\"2001-01-01T00:00:00Z\"}",
     "{\"schedule\":\"0\",\"timezone\":\"UTC\",\"description\":D,\"fireTimes\":[],"
     "\"warnings\":[\"scheduleEnd: is in the past, so that the job does not fire any more\"]}",
     false},
    {"the start is too late",
     "{\"schedule\":\"0 0 0 * * 1 1 2030\",\"scheduleStart\":\"2031-01-01T00:00:00Z\"}",
     "{\"schedule\":\"0 0 0 * * 1 1 2030\",\"timezone\":\"UTC\",\"description\":D,\"fireTimes\":[],"
     "\"warnings\":[\"scheduleStart: is after the last fire time of the schedule, so that the job never "
     "fires\"]}",
     false},
    {"strangers", "{\"schedule\":\"0 0 0 * * 1 1 2030\",\"Count\":1,\"id\":\"x\"}",
     "{\"schedule\":\"0 0 0 * * 1 1 2030\",\"timezone\":\"UTC\",\"description\":D,"
     "\"fireTimes\":[\"2030-01-01T00:00:00+00:00\"],"
     "\"warnings\":[\"Count: is not a field of a preview and was ignored; did you mean count?\","
     "\"id: is not a field of a preview and was ignored\"]}",
     false},
    {"all mistakes at once",
     "{\"schedule\":\"61\",\"timezone\":\"nope\",\"scheduleStart\":5,\"scheduleEnd\":\"x\",\"after\":\"y\","
     "\"count\":0}",
     "{\"scheduleStart\":[\"Not a valid datetime.\"],\"after\":[\"Not a valid datetime.\"],"
     "\"count\":[\"Must be between 1 and 1000.\"],\"schedule\":[\"Invalid schedule syntax: Error validating "
     "expression "
     "'61': the last value (61) is higher than the maximum value (59)\"],"
     "\"timezone\":[\"Invalid timezone format: nope\"],\"scheduleEnd\":[\"Not a valid datetime.\"]}",
     true},
    {"no schedule", "{}", "{\"schedule\":" MISSING "}", true},
    {"null", "{\"schedule\":null,\"count\":null}",
     "{\"schedule\":[\"Field may not be null.\"],\"count\":[\"Field may not be null.\"]}", true},
    {"no object", "[]", "{\"_schema\":[\"Invalid input type.\"]}", true},
};

/* The sentence is schedule_text's to test. */
static void hide_description(struct buf *buf)
{
    char *begin = strstr(buf->data, "\"description\":\""), *end;

    if (begin == NULL)
        return;
    begin += strlen("\"description\":");
    end = strchr(begin + 1, '"') + 1;
    *begin = 'D';
    memmove(begin + 1, end, strlen(end) + 1);
}

static void check(void **state)
{
    const struct preview_case *c = *state;
    AUTO_ZONES struct zones *zones = zones_new(NULL);
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_PREVIEW struct preview preview = {0};
    AUTO_JOB_TIMING struct job_timing timing = {0};
    AUTO_JSON struct json_object *value = NULL;
    AUTO_BUF struct buf buf = {0};

    buf_init(&buf, TEXT_MAX);
    assert_true(json_parse(c->body, strlen(c->body), &value, NULL));
    preview_read(value, &preview, &report);
    job_times_compile(&preview.draft, NULL, zones, now_s, &timing, &report);
    assert_int_equal(job_report_clean(&report), !c->refused);
    if (c->refused)
        json_put_value(&buf, report.messages);
    else
        preview_put(&buf, &preview, preview.draft.text[JOB_SCHEDULE], &timing, now_s, &report);
    hide_description(&buf);
    assert_string_equal(buf.data, c->answer);
}

struct query_case {
    const char *name, *count, *after;
    int64_t want;         /* count */
    const char *messages; /* NULL: none */
};

static struct query_case queries[] = {
    {"a query of nothing", NULL, NULL, 10, NULL},
    {"a query with both", "1000", "2030-01-01T00:00:00Z", 1000, NULL},
    {"a query for none", "0", NULL, 0, "{\"count\":[\"Must be between 1 and 1000.\"]}"},
    {"a query for too many", "1001", NULL, 0, "{\"count\":[\"Must be between 1 and 1000.\"]}"},
    {"a query that is wrong twice", "x", "y", 0,
     "{\"count\":[\"Not a valid integer.\"],\"after\":[\"Not a valid datetime.\"]}"},
    {"a query with a long time", NULL, "22222222222222222222222222222222222222222222222222222222222222222", 0,
     "{\"after\":[\"Longer than maximum length 64.\"]}"},
};

static void check_query(void **state)
{
    const struct query_case *c = *state;
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_PREVIEW struct preview preview = {0};
    AUTO_BUF struct buf buf = {0};

    buf_init(&buf, TEXT_MAX);
    assert_int_equal(preview_read_query(c->count, c->after, &preview, &report), c->messages == NULL);
    if (c->messages == NULL) {
        assert_int_equal(preview.count, c->want);
        assert_int_equal(preview.has_after, c->after != NULL);
    } else {
        json_put_value(&buf, report.messages);
        assert_string_equal(buf.data, c->messages);
    }
}

static void a_change_is_checked_together_with_the_row(void **state)
{
    AUTO_ZONES struct zones *zones = zones_new(NULL);
    AUTO_JOB_REPORT struct job_report report = {0}, other = {0};
    AUTO_JOB_DRAFT struct job_draft draft = {0};
    struct job_row row = {.text = {[JOB_SCHEDULE] = "0", [JOB_TIMEZONE] = "No/Where"}};

    (void)state;
    job_draft_give(&draft, JOB_SCHEDULE, mem_strdup("? ? ? * * 1 1 2099 ?"));
    job_times_check(&draft, &row, zones, now_s, &report);
    assert_false(job_report_clean(&report));
    assert_ptr_equal(strchr(draft.text[JOB_SCHEDULE], 0x3f),
                     strrchr(draft.text[JOB_SCHEDULE], 0x3f)); /* the ninth */
    job_draft_give(&draft, JOB_TIMEZONE, NULL);
    job_times_check(&draft, &row, zones, now_s, &other);
    assert_true(job_report_clean(&other));
}

static void a_schedule_may_not_grow_beyond_its_limit(void **state)
{
    AUTO_ZONES struct zones *zones = zones_new(NULL);
    bool refused = false;

    (void)state;
    /* Each of the three has one or two digits: before long one is long. */
    for (int i = 0; i < 1000 && !refused; i++) {
        AUTO_JOB_REPORT struct job_report report = {0};
        AUTO_JOB_DRAFT struct job_draft draft = {0};

        job_draft_give(&draft, JOB_SCHEDULE, mem_printf("? ? ? * * 1 1 %0*d", JOB_SCHEDULE_MAX - 14, 2099));
        job_times_check(&draft, NULL, zones, now_s, &report);
        refused = !job_report_clean(&report);
        assert_true(refused || strlen(draft.text[JOB_SCHEDULE]) <= JOB_SCHEDULE_MAX);
    }
    assert_true(refused);
}

static int64_t cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void a_thousand_leap_days_take_under_5_ms(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    enum { TRIES = 5, LIMIT_US = 50000 };
#else
    enum { TRIES = 5, LIMIT_US = 5000 };
#endif
    static const char body[] =
        "{\"schedule\":\"0 0 0 * * 29 2\",\"timezone\":\"America/New_York\",\"count\":1000}";
    AUTO_ZONES struct zones *zones = zones_new(NULL);
    AUTO_JSON struct json_object *value = NULL;
    int64_t best_us = INT64_MAX;

    (void)state;
    assert_true(json_parse(body, strlen(body), &value, NULL));
    for (int i = 0; i < TRIES; i++) {
        AUTO_JOB_REPORT struct job_report report = {0};
        AUTO_PREVIEW struct preview preview = {0};
        AUTO_JOB_TIMING struct job_timing timing = {0};
        AUTO_BUF struct buf buf = {0};
        int64_t begun_us = cpu_us();

        buf_init(&buf, TEXT_MAX);
        assert_true(preview_read(value, &preview, &report));
        assert_true(job_times_compile(&preview.draft, NULL, zones, now_s, &timing, &report));
        preview_put(&buf, &preview, preview.draft.text[JOB_SCHEDULE], &timing, now_s, &report);
        if (cpu_us() - begun_us < best_us)
            best_us = cpu_us() - begun_us;
        assert_non_null(strstr(buf.data, "\"6148-02-29T00:00:00-05:00\"]"));
    }
    print_message("1000 leap days: %d us\n", (int)best_us);
    assert_true(best_us < LIMIT_US);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + ARRAY_LEN(queries) + 3];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[n++] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    for (size_t i = 0; i < ARRAY_LEN(queries); i++)
        tests[n++] = (struct CMUnitTest){queries[i].name, check_query, NULL, NULL, &queries[i]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_change_is_checked_together_with_the_row);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_schedule_may_not_grow_beyond_its_limit);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_thousand_leap_days_take_under_5_ms);
    assert_int_equal(n, ARRAY_LEN(tests));
    return cmocka_run_group_tests_name("preview", tests, NULL, NULL);
}

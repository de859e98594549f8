/* job_import: lines into batches, and what is said of those that are wrong. */
#include "job_import.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "http_limits.h"
#include "mem.h"
#include "zone.h"

#define LATER "0 0 0 * * 1 1 2099"
#define JOB(id) "{\"id\":\"" id "\",\"schedule\":\"" LATER "\"}"
#define MISSING "[\"Missing data for required field.\"]"

struct import_case {
    const char *name, *body;
    const char *ids, *lines; /* of the batch */
    const char *results;
    int failed;
};

static struct import_case cases[] = {
    {"nothing", "", "{}", "{}", "", 0},
    {"empty lines", "\n\r\n  \n", "{}", "{}", "", 0},
    {"a line without an end", JOB("a"), "{\"a\"}", "{1}", "", 0},
    {"lines", JOB("a") "\n\n" JOB("b") "\r\n", "{\"a\",\"b\"}", "{1,3}", "", 0},
    {"no JSON", "{nope\n" JOB("b"), "{\"b\"}", "{2}",
     "{\"line\":1,\"message\":\"line 1, column 2: a name in double quotes was expected\"}", 1},
    {"no job", JOB("a") "\n{\"id\":\"b\"}\n{}", "{\"a\"}", "{1}",
     "{\"line\":2,\"id\":\"b\",\"messages\":{\"schedule\":" MISSING "}},"
     "{\"line\":3,\"messages\":{\"schedule\":" MISSING ",\"taskDefinition\":" MISSING "}}",
     2},
    {"a schedule that is none", "{\"id\":\"a\",\"schedule\":\"99\"}", "{}", "{}", NULL, 1},
    {"a warning", "{\"id\":\"a\",\"schedule\":\"" LATER "\",\"x\":1}", "{\"a\"}", "{1}",
     "{\"line\":1,\"id\":\"a\",\"warnings\":[\"x: is not a field of a job and was ignored\"]}", 0},
};

static void read_all(struct job_import *im, const char *body, size_t len, int lines)
{
    struct zones *zones = zones_new(NULL);

    job_import_init(im, body, len, &http_limits_default);
    while (!job_import_read(im, lines, zones, 0))
        continue;
    zones_free(zones);
}

static void check(void **state)
{
    const struct import_case *c = *state;
    struct job_import im;

    for (int lines = 1; lines < 4; lines++) { /* a turn; it makes no difference */
        read_all(&im, c->body, strlen(c->body), lines);
        assert_true(job_import_at_end(&im));
        assert_string_equal(db_array_end(&im.columns[JOB_ID]), c->ids);
        assert_string_equal(db_array_end(&im.lines), c->lines);
        assert_int_equal(im.failed, c->failed);
        if (c->results != NULL)
            assert_string_equal(im.results.data, c->results);
        job_import_done(&im);
    }
}

static void a_batch_is_bounded(void **state)
{
    static const char line[] = JOB("a") "\n";
    const size_t count = JOB_IMPORT_BATCH + 1, len = count * (sizeof line - 1);
    AUTO_FREE char *body = mem_alloc(len + 1);
    struct job_import im;

    (void)state;
    for (size_t i = 0; i < count; i++)
        memcpy(body + i * (sizeof line - 1), line, sizeof line - 1);
    read_all(&im, body, len, 7);
    assert_int_equal(im.count, JOB_IMPORT_BATCH);
    assert_false(job_import_at_end(&im));
    job_import_next_batch(&im);
    assert_int_equal(im.count, 0);
    job_import_done(&im);
}

static void a_turn_is_bounded(void **state UNUSED)
{
    enum { LINE = 1000, LINES = 1000 };
    AUTO_FREE char *body = mem_array(LINE * LINES, 1);
    struct zones *zones = zones_new(NULL);
    struct job_import im;
    int turns = 1;

    memset(body, ' ', LINE * LINES);
    for (size_t i = 0; i < LINES; i++)
        body[i * LINE + LINE - 1] = '\n';
    job_import_init(&im, body, LINE * LINES, &http_limits_default);
    for (; !job_import_read(&im, LINES, zones, 0); turns++)
        assert_true(im.at - body <= turns * (256 * 1024 + LINE));
    assert_int_equal(turns, 4);
    assert_int_equal(im.line, LINES);
    job_import_done(&im);
    zones_free(zones);
}

static void what_an_id_is_taken_by_is_said(void **state)
{
    struct job_import im;

    (void)state;
    job_import_init(&im, "", 0, &http_limits_default);
    job_import_exists(&im, &(struct job_import_taken){.line = 7, .id = "a", .twin = 3});
    job_import_exists(&im, &(struct job_import_taken){.line = 8, .id = "b", .by_us = true});
    job_import_exists(&im, &(struct job_import_taken){.line = 9, .id = "c"});
    assert_string_equal(im.results.data,
                        "{\"line\":7,\"id\":\"a\",\"message\":\"Line 3 has the same id.\"},"
                        "{\"line\":8,\"id\":\"b\",\"message\":\"A line before has the same id.\"},"
                        "{\"line\":9,\"id\":\"c\",\"message\":\"There is a job with this id already.\"}");
    job_import_done(&im);
}

static void results_are_bounded(void **state)
{
    AUTO_BUF struct buf buf = {0};
    struct job_import im;

    (void)state;
    buf_init(&buf, 1 << 20);
    job_import_init(&im, "", 0, &http_limits_default);
    for (int i = 0; i < JOB_IMPORT_RESULTS + 5; i++)
        job_import_exists(&im, &(struct job_import_taken){.line = i + 1, .id = "a"});
    job_import_put_results(&buf, &im);
    assert_int_equal(im.failed, JOB_IMPORT_RESULTS + 5);
    assert_non_null(strstr(buf.data, ",\"results\":[{\"line\":1,\"id\":\"a\",\"message\":"));
    assert_non_null(strstr(buf.data, "],\"resultsOmitted\":5"));
    job_import_done(&im);
}

static void a_line_is_no_longer_than_a_body(void **state)
{
    const size_t len = http_limits_default.body + 1;
    AUTO_FREE char *body = mem_alloc(len + 1);
    struct job_import im;

    (void)state;
    memset(body, 'x', len);
    read_all(&im, body, len, 1);
    assert_string_equal(im.results.data,
                        "{\"line\":1,\"message\":\"The line is longer than 1048576 bytes.\"}");
    job_import_done(&im);
}

int main(void)
{
    enum { MORE = 5 };
    struct CMUnitTest tests[ARRAY_LEN(cases) + MORE];
    const size_t count = ARRAY_LEN(cases);

    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    tests[count] = (struct CMUnitTest)cmocka_unit_test(a_batch_is_bounded);
    tests[count + 1] = (struct CMUnitTest)cmocka_unit_test(results_are_bounded);
    tests[count + 2] = (struct CMUnitTest)cmocka_unit_test(a_line_is_no_longer_than_a_body);
    tests[count + 3] = (struct CMUnitTest)cmocka_unit_test(a_turn_is_bounded);
    tests[count + 4] = (struct CMUnitTest)cmocka_unit_test(what_an_id_is_taken_by_is_said);
    return cmocka_run_group_tests_name("job_import", tests, NULL, NULL);
}

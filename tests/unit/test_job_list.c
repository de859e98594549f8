/* job_list: what a query asks for, and the links to the pages around it. */
#include "job_list.h"

#include "test.h"

#include <json-c/json.h>

#include "json.h"

#define BAD_PLACE                                                                                            \
    "{\"after\":[\"Not a place in this list: take it from next, or leave it empty for the first page.\"]}"

struct list_case {
    const char *name;
    struct job_list_query query;
    const char *links; /* with more jobs, the last of which has ordinal 77 and id "j-9"; or the messages */
    bool refused;
};

static struct list_case cases[] = {
    {"nothing asked", {0}, ",\"next\":\"/jobs?skip=10\"", false},
    {"by number, with filters",
     {.skip = "5", .count = "5", .task_definition = "t", .suspended = "true"},
     ",\"prev\":\"/jobs?count=5&taskDefinition=t&suspended=true\""
     ",\"next\":\"/jobs?skip=10&count=5&taskDefinition=t&suspended=true\"",
     false},
    {"the first page with a filter",
     {.skip = "10", .prefix = "p"},
     ",\"prev\":\"/jobs?prefix=p\",\"next\":\"/jobs?skip=20&prefix=p\"",
     false},
    {"by place, from the start", {.after = ""}, ",\"next\":\"/jobs?after=77\"", false},
    {"by place", {.after = "12", .count = "1000"}, ",\"next\":\"/jobs?after=77&count=1000\"", false},
    {"by place, with filters",
     {.after = "12", .suspended = "false", .task_definition = "t"},
     ",\"next\":\"/jobs?after=77&taskDefinition=t&suspended=false\"",
     false},
    {"with a prefix the place is an id",
     {.after = "j-1", .prefix = "j", .count = "3"},
     ",\"next\":\"/jobs?after=j-9&count=3&prefix=j\"",
     false},
    {"with a prefix, from the start",
     {.after = "", .prefix = "j"},
     ",\"next\":\"/jobs?after=j-9&prefix=j\"",
     false},
    {"a page of nothing leads nowhere", {.after = "", .count = "0"}, "", false},
    {"a total is asked for once", {.after = "1", .total = "true"}, ",\"next\":\"/jobs?after=77\"", false},
    {"a place and a number",
     {.skip = "0", .after = "1"},
     "{\"after\":[\"Cannot be combined with skip.\"]}",
     true},
    {"an id is no place without a prefix", {.after = "j-1"}, BAD_PLACE, true},
    {"a negative place", {.after = "-1"}, BAD_PLACE, true},
    {"a place that is no id", {.after = "j 1", .prefix = "j"}, BAD_PLACE, true},
    {"flags",
     {.suspended = "", .total = "1"},
     "{\"suspended\":[\"Must be true or false.\"],\"total\":[\"Must be true or false.\"]}",
     true},
    {"names",
     {.prefix = "", .task_definition = "a b", .count = "x"},
     "{\"count\":[\"Not a valid integer.\"],"
     "\"taskDefinition\":[\"task definition names must contain only alphanumeric, underscore, and hyphen\"],"
     "\"prefix\":[\"task definition names must contain only alphanumeric, underscore, and hyphen\"]}",
     true},
};

static void check(void **state)
{
    const struct list_case *c = *state;
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_BUF struct buf buf = {0};
    struct job_list list;

    buf_init(&buf, 4096);
    assert_int_equal(job_list_read(&c->query, &list, &report), !c->refused);
    if (c->refused)
        json_put_value(&buf, report.messages);
    else
        job_list_put_links(&buf, &list, &(struct job_list_last){list.page.count, true, 77, "j-9"});
    assert_string_equal(buf.data, c->links);
}

static void the_last_page_by_place_leads_nowhere(void **state)
{
    const struct job_list_query query = {.after = "5"};
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_BUF struct buf buf = {0};
    struct job_list list;

    (void)state;
    buf_init(&buf, 4096);
    assert_true(job_list_read(&query, &list, &report));
    job_list_put_links(&buf, &list, &(struct job_list_last){0});
    assert_string_equal(buf.data, "");
}

static void totals(void **state)
{
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, 4096);
    job_list_put_total(&buf, 0);
    job_list_put_total(&buf, JOB_LIST_TOTAL_MAX);
    job_list_put_total(&buf, JOB_LIST_TOTAL_MAX + 1);
    assert_string_equal(buf.data, ",\"total\":0,\"total\":10000,\"total\":10000,\"totalIsMore\":true");
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 2];
    const size_t count = ARRAY_LEN(cases);

    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    tests[count] = (struct CMUnitTest)cmocka_unit_test(the_last_page_by_place_leads_nowhere);
    tests[count + 1] = (struct CMUnitTest)cmocka_unit_test(totals);
    return cmocka_run_group_tests_name("job_list", tests, NULL, NULL);
}

/* page: what a query asks for, and the links that the seed system made of it. */
#include "page.h"

#include "test.h"

#include <json-c/json.h>

#include "json.h"
#include "mem.h"

struct page_case {
    const char *name, *skip, *count;
    bool more;
    const char *links; /* or the messages */
    bool refused;
};

static struct page_case cases[] = {
    {"nothing asked, one page", NULL, NULL, false, "", false},
    {"nothing asked, more pages", NULL, NULL, true, ",\"next\":\"/jobs?skip=10\"", false},
    {"the defaults are left out", "0", "10", true, ",\"next\":\"/jobs?skip=10\"", false},
    {"the page before is the first", "10", NULL, false, ",\"prev\":\"/jobs\"", false},
    {"a short first page has a page before", "5", NULL, true,
     ",\"prev\":\"/jobs\",\"next\":\"/jobs?skip=15\"", false},
    {"skip and count", "3", "5", true, ",\"prev\":\"/jobs?count=5\",\"next\":\"/jobs?skip=8&count=5\"",
     false},
    {"beyond the end", "25", NULL, false, ",\"prev\":\"/jobs?skip=15\"", false},
    {"a page of nothing leads nowhere", "2", "0", true, "", false},
    {"below 0 is 0", "-5", "3", true, ",\"next\":\"/jobs?skip=3&count=3\"", false},
    {"a count below 0 is 0", NULL, "-1", true, "", false},
    {"signs and white space", "+3", " 2 ", true,
     ",\"prev\":\"/jobs?skip=1&count=2\",\"next\":\"/jobs?skip=5&count=2\"", false},
    {"count is capped", NULL, "1001", true, ",\"next\":\"/jobs?skip=1000&count=1000\"", false},
    {"count beyond 64 bits is capped", NULL, "99999999999999999999999999", true,
     ",\"next\":\"/jobs?skip=1000&count=1000\"", false},
    {"the largest skip", "1000000000", NULL, false, ",\"prev\":\"/jobs?skip=999999990\"", false},
    {"a skip too large", "1000000001", NULL, false, "{\"skip\":[\"Must be at most 1000000000.\"]}", true},
    {"a skip beyond 64 bits", "9223372036854775808", NULL, false,
     "{\"skip\":[\"Must be at most 1000000000.\"]}", true},
    {"not a number", "abc", NULL, false, "{\"skip\":[\"Not a valid integer.\"]}", true},
    {"both no numbers", "1.5", "", false,
     "{\"skip\":[\"Not a valid integer.\"],\"count\":[\"Not a valid integer.\"]}", true},
    {"hexadecimal", NULL, "0x10", false, "{\"count\":[\"Not a valid integer.\"]}", true},
};

static void check(void **state)
{
    const struct page_case *c = *state;
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_BUF struct buf buf = {0};
    struct page page;

    buf_init(&buf, 1024);
    assert_int_equal(page_read(c->skip, c->count, &page, &report), !c->refused);
    if (c->refused)
        json_put_value(&buf, report.messages);
    else
        page_put_links(&buf, "/jobs", "", &page, page.count, c->more);
    assert_string_equal(buf.data, c->links);
}

static void a_page_that_was_cut_goes_on_where_it_ends(void **state)
{
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, 1024);
    page_put_links(&buf, "/jobs", "", &(struct page){.skip = 3, .count = 5}, 1, true);
    assert_string_equal(buf.data, ",\"prev\":\"/jobs?count=5\",\"next\":\"/jobs?skip=4&count=5\"");
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 1];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    tests[ARRAY_LEN(cases)] = (struct CMUnitTest)cmocka_unit_test(a_page_that_was_cut_goes_on_where_it_ends);
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}

/* etag: tags differ when a job's revision or body does, and If-Match is read by the revisions in it. */
#include "etag.h"

#include "test.h"

#include <string.h>

struct match_case {
    const char *name, *header;
    const char *revisions; /* NULL: any job will do */
};

static struct match_case cases[] = {
    {"no header", NULL, NULL},
    {"a star", " *", NULL},
    {"one tag", "\"r7-0123456789abcdef\"", "{7}"},
    {"more tags", "\"r7-x\", \"r8-y\",\"r9-z\"", "{7,8,9}"},
    {"tags of others", "\"bogus\", \"r-1\", \"r7\", \"x7-1\"", "{}"},
    {"one of ours among them", "\"bogus\", \"r12-1\"", "{12}"},
    {"weak tags never match", "W/\"r7-x\"", "{}"},
    {"a star in quotes is a tag", "\"*\"", "{}"},
    {"a tag without an end", "\"r7-x", "{}"},
    {"no tag at all", "r7-x", "{}"},
};

static void check(void **state)
{
    const struct match_case *c = *state;
    AUTO_BUF struct buf buf = {0};

    buf_init(&buf, 1024);
    assert_int_equal(etag_revisions(c->header, &buf), c->revisions != NULL);
    if (c->revisions != NULL)
        assert_string_equal(buf.data, c->revisions);
}

static void array_has_its_revisions(void **state)
{
    (void)state;
    assert_true(etag_has_revision("{7}", 7) && etag_has_revision("{7,8,19}", 8) &&
                etag_has_revision("{7,8,19}", 19));
    assert_false(etag_has_revision("{}", 0) || etag_has_revision("{7,8,19}", 9) ||
                 etag_has_revision("{17}", 7));
}

static void tag_tells_apart(void **state)
{
    char one[ETAG_SIZE], same[ETAG_SIZE], other_body[ETAG_SIZE], other_revision[ETAG_SIZE];
    AUTO_BUF struct buf buf = {0};

    (void)state;
    etag_of_job(12, "{}", 2, one);
    etag_of_job(12, "{}", 2, same);
    etag_of_job(12, "[]", 2, other_body);
    etag_of_job(13, "{}", 2, other_revision);
    assert_string_equal(one, same);
    assert_string_not_equal(one, other_body);
    assert_string_not_equal(one, other_revision);
    etag_of_job(INT64_MAX, "", 0, one);
    assert_int_equal(strlen(one), 2 + 1 + 19 + 1 + 16);
    buf_init(&buf, 1024);
    assert_true(etag_revisions(other_body, &buf));
    assert_string_equal(buf.data, "{12}");
}

static void if_none_match(void **state)
{
    (void)state;
    assert_true(etag_matches("\"a\"", "\"a\"") && etag_matches(" *", "\"a\""));
    assert_true(etag_matches("\"b\", W/\"a\"", "\"a\"") && etag_matches("\"b\",\"a\"", "\"a\""));
    assert_false(etag_matches("", "\"a\"") || etag_matches("a", "\"a\"") || etag_matches("\"a", "\"a\""));
    assert_false(etag_matches("\"aa\"", "\"a\"") || etag_matches("\"*\"", "\"a\""));
    assert_false(etag_matches("\"x\", \"", "\", \""));
}

static void bodies_have_tags(void **state)
{
    char one[ETAG_SIZE], other[ETAG_SIZE];

    (void)state;
    etag_of_body("{}", 2, one);
    etag_of_body("[]", 2, other);
    assert_int_equal(strlen(one), 18);
    assert_string_not_equal(one, other);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 4] = {
        cmocka_unit_test(array_has_its_revisions),
        cmocka_unit_test(tag_tells_apart),
        cmocka_unit_test(if_none_match),
        cmocka_unit_test(bodies_have_tags),
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i + 4] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    return cmocka_run_group_tests_name("etag", tests, NULL, NULL);
}

/* uri: percent-decoding, and queries. */
#include "uri.h"

#include "test.h"

#include <string.h>

struct decode_case {
    const char *name, *text;
    bool plus;
    const char *wanted; /* NULL: cannot be decoded */
};

static struct decode_case cases[] = {
    {"plain text", "abc-_.~", false, "abc-_.~"},
    {"percent", "a%20b%2f%2F", false, "a b//"},
    {"UTF-8", "caf%C3%A9", false, "caf\xC3\xA9"},
    {"plus in a path", "a+b", false, "a+b"},
    {"plus in a query", "a+b%2B", true, "a b+"},
    {"nothing", "", true, ""},
    {"a percent at the end", "a%", false, NULL},
    {"one digit", "a%2", false, NULL},
    {"no digits", "a%zz", false, NULL},
    {"one that is no digit", "a%2g", false, NULL},
    {"a NUL", "a%00", false, NULL},
    {"no UTF-8", "%ff%fe", false, NULL},
    {"a surrogate", "%ED%A0%80", false, NULL},
    {"an overlong slash", "%c0%af", false, NULL},
};

static void check(void **state)
{
    const struct decode_case *c = *state;
    AUTO_BUF struct buf buf = {0};

    buf_init(&buf, 1024);
    assert_int_equal(uri_decode(c->text, strlen(c->text), c->plus, &buf), c->wanted != NULL);
    if (c->wanted != NULL)
        assert_string_equal(buf.data, c->wanted);
}

static void too_long_is_no_text(void **state)
{
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, 3);
    assert_false(uri_decode("abcd", 4, false, &buf));
}

static void queries_are_pairs(void **state)
{
    AUTO_BUF struct buf pairs = {0};

    (void)state;
    buf_init(&pairs, 1024);
    assert_true(uri_query_decode("skip=1&a%62=x%26y&skip=2&&flag&=v&e=&m=1=2", &pairs));
    assert_string_equal(uri_query_value(&pairs, "skip"), "1");
    assert_string_equal(uri_query_value(&pairs, "ab"), "x&y");
    assert_string_equal(uri_query_value(&pairs, "flag"), "");
    assert_string_equal(uri_query_value(&pairs, "e"), "");
    assert_string_equal(uri_query_value(&pairs, "m"), "1=2");
    assert_string_equal(uri_query_value(&pairs, ""), "v");
    assert_null(uri_query_value(&pairs, "x&y"));
    assert_null(uri_query_value(&pairs, "none"));
}

static void bad_queries_are_refused(void **state)
{
    static const char *const bad[] = {"a=%", "%=1", "a=1&b=%00", "a=%ff"};
    AUTO_BUF struct buf pairs = {0};

    (void)state;
    buf_init(&pairs, 1024);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_clear(&pairs);
        if (uri_query_decode(bad[i], &pairs))
            fail_msg("%s", bad[i]);
    }
    buf_clear(&pairs);
    assert_true(uri_query_decode("", &pairs));
    assert_null(uri_query_value(&pairs, ""));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 3] = {
        cmocka_unit_test(too_long_is_no_text),
        cmocka_unit_test(queries_are_pairs),
        cmocka_unit_test(bad_queries_are_refused),
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i + 3] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}

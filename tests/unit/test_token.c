/* token: who is let in, what a token looks like, and what the options of --create-token may be. */
#include "token.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

enum { NOW_S = 1000000 };

static char texts[4][TOKEN_TEXT_SIZE];
static struct token tokens[3] = {
    {.name = "good", .scope = TOKEN_WRITE, .expires_s = INT64_MAX},
    {.name = "old", .scope = TOKEN_READ, .expires_s = NOW_S},
    {.name = "gone", .scope = TOKEN_READ, .expires_s = INT64_MAX, .revoked = true},
};
static const struct token_set set = {tokens, 3};

static int make_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        token_make(texts[i]);
    for (size_t i = 0; i < 3; i++)
        token_hash(texts[i], tokens[i].hash);
    return 0;
}

static enum token_verdict check(const char *text, const char *name)
{
    const struct token *who;
    enum token_verdict verdict = token_set_check(&set, text, NOW_S, &who);

    assert_int_equal(who == NULL, name == NULL);
    if (name != NULL)
        assert_string_equal(who->name, name);
    return verdict;
}

static void verdicts(void **state)
{
    char long_one[TOKEN_TEXT_SIZE + 1], short_one[TOKEN_TEXT_SIZE];

    (void)state;
    snprintf(long_one, sizeof long_one, "%sx", texts[0]);
    snprintf(short_one, sizeof short_one, "%.*s", TOKEN_TEXT_SIZE - 2, texts[0]);
    assert_int_equal(check(texts[0], "good"), TOKEN_GOOD);
    assert_int_equal(check(texts[1], "old"), TOKEN_EXPIRED);
    assert_int_equal(check(texts[2], "gone"), TOKEN_REVOKED);
    assert_int_equal(check(texts[3], NULL), TOKEN_UNKNOWN);
    assert_int_equal(check("", NULL), TOKEN_UNKNOWN);
    assert_int_equal(check(long_one, NULL), TOKEN_UNKNOWN);
    assert_int_equal(check(short_one, NULL), TOKEN_UNKNOWN);
    assert_int_equal(check(NULL, NULL), TOKEN_MISSING);
}

static void no_tokens_at_all(void **state)
{
    const struct token_set none = {0};
    const struct token *who;

    (void)state;
    assert_int_equal(token_set_check(&none, texts[0], NOW_S, &who), TOKEN_UNKNOWN);
    assert_int_equal(token_set_check(&none, NULL, NOW_S, &who), TOKEN_MISSING);
    assert_null(who);
}

static void the_last_second(void **state)
{
    const struct token *who;

    (void)state;
    assert_int_equal(token_set_check(&set, texts[1], NOW_S - 1, &who), TOKEN_GOOD);
}

static void texts_differ(void **state)
{
    unsigned char hash[TOKEN_HASH_LEN];

    (void)state;
    assert_int_equal(strlen(texts[0]), TOKEN_TEXT_SIZE - 1);
    assert_memory_equal(texts[0], "ecss_", 5);
    assert_int_equal(strspn(texts[0] + 5, "0123456789abcdef"), 64);
    assert_string_not_equal(texts[0], texts[1]);
    token_hash("abc", hash); /* FIPS 180-2's own example */
    assert_memory_equal(hash, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8);
}

static void headers(void **state)
{
    (void)state;
    assert_string_equal(token_of_header("Bearer x"), "x");
    assert_string_equal(token_of_header("bEARER   x"), "x");
    assert_string_equal(token_of_header("Bearer "), "");
    assert_null(token_of_header(NULL));
    assert_null(token_of_header("Bearer"));
    assert_null(token_of_header("Bearerx"));
    assert_null(token_of_header("Basic dTpw"));
}

static void names(void **state)
{
    char longest[TOKEN_NAME_MAX + 2];

    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[TOKEN_NAME_MAX + 1] = '\0';
    assert_false(token_name_check(longest, NULL));
    longest[TOKEN_NAME_MAX] = '\0';
    assert_true(token_name_check(longest, NULL) && token_name_check("ci@build-1.x_Y", NULL));
    assert_false(token_name_check("", NULL) || token_name_check("a b", NULL) ||
                 token_name_check("a\"", NULL));
}

static void scopes(void **state)
{
    enum token_scope scope = TOKEN_READ;

    (void)state;
    assert_true(token_scope_parse("write", &scope, NULL));
    assert_int_equal(scope, TOKEN_WRITE);
    assert_true(token_scope_parse("read", &scope, NULL));
    assert_int_equal(scope, TOKEN_READ);
    assert_false(token_scope_parse("", &scope, NULL) || token_scope_parse("Write", &scope, NULL));
    assert_string_equal(token_scope_name(TOKEN_WRITE), "write");
    assert_string_equal(token_verdict_name(TOKEN_EXPIRED), "expired");
}

static void lifetimes(void **state)
{
    static const char *const wrong[] = {"", "d", "0d", "-1d", "90", "90 d", "90dd", "1y", "100000d", "1.5d"};
    int64_t seconds = 0;

    (void)state;
    assert_true(token_lifetime_parse("90d", &seconds, NULL) && seconds == 90 * 86400);
    assert_true(token_lifetime_parse("12h", &seconds, NULL) && seconds == 12 * 3600);
    assert_true(token_lifetime_parse("52w", &seconds, NULL) && seconds == 52 * 604800);
    assert_true(token_lifetime_parse("99999w", &seconds, NULL) && seconds == INT64_C(99999) * 604800);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (token_lifetime_parse(wrong[i], &seconds, NULL))
            fail_msg("\"%s\" was taken", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),     cmocka_unit_test(no_tokens_at_all), cmocka_unit_test(the_last_second),
        cmocka_unit_test(texts_differ), cmocka_unit_test(headers),          cmocka_unit_test(names),
        cmocka_unit_test(scopes),       cmocka_unit_test(lifetimes),
    };

    return cmocka_run_group_tests_name("token", tests, make_tokens, NULL);
}

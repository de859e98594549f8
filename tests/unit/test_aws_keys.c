/* aws_keys, aws_words, aws_file and aws_chain: what is handed out as keys, and who is asked for them. */
#include "aws_keys.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aws_chain.h"
#include "aws_file.h"
#include "aws_words.h"
#include "json.h"
#include "mem.h"

/* --- answers --- */

#define ID "\"AccessKeyId\": \"ASIAX\""
#define SECRET "\"SecretAccessKey\": \"hush/+=\""
#define TOKEN "\"Token\": \"hushtoken==\""
#define EXPIRES "\"Expiration\": \"2026-01-01T00:00:00Z\""

enum { NEW_YEAR_2026_S = 1767225600 };

static struct answer_case {
    const char *name, *text;
    bool lasting;
    int64_t now_s;
    const char *error; /* NULL: they are taken */
    int64_t expires_s;
} answer_cases[] = {
    {"keys that expire", "{" ID "," SECRET "," TOKEN "," EXPIRES "}", false, 0, NULL, NEW_YEAR_2026_S},
    {"in another zone", "{" ID "," SECRET "," TOKEN ", \"Expiration\": \"2026-01-01T01:00:00+01:00\"}", false,
     0, NULL, NEW_YEAR_2026_S},
    {"without a zone", "{" ID "," SECRET "," TOKEN ", \"Expiration\": \"2026-01-01T00:00:00\"}", false, 0,
     NULL, NEW_YEAR_2026_S},
    {"with parts of a second", "{" ID "," SECRET "," TOKEN ", \"Expiration\": \"2026-01-01T00:00:00.123Z\"}",
     false, 0, NULL, NEW_YEAR_2026_S},
    {"more members", "{" ID "," SECRET "," TOKEN "," EXPIRES ", \"AccountId\": \"1\", \"X\": [1]}", false,
     NEW_YEAR_2026_S - 1, NULL, NEW_YEAR_2026_S},
    {"keys that last", "{" ID "," SECRET "}", true, 0, NULL, 0},
    {"members that are null", "{" ID "," SECRET ", \"Token\": null, \"Expiration\": null}", true, 0, NULL, 0},
    {"expired ones", "{" ID "," SECRET "," TOKEN "," EXPIRES "}", false, NEW_YEAR_2026_S,
     "the keys in the answer expired at 2026-01-01T00:00:00Z", 0},
    {"no id", "{" SECRET "," TOKEN "," EXPIRES "}", false, 0, "the answer has no AccessKeyId", 0},
    {"an empty id", "{\"AccessKeyId\": \"\"," SECRET "}", true, 0, "the answer has no AccessKeyId", 0},
    {"no secret", "{" ID "," TOKEN "," EXPIRES "}", false, 0, "the answer has no SecretAccessKey", 0},
    {"no token", "{" ID "," SECRET "," EXPIRES "}", false, 0, "the answer has no Token", 0},
    {"no expiration", "{" ID "," SECRET "," TOKEN "}", false, 0, "the answer has no Expiration", 0},
    {"an id that is a number", "{\"AccessKeyId\": 1," SECRET "}", true, 0,
     "AccessKeyId in the answer is not a string", 0},
    {"a secret with a line break", "{" ID ", \"SecretAccessKey\": \"hush\\nhush\"}", true, 0,
     "SecretAccessKey has a character that cannot be in it", 0},
    {"an id with a comma", "{\"AccessKeyId\": \"hush,\"," SECRET "}", true, 0, "AccessKeyId has a character",
     0},
    {"a token with a blank", "{" ID "," SECRET ", \"Token\": \"hush hush\"}", true, 0,
     "the session token has a character", 0},
    {"an expiration that is none", "{" ID "," SECRET "," TOKEN ", \"Expiration\": \"tomorrow\"}", false, 0,
     "the expiration is not a time", 0},
    {"no JSON", "hush", false, 0, "the answer is not JSON", 0},
    {"no object", "[\"hush\"]", false, 0, "the answer is not a JSON object", 0},
    {"nothing", "", false, 0, "the answer is not JSON", 0},
};

static void check_answer(void **state)
{
    const struct answer_case *c = *state;
    AUTO_JSON struct json_object *obj = NULL;
    AUTO_AWS_KEYS struct aws_keys keys = {0};
    struct err err = {0};

    if (aws_keys_parse_object(c->text, strlen(c->text), &obj, &err) &&
        aws_keys_from_object(obj, "Token", c->lasting, c->now_s, &keys, &err)) {
        assert_null(c->error);
        assert_string_equal(keys.access_key_id, "ASIAX");
        assert_string_equal(keys.secret, "hush/+=");
        assert_int_equal(keys.expires_s, c->expires_s);
        return;
    }
    if (c->error == NULL || strstr(err.text, c->error) == NULL)
        fail_msg("%s", err.text);
    assert_null(strstr(err.text, "hush"));
}

/* --- pairs --- */

static void pairs(void **state)
{
    static const struct {
        const char *id, *secret, *token;
        enum aws_found found;
        const char *error;
    } rows[] = {
        {"A", "s", NULL, AWS_FOUND, NULL},
        {"A", "s", "t", AWS_FOUND, NULL},
        {NULL, NULL, "t", AWS_ABSENT, "ID is not set"},
        {"A", NULL, NULL, AWS_FAILED, "ID is set, but SECRET is not"},
        {NULL, "s", NULL, AWS_FAILED, "SECRET is set, but ID is not"},
        {"A/", "s", NULL, AWS_FAILED, "ID has a character"},
        {"A", "s\x7f", NULL, AWS_FAILED, "SECRET has a character"},
        {"A", "s", "\xc3\xa4", AWS_FAILED, "the session token has a character"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_AWS_KEYS struct aws_keys keys = {0};
        struct err err = {0};

        assert_int_equal(
            aws_keys_take("ID", rows[i].id, "SECRET", rows[i].secret, rows[i].token, &keys, &err),
            rows[i].found);
        if (rows[i].error != NULL && strstr(err.text, rows[i].error) == NULL)
            fail_msg("%s", err.text);
    }
}

static void which_keys_are_the_same(void **state)
{
    char id[] = "A", secret[] = "s", token[] = "t", other[] = "o";
    const struct aws_keys keys = {.access_key_id = id, .secret = secret, .token = token, .serial = 1};
    struct aws_keys with = keys;

    (void)state;
    with.serial = 2;
    with.expires_s = 9;
    assert_true(aws_keys_same(&keys, &with));
    with.token = NULL;
    assert_false(aws_keys_same(&keys, &with));
    with.token = other;
    assert_false(aws_keys_same(&keys, &with));
    with = keys;
    with.secret = other;
    assert_false(aws_keys_same(&keys, &with));
    assert_false(aws_keys_same(&keys, &(struct aws_keys){0}));
}

/* --- when --- */

/* Whatever the issuer does, new keys are asked for in time: it is as in a life of keys, asked again and again
 * while the answer is the same ones. */
static void keys_are_looked_for_in_time(void **state)
{
    static const int64_t lives_s[] = {15, 60, 900, 3600, 21600, 43200};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lives_s); i++) {
        for (int tenth = 0; tenth < 10; tenth++) {
            int64_t left_ms = lives_s[i] * 1000, searches = 0;
            int64_t first_ms = aws_keys_renew_ms(lives_s[i], false, tenth / 10.0);

            assert_true(first_ms < left_ms);
            /* Not before it makes sense. */
            assert_true(lives_s[i] < 1500 ? first_ms >= left_ms * 3 / 8 : left_ms - first_ms <= 1200 * 1000);
            while ((left_ms -= aws_keys_renew_ms(left_ms / 1000, false, tenth / 10.0)) > 0)
                searches++;
            assert_in_range(searches, 2, 20);
        }
    }
    assert_int_equal(aws_keys_renew_ms(0, false, 0), 1000);
    assert_int_equal(aws_keys_renew_ms(-100, false, 0), 1000);
    assert_int_equal(aws_keys_renew_ms(3600, false, 0), (3600 - 900) * 1000);
}

static void after_a_failure_it_is_tried_again_soon(void **state)
{
    (void)state;
    assert_int_equal(aws_keys_renew_ms(3600, true, 0), 60 * 1000);
    assert_int_equal(aws_keys_renew_ms(3600, true, 0.5), 60 * 1000 * 7 / 8);
    assert_int_equal(aws_keys_renew_ms(80, true, 0), 10 * 1000);
    assert_int_equal(aws_keys_renew_ms(1, true, 0), 1000);
    assert_int_equal(aws_keys_renew_ms(-1, true, 0.9), 1000);
}

/* --- words --- */

static struct words_case {
    const char *name, *line, *words; /* each followed by | */
    const char *error;
} words_cases[] = {
    {"words", "a  bc\td\n", "a|bc|d|", NULL},
    {"one word", "x", "x|", NULL},
    {"blanks around", "  x y ", "x|y|", NULL},
    {"single quotes", "a 'b c' 'd\"e\\'", "a|b c|d\"e\\|", NULL},
    {"double quotes", "\"/a b/c\" \"d'e\"", "/a b/c|d'e|", NULL},
    {"quotes within a word", "a'b c'd\"e f\"", "ab cde f|", NULL},
    {"an empty word", "a '' \"\" b", "a|||b|", NULL},
    {"backslashes", "a\\ b \\'c \\\\", "a b|'c|\\|", NULL},
    {"backslashes in quotes", "\"a\\\"b\\\\c\\d\\$e\"", "a\"b\\c\\d$e|", NULL},
    {"a backslash at the end", "a\\", "a\\|", NULL},
    {"nothing is expanded", "$HOME `x` * ~ ; &", "$HOME|`x`|*|~|;|&|", NULL},
    {"a quote without an end", "a 'b", NULL, "a quote in it does not end"},
    {"the other one", "a \"b\\\"", NULL, "a quote in it does not end"},
    {"nothing", " \n ", NULL, "there is no command in it"},
};

static void check_words(void **state)
{
    const struct words_case *c = *state;
    AUTO_BUF struct buf joined;
    char **words = NULL;
    struct err err = {0};

    buf_init(&joined, 1024);
    if (!aws_words_split(c->line, &words, &err)) {
        assert_non_null(c->error);
        assert_string_equal(err.text, c->error);
        assert_null(words);
        return;
    }
    assert_null(c->error);
    for (size_t i = 0; words[i] != NULL; i++)
        buf_printf(&joined, "%s|", words[i]);
    assert_string_equal(joined.data, c->words);
    aws_words_free(words);
    aws_words_free(NULL);
}

/* --- files --- */

static void small_files(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text, *error;
    } rows[] = {
        {"token", 5, "token", NULL},         {"a b\r\n\n", 6, "a b", NULL},
        {"12345678", 8, "12345678", NULL},   {"123456789", 9, NULL, "is longer than 8 bytes"},
        {"", 0, NULL, "is empty"},           {" \n", 2, NULL, "is empty"},
        {"a\0b", 3, NULL, "has a NUL byte"},
    };
    char path[] = "/tmp/ecss-file-XXXXXX";
    int fd = mkstemp(path);
    struct err err;
    char *text = NULL;

    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, rows[i].bytes, rows[i].len, 0), (ssize_t)rows[i].len);
        if (aws_file_read(path, 8, &text, &err)) {
            assert_non_null(rows[i].text);
            assert_string_equal(text, rows[i].text);
            free(text);
        } else if (rows[i].error == NULL || strstr(err.text, rows[i].error) == NULL) {
            fail_msg("%s", err.text);
        }
    }
    close(fd);
    assert_int_equal(unlink(path), 0);
    assert_false(aws_file_read(path, 8, &text, &err));
    assert_non_null(strstr(err.text, "cannot be read: No such file"));
    assert_false(aws_file_read("/tmp", 8, &text, &err));
    assert_non_null(strstr(err.text, "/tmp cannot be read"));
}

/* --- chains --- */

/* What the providers of this test say, in order. */
static struct {
    enum aws_found says[3];
    struct aws_lookup *pending;
    int asked, cancelled;
} play;

static enum aws_found say(struct aws_lookup *lookup, struct aws_keys *ret, struct err *err)
{
    enum aws_found found = play.says[play.asked++];

    if (found == AWS_PENDING)
        play.pending = lookup;
    else if (found == AWS_FOUND)
        *ret = (struct aws_keys){.access_key_id = mem_strdup("A"), .secret = mem_strdup("s")};
    else
        err_set(err, ERR_INVALID, "reason %d", play.asked);
    return found;
}

static void cancel(struct aws_lookup *lookup)
{
    assert_ptr_equal(lookup, play.pending);
    play.cancelled++;
}

static const struct aws_provider one = {"one", say, cancel}, two = {"two", say, cancel},
                                 three = {"three", say, cancel};
static aws_provider_list list = {&one, &two, &three, NULL};

struct result {
    enum aws_found found;
    char text[ERR_TEXT_SIZE];
    int calls;
};

static void on_done(void *arg, enum aws_found found, struct aws_keys *keys, const struct err *err)
{
    struct result *result = arg;

    result->calls++;
    result->found = found;
    snprintf(result->text, sizeof result->text, "%s", found == AWS_FOUND ? keys->access_key_id : err->text);
}

static struct chain_case {
    const char *name;
    enum aws_found says[3];
    enum aws_found later; /* what a PENDING one says then */
    enum aws_found found;
    const char *text;
    int asked;
} chain_cases[] = {
    {"the first", {AWS_FOUND}, 0, AWS_FOUND, "A", 1},
    {"the last", {AWS_ABSENT, AWS_ABSENT, AWS_FOUND}, 0, AWS_FOUND, "A", 3},
    {"nobody",
     {AWS_ABSENT, AWS_ABSENT, AWS_ABSENT},
     0,
     AWS_ABSENT,
     "one: reason 1; two: reason 2; three: reason 3",
     3},
    {"a failure ends it", {AWS_ABSENT, AWS_FAILED}, 0, AWS_FAILED, "two: reason 2", 2},
    {"later", {AWS_ABSENT, AWS_PENDING}, AWS_FOUND, AWS_FOUND, "A", 2},
    {"later not", {AWS_PENDING, AWS_ABSENT, AWS_FOUND}, AWS_ABSENT, AWS_FOUND, "A", 3},
    {"later nobody",
     {AWS_ABSENT, AWS_ABSENT, AWS_PENDING},
     AWS_ABSENT,
     AWS_ABSENT,
     "one: reason 1; two: reason 2; three: late",
     3},
    {"later a failure", {AWS_ABSENT, AWS_PENDING}, AWS_FAILED, AWS_FAILED, "two: late", 2},
    {"twice later", {AWS_PENDING, AWS_PENDING}, AWS_ABSENT, AWS_PENDING, "", 2},
};

static void check_chain(void **state)
{
    const struct chain_case *c = *state;
    AUTO_AWS_KEYS struct aws_keys keys = {0};
    struct aws_means means = {0};
    struct aws_chain chain;
    struct result result = {.found = AWS_PENDING};
    struct err err = {0};

    memset(&play, 0, sizeof play);
    memcpy(play.says, c->says, sizeof play.says);
    aws_chain_init(&chain, &means, list, NULL, NULL);
    result.found = aws_chain_find(&chain, on_done, &result, &keys, &err);
    if (result.found == AWS_PENDING) {
        char id[] = "A";
        struct aws_keys late = {.access_key_id = id};

        err_set(&err, ERR_INVALID, "late");
        play.pending->answer(play.pending, c->later, &late, &err);
        assert_int_equal(result.calls, result.found == AWS_PENDING ? 0 : 1);
    } else {
        on_done(&result, result.found, &keys, &err);
    }
    assert_int_equal(result.found, c->found);
    assert_string_equal(result.text, c->text);
    assert_int_equal(play.asked, c->asked);
    aws_chain_done(&chain);
    assert_int_equal(play.cancelled, c->found == AWS_PENDING ? 1 : 0);
}

int main(void)
{
    enum {
        ANSWERS = ARRAY_LEN(answer_cases),
        WORDS = ARRAY_LEN(words_cases),
        CHAINS = ARRAY_LEN(chain_cases)
    };
    struct CMUnitTest tests[ANSWERS + WORDS + CHAINS + 5];
    size_t n = 0;

    for (size_t i = 0; i < ANSWERS; i++)
        tests[n++] = (struct CMUnitTest){answer_cases[i].name, check_answer, NULL, NULL, &answer_cases[i]};
    for (size_t i = 0; i < WORDS; i++)
        tests[n++] = (struct CMUnitTest){words_cases[i].name, check_words, NULL, NULL, &words_cases[i]};
    for (size_t i = 0; i < CHAINS; i++)
        tests[n++] = (struct CMUnitTest){chain_cases[i].name, check_chain, NULL, NULL, &chain_cases[i]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(pairs);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(which_keys_are_the_same);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(keys_are_looked_for_in_time);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(after_a_failure_it_is_tried_again_soon);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(small_files);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* json: what is refused and where the message points, what is accepted, getters, and what the writer escapes.
 */
#include "json.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "limits.h"
#include "mem.h"

struct bad_case {
    const char *name, *text;
    size_t len; /* 0: strlen(text) */
    const char *message;
};

static struct bad_case bad_cases[] = {
    {"nothing", "", 0, "the text is empty where a JSON value should be"},
    {"only space", " \n ", 0, "the text is empty where a JSON value should be"},
    {"a word", "nope", 0,
     "line 1, column 1: a value was expected: an object, an array, a string, a number, true, false or null"},
    {"words in capitals", "{\"a\": True}", 0,
     "line 1, column 7: a value was expected: an object, an array, a string, a number, true, false or null"},
    {"NaN", "[NaN]", 0, "line 1, column 2: NaN and Infinity are no JSON numbers"},
    {"minus infinity", "[-Infinity]", 0, "line 1, column 2: NaN and Infinity are no JSON numbers"},
    {"a string in single quotes", "{\"a\": 'b'}", 0, "line 1, column 7: strings stand in double quotes"},
    {"a name in single quotes", "{'a': 1}", 0, "line 1, column 2: names stand in double quotes"},
    {"a name without quotes", "{a: 1}", 0, "line 1, column 2: a name in double quotes was expected"},
    {"a comment before a comma", "{\"a\": 1 /* c */}", 0, "line 1, column 9: comments are not allowed"},
    {"a comment for a value", "// c\n1", 0, "line 1, column 1: comments are not allowed"},
    {"a comment at the end", "1 // c", 0, "line 1, column 3: comments are not allowed"},
    {"trailing data", "{} x", 0, "line 1, column 4: there is something after the end of the value"},
    {"two values", "{}\n{}", 0, "line 2, column 1: there is something after the end of the value"},
    {"a comma before }", "{\"a\": 1,}", 0, "line 1, column 9: no comma before the closing }"},
    {"a comma before ]", "[1,]", 0, "line 1, column 4: no comma before the closing ]"},
    {"no colon", "{\"a\" 1}", 0, "line 1, column 6: a colon was expected after the name"},
    {"no value", "{\"a\":", 0, "line 1, column 6: the text ends where a value should be"},
    {"no comma in an object", "{\"a\":1 \"b\":2}", 0, "line 1, column 8: a comma or } was expected"},
    {"no comma in an array", "[1 2]", 0, "line 1, column 4: a comma or ] was expected"},
    {"an open object", "{\"a\":1", 0, "line 1, column 7: the text ends inside an object"},
    {"an open array", "[1", 0, "line 1, column 3: the text ends inside an array"},
    {"an open string", "[\"ab", 0, "line 1, column 2: this string has no end"},
    {"a duplicate name", "{\"a\": 1,\n \"a\": 2}", 0, "line 2, column 2: this name is in the object already"},
    {"a duplicate name by escape", "{\"a\":1,\"\\u0061\":2}", 0,
     "line 1, column 8: this name is in the object already"},
    {"a raw tab in a string", "\"a\tb\"", 0,
     "line 1, column 3: a control character inside a string has to be escaped"},
    {"a NUL in a string", "\"abc\0d\"", 7,
     "line 1, column 5: a control character inside a string has to be escaped"},
    {"a NUL after the value", "123\0", 4, "line 1, column 4: there is something after the end of the value"},
    {"\\u0000", "\"ab\\u0000\"", 0, "line 1, column 4: the character \\u0000 is not allowed"},
    {"a lone high surrogate", "\"\\ud800\"", 0,
     "line 1, column 2: a high surrogate without a low one after it"},
    {"a high surrogate and a letter", "\"\\ud800\\u0041\"", 0,
     "line 1, column 2: a high surrogate without a low one after it"},
    {"a lone low surrogate", "\"\\udc00\"", 0,
     "line 1, column 2: a low surrogate without a high one before it"},
    {"short \\u", "\"\\u12\"", 0, "line 1, column 4: \\u is followed by four hexadecimal digits"},
    {"an unknown escape", "\"\\x41\"", 0,
     "line 1, column 2: unknown escape; there are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u"},
    {"Latin-1", "\"caf\xE9\"", 0, "line 1, column 5: this is not UTF-8"},
    {"overlong UTF-8", "\"\xC0\xAF\"", 0, "line 1, column 2: this is not UTF-8"},
    {"a surrogate in UTF-8", "\"\xED\xA0\x80\"", 0, "line 1, column 2: this is not UTF-8"},
    {"cut UTF-8", "\"\xE4\xB8\"", 0, "line 1, column 2: this is not UTF-8"},
    {"beyond Unicode", "\"\xF4\x90\x80\x80\"", 0, "line 1, column 2: this is not UTF-8"},
    {"columns count characters", "[\"\xC3\xA9\", x]", 0,
     "line 1, column 7: a value was expected: an object, an array, a string, a number, true, false or null"},
    {"UTF-16 with its mark", "\xFF\xFE{\0}\0", 6,
     "line 1, column 1: the text must be UTF-8, not UTF-16 or UTF-32"},
    {"UTF-16 without one", "{\0}\0", 4, "line 1, column 1: the text must be UTF-8, not UTF-16 or UTF-32"},
    {"a leading zero", "[05]", 0, "line 1, column 2: a number has no leading zeros"},
    {"a leading zero below zero", "-01", 0, "line 1, column 1: a number has no leading zeros"},
    {"a plus sign", "+1", 0, "line 1, column 1: a number begins with a digit or a minus sign"},
    {"a leading point", ".5", 0, "line 1, column 1: a number begins with a digit or a minus sign"},
    {"a trailing point", "1.", 0, "line 1, column 3: a digit follows the decimal point"},
    {"an empty exponent", "1e+", 0, "line 1, column 4: an exponent has digits"},
    {"hexadecimal", "0x10", 0, "line 1, column 2: there is something after the end of the value"},
    {"beyond 64 bits", "[18446744073709551616]", 0, "line 1, column 2: this number does not fit 64 bits"},
    {"below 64 bits", "-9223372036854775809", 0, "line 1, column 1: this number does not fit 64 bits"},
    {"beyond a double", "1e400", 0, "line 1, column 1: this number is too large"},
};

static void check_bad(void **state)
{
    const struct bad_case *c = *state;
    struct json_object *value = NULL;
    struct err err = {0};

    assert_false(json_parse(c->text, c->len == 0 ? strlen(c->text) : c->len, &value, &err));
    assert_null(value);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.text, c->message);
}

struct good_case {
    const char *name, *text, *printed;
};

static struct good_case good_cases[] = {
    {"null", "null", "null"},
    {"words", "[true,false,null]", "[true,false,null]"},
    {"space everywhere", " \t\r\n{ \"a\" : [ 1 , 2 ] } \n", "{\"a\":[1,2]}"},
    {"empty containers", "[{},[]]", "[{},[]]"},
    {"a byte order mark", "\xEF\xBB\xBF{\"a\":1}", "{\"a\":1}"},
    {"the largest integers", "[9223372036854775807,-9223372036854775808,18446744073709551615]",
     "[9223372036854775807,-9223372036854775808,18446744073709551615]"},
    {"minus zero", "-0", "0"},
    {"doubles", "[0.5,-1.25,1e2]", "[0.5,-1.25,100.0]"},
    {"escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\xC3\xA9\""},
    {"a surrogate pair", "\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\""},
    {"UTF-8 of every length", "\"a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\"",
     "\"a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\""},
    {"the same name in two objects", "[{\"a\":1},{\"a\":2}]", "[{\"a\":1},{\"a\":2}]"},
};

static void check_good(void **state)
{
    const struct good_case *c = *state;
    AUTO_JSON struct json_object *value = NULL;
    AUTO_BUF struct buf buf = {0};
    struct err err = {0};

    if (!json_parse(c->text, strlen(c->text), &value, &err))
        fail_msg("refused: %s", err.text);
    buf_init(&buf, 1024);
    json_put_value(&buf, value);
    assert_string_equal(buf.data, c->printed);
}

static struct json_object *parsed(const char *text)
{
    struct json_object *value = NULL;

    assert_true(json_parse(text, strlen(text), &value, NULL));
    return value;
}

/* That many lists, one in another, with so many levels allowed; 0: as json_parse() has it. */
static bool parses_levels(size_t levels, int allowed, struct err *err)
{
    AUTO_JSON struct json_object *value = NULL;
    AUTO_FREE char *text = mem_alloc(2 * levels + 1);

    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    return allowed == 0
               ? json_parse(text, 2 * levels, &value, err)
               : json_parse_within((struct json_bounds){allowed, 1000}, text, 2 * levels, &value, err);
}

static void depth_has_a_limit(void **state)
{
    struct err err = {0};

    (void)state;
    for (int allowed = 1; allowed <= JSON_DEPTH_MAX; allowed++) {
        assert_true(parses_levels((size_t)allowed, allowed, &err));
        assert_false(parses_levels((size_t)allowed + 1, allowed, &err));
    }
    assert_false(parses_levels(17, 16, &err));
    assert_string_equal(err.text, "line 1, column 17: nested deeper than 16 levels");
    assert_true(parses_levels(JSON_DEPTH_MAX, 0, &err));
    assert_false(parses_levels(JSON_DEPTH_MAX + 1, 0, &err));
}

static void values_have_a_limit(void **state)
{
    static const char text[] = "[{\"a\":1},\"b\",null]";
    struct json_bounds bounds = {.depth = 4, .values = 5};
    struct json_object *value = NULL;
    struct err err = {0};

    (void)state;
    assert_true(json_parse_within(bounds, text, strlen(text), &value, &err));
    json_release(value);
    bounds.values--;
    assert_false(json_parse_within(bounds, text, strlen(text), &value, &err));
    assert_string_equal(err.text, "line 1, column 14: more than 4 values");
}

static void getters_check_types(void **state)
{
    AUTO_JSON struct json_object *obj = parsed("{\"s\":\"x\",\"i\":5,\"d\":2.0,\"f\":2.5,\"b\":true,\"o\":{},"
                                               "\"a\":[],\"n\":null,\"u\":18446744073709551615}");
    struct json_object *value = NULL;
    struct err err = {0};
    const char *s = "before";
    int64_t i = -1;
    double d = -1;
    bool b = false;

    (void)state;
    assert_true(json_get_string(obj, "s", &s, &err));
    assert_string_equal(s, "x");
    assert_true(json_get_int64(obj, "i", &i, &err));
    assert_int_equal(i, 5);
    assert_true(json_get_int64(obj, "d", &i, &err));
    assert_int_equal(i, 2);
    assert_true(json_get_double_opt(obj, "f", &d, &err));
    assert_true(d > 2.4 && d < 2.6);
    assert_true(json_get_bool(obj, "b", &b, &err) && b);
    assert_true(json_get_object(obj, "o", &value, &err));
    assert_true(json_get_array(obj, "a", &value, &err));

    assert_false(json_get_int64(obj, "f", &i, &err));
    assert_string_equal(err.field, "f");
    assert_string_equal(err.text, "f must be an integer, not double");
    assert_false(json_get_int64(obj, "u", &i, &err));
    assert_string_equal(err.text, "u is too large");
    assert_false(json_get_string(obj, "i", &s, &err));
    assert_string_equal(err.text, "i must be a string, not int");
    assert_false(json_get_string(obj, "n", &s, &err));
    assert_string_equal(err.text, "n is missing");
    assert_false(json_get_bool(obj, "i", &b, &err));
    assert_false(json_get_object(obj, "a", &value, &err));
    assert_false(json_get_array(obj, "o", &value, &err));
    assert_false(json_get_string(obj, "none", &s, &err));
    assert_string_equal(err.text, "none is missing");
    assert_int_equal(i, 2); /* failures touched nothing */
}

static void optional_getters_leave_what_is_missing(void **state)
{
    AUTO_JSON struct json_object *obj = parsed("{\"n\":null,\"i\":1}");
    struct json_object *value = NULL;
    const char *s = "before";
    int64_t i = 7;
    bool b = true;
    double d = 1;

    (void)state;
    assert_true(json_get_string_opt(obj, "n", &s, NULL) && json_get_string_opt(obj, "none", &s, NULL));
    assert_true(json_get_int64_opt(obj, "none", &i, NULL) && json_get_bool_opt(obj, "none", &b, NULL));
    assert_true(json_get_object_opt(obj, "n", &value, NULL) && json_get_array_opt(obj, "n", &value, NULL));
    assert_string_equal(s, "before");
    assert_int_equal(i, 7);
    assert_null(value);
    assert_false(json_get_string_opt(obj, "i", &s, NULL));
    assert_true(json_get_double_opt(obj, "i", &d, NULL));
}

static void writer_escapes(void **state)
{
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, 1024);
    json_put_string(&buf, "a\"b\\c/\n\x01\x7F\xC3\xA9");
    assert_string_equal(buf.data, "\"a\\\"b\\\\c/\\n\\u0001\\u007f\xC3\xA9\"");
    buf_clear(&buf);
    json_put_string(&buf, "\xFF\xFEx\xE4\xB8");
    assert_string_equal(buf.data, "\"\xEF\xBF\xBD\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD\"");
    buf_clear(&buf);
    json_put_string_len(&buf, "a\0b", 3);
    assert_string_equal(buf.data, "\"a\\u0000b\"");
}

static void what_is_no_utf8_is_cut_off(void **state)
{
    static const struct {
        const char *text, *rest;
    } cases[] = {{"", ""}, {"a\xC3\xA9", "a\xC3\xA9"}, {"a\xC3", "a"}, {"a\xE2\x82", "a"}, {"\xFFx", ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *text = mem_strdup(cases[i].text);

        json_utf8_cut(text);
        assert_string_equal(text, cases[i].rest);
    }
}

/* Every code point that is a character survives: written as an escape, read, printed, read again. */
static void every_character_survives(void **state)
{
    (void)state;
    for (unsigned code = 1; code <= 0x10FFFF; code += code < 0x1000 ? 1 : 97) {
        char utf8[JSON_UTF8_MAX + 1] = "", escaped[32];
        AUTO_JSON struct json_object *value = NULL;
        AUTO_BUF struct buf buf = {0};

        if (code >= 0xD800 && code <= 0xDFFF)
            continue;
        json_utf8_encode(code, utf8);
        assert_int_equal(json_utf8_len(utf8, strlen(utf8)), strlen(utf8));
        if (code < 0x10000)
            snprintf(escaped, sizeof escaped, "[\"\\u%04X\"]", code);
        else
            snprintf(escaped, sizeof escaped, "[\"\\u%04x\\u%04x\"]", 0xD800 + ((code - 0x10000) >> 10),
                     0xDC00 + ((code - 0x10000) & 0x3FF));
        value = parsed(escaped);
        buf_init(&buf, 64);
        buf_putc(&buf, '[');
        json_put_string(&buf, utf8);
        buf_putc(&buf, ']');
        {
            AUTO_JSON struct json_object *again = parsed(buf.data);
            AUTO_BUF struct buf one = {0}, two = {0};

            buf_init(&one, 64);
            buf_init(&two, 64);
            json_put_value(&one, value);
            json_put_value(&two, again);
            assert_string_equal(one.data, two.data);
        }
    }
}

int main(void)
{
    enum { BAD = ARRAY_LEN(bad_cases), GOOD = ARRAY_LEN(good_cases), REST = 7 };
    struct CMUnitTest tests[BAD + GOOD + REST] = {
        cmocka_unit_test(depth_has_a_limit),        cmocka_unit_test(values_have_a_limit),
        cmocka_unit_test(getters_check_types),      cmocka_unit_test(optional_getters_leave_what_is_missing),
        cmocka_unit_test(writer_escapes),           cmocka_unit_test(what_is_no_utf8_is_cut_off),
        cmocka_unit_test(every_character_survives),
    };
    size_t n = REST;

    for (size_t i = 0; i < BAD; i++)
        tests[n++] = (struct CMUnitTest){bad_cases[i].name, check_bad, NULL, NULL, &bad_cases[i]};
    for (size_t i = 0; i < GOOD; i++)
        tests[n++] = (struct CMUnitTest){good_cases[i].name, check_good, NULL, NULL, &good_cases[i]};
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}

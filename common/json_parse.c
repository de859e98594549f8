/*
 * The strict parser: recursive descent over the bytes, depth bounded, building json-c values as it goes.
 * Errors point at the byte that is wrong; columns count characters, as an editor does.
 */
#include "json.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "limits.h"
#include "mem.h"

struct parser {
    const char *start;
    const char *at;
    const char *end;
    int depth, values;
    struct json_bounds bounds;
    struct buf text; /* the string being read */
    struct err *err;
};

static bool parse_value(struct parser *p, struct json_object **ret);

static bool fail_at(struct parser *p, const char *where, const char *what)
{
    int line = 1, column = 1;

    for (const char *c = p->start; c < where; c++) {
        if (*c == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*c & 0xC0) != 0x80) {
            column++;
        }
    }
    return err_set(p->err, ERR_INVALID, "line %d, column %d: %s", line, column, what);
}

static bool fail(struct parser *p, const char *what)
{
    return fail_at(p, p->at, what);
}

static PRINTF(2, 3) bool fail_beyond(struct parser *p, const char *fmt, ...)
{
    char what[64];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return fail(p, what);
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
}

static bool at_word(const struct parser *p, const char *word)
{
    size_t len = strlen(word);

    return (size_t)(p->end - p->at) >= len && memcmp(p->at, word, len) == 0;
}

/* What people write in the place of a value, and why it is none. */
static bool fail_value(struct parser *p)
{
    if (p->at == p->end)
        return fail(p, "the text ends where a value should be");
    if (*p->at == '\'')
        return fail(p, "strings stand in double quotes");
    if (*p->at == '/')
        return fail(p, "comments are not allowed");
    if (at_word(p, "NaN") || at_word(p, "Infinity") || at_word(p, "-Infinity"))
        return fail(p, "NaN and Infinity are no JSON numbers");
    if (*p->at == '+' || *p->at == '.')
        return fail(p, "a number begins with a digit or a minus sign");
    return fail(p, "a value was expected: an object, an array, a string, a number, true, false or null");
}

static bool read_hex4(struct parser *p, unsigned *ret)
{
    unsigned value = 0;

    if (p->end - p->at < 4)
        return fail(p, "\\u is followed by four hexadecimal digits");
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p->at[i];

        if (!isxdigit(c))
            return fail(p, "\\u is followed by four hexadecimal digits");
        value = value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    p->at += 4;
    *ret = value;
    return true;
}

/* After "\u". Surrogates come in pairs, high before low. */
static bool read_unicode_escape(struct parser *p)
{
    const char *where = p->at - 2;
    char out[JSON_UTF8_MAX];
    unsigned code, low;

    if (!read_hex4(p, &code))
        return false;
    if (code == 0)
        return fail_at(p, where, "the character \\u0000 is not allowed");
    if (code >= 0xDC00 && code <= 0xDFFF)
        return fail_at(p, where, "a low surrogate without a high one before it");
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (!at_word(p, "\\u"))
            return fail_at(p, where, "a high surrogate without a low one after it");
        p->at += 2;
        if (!read_hex4(p, &low))
            return false;
        if (low < 0xDC00 || low > 0xDFFF)
            return fail_at(p, where, "a high surrogate without a low one after it");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    buf_put(&p->text, out, json_utf8_encode(code, out));
    return true;
}

static bool read_escape(struct parser *p)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *found;

    p->at++; /* the backslash */
    if (p->at == p->end)
        return fail(p, "the text ends inside a string");
    if (*p->at == 'u') {
        p->at++;
        return read_unicode_escape(p);
    }
    found = *p->at == '\0' ? NULL : strchr(names, *p->at);
    if (found == NULL) {
        p->at--;
        return fail(p, "unknown escape; there are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u");
    }
    buf_putc(&p->text, values[found - names]);
    p->at++;
    return true;
}

/* Reads a string into p->text; p->at is at its opening quote. */
static bool read_string(struct parser *p)
{
    const char *open = p->at++;

    buf_clear(&p->text);
    while (p->at < p->end) {
        unsigned char c = (unsigned char)*p->at;
        const char *plain = p->at;

        if (c == '"') {
            p->at++;
            return true;
        }
        if (c == '\\') {
            if (!read_escape(p))
                return false;
            continue;
        }
        if (c < 0x20)
            return fail(p, "a control character inside a string has to be escaped");
        if (c < 0x80) {
            while (p->at < p->end && (unsigned char)*p->at >= 0x20 && (unsigned char)*p->at < 0x80 &&
                   *p->at != '"' && *p->at != '\\')
                p->at++;
        } else {
            size_t len = json_utf8_len(p->at, (size_t)(p->end - p->at));

            if (len == 0)
                return fail(p, "this is not UTF-8");
            p->at += len;
        }
        buf_put(&p->text, plain, (size_t)(p->at - plain));
    }
    return fail_at(p, open, "this string has no end");
}

static bool skip_digits(struct parser *p)
{
    const char *first = p->at;

    while (p->at < p->end && isdigit((unsigned char)*p->at))
        p->at++;
    return p->at > first;
}

static bool make_integer(struct parser *p, const char *first, const char *digits, struct json_object **ret)
{
    errno = 0;
    if (*first == '-') {
        long long value = strtoll(digits, NULL, 10);

        if (errno == 0)
            *ret = json_object_new_int64(value);
    } else {
        unsigned long long value = strtoull(digits, NULL, 10);

        if (errno == 0)
            *ret = value <= INT64_MAX ? json_object_new_int64((int64_t)value) : json_object_new_uint64(value);
    }
    return errno == 0 || fail_at(p, first, "this number does not fit 64 bits");
}

static bool make_double(struct parser *p, const char *first, const char *digits, struct json_object **ret)
{
    double value = strtod(digits, NULL);

    if (!isfinite(value))
        return fail_at(p, first, "this number is too large");
    *ret = json_object_new_double(value);
    return true;
}

static bool parse_number(struct parser *p, struct json_object **ret)
{
    const char *first = p->at, *whole;
    bool integer = true;

    if (*p->at == '-')
        p->at++;
    whole = p->at;
    if (!skip_digits(p)) {
        p->at = first;
        return fail_value(p);
    }
    if (*whole == '0' && p->at - whole > 1)
        return fail_at(p, first, "a number has no leading zeros");
    if (p->at < p->end && *p->at == '.') {
        integer = false;
        p->at++;
        if (!skip_digits(p))
            return fail(p, "a digit follows the decimal point");
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        integer = false;
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        if (!skip_digits(p))
            return fail(p, "an exponent has digits");
    }
    /* A copy with a NUL at its end: the text has none, and strtod would read on. */
    buf_clear(&p->text);
    buf_put(&p->text, first, (size_t)(p->at - first));
    return integer ? make_integer(p, first, p->text.data, ret) : make_double(p, first, p->text.data, ret);
}

static bool parse_member(struct parser *p, struct json_object *obj)
{
    const char *where = p->at;
    struct json_object *value = NULL;
    AUTO_FREE char *key = NULL;

    if (p->at < p->end && *p->at == '}')
        return fail(p, "no comma before the closing }");
    if (p->at < p->end && *p->at == '\'')
        return fail(p, "names stand in double quotes");
    if (p->at == p->end || *p->at != '"')
        return fail(p, "a name in double quotes was expected");
    if (!read_string(p))
        return false;
    key = mem_strndup(p->text.data, p->text.len);
    if (json_object_object_get_ex(obj, key, NULL))
        return fail_at(p, where, "this name is in the object already");
    skip_space(p);
    if (p->at == p->end || *p->at != ':')
        return fail(p, "a colon was expected after the name");
    p->at++;
    if (!parse_value(p, &value))
        return false;
    json_object_object_add(obj, key, value);
    return true;
}

/* Both kinds of container: members or elements with commas between them, until the closing character. */
static bool parse_items(struct parser *p, struct json_object *into, char close, bool object)
{
    p->at++;
    skip_space(p);
    if (p->at < p->end && *p->at == close) {
        p->at++;
        return true;
    }
    for (;;) {
        skip_space(p);
        if (object) {
            if (!parse_member(p, into))
                return false;
        } else {
            struct json_object *value = NULL;

            if (p->at < p->end && *p->at == ']')
                return fail(p, "no comma before the closing ]");
            if (!parse_value(p, &value))
                return false;
            json_object_array_add(into, value);
        }
        skip_space(p);
        if (p->at == p->end)
            return fail(p, object ? "the text ends inside an object" : "the text ends inside an array");
        if (*p->at == close) {
            p->at++;
            return true;
        }
        if (*p->at == '/')
            return fail(p, "comments are not allowed");
        if (*p->at != ',')
            return fail(p, object ? "a comma or } was expected" : "a comma or ] was expected");
        p->at++;
    }
}

static bool parse_container(struct parser *p, struct json_object **ret)
{
    bool object = *p->at == '{', good;
    struct json_object *into;

    if (p->depth == p->bounds.depth)
        return fail_beyond(p, "nested deeper than %d levels", p->bounds.depth);
    into = object ? json_object_new_object() : json_object_new_array();
    p->depth++;
    good = parse_items(p, into, object ? '}' : ']', object);
    p->depth--;
    if (!good) {
        json_object_put(into);
        return false;
    }
    *ret = into;
    return true;
}

static bool parse_value(struct parser *p, struct json_object **ret)
{
    static const char *const words[] = {"null", "true", "false"};

    skip_space(p);
    if (p->at == p->end)
        return fail_value(p);
    if (p->values++ == p->bounds.values)
        return fail_beyond(p, "more than %d values", p->bounds.values);
    if (*p->at == '{' || *p->at == '[')
        return parse_container(p, ret);
    if (*p->at == '"') {
        if (!read_string(p))
            return false;
        *ret = json_object_new_string_len(p->text.data, (int)p->text.len);
        return true;
    }
    if (*p->at == '-' || isdigit((unsigned char)*p->at))
        return parse_number(p, ret);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (at_word(p, words[i])) {
            p->at += strlen(words[i]);
            *ret = i == 0 ? NULL : json_object_new_boolean(i == 1);
            return true;
        }
    }
    return fail_value(p);
}

/* UTF-16 and UTF-32 put NULs between ASCII characters, or begin with their own mark. */
static bool looks_like_utf16(const char *text, size_t len)
{
    if (len < 2)
        return false;
    return memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0 || text[0] == '\0' ||
           text[1] == '\0';
}

bool json_parse_within(struct json_bounds bounds, const char *text, size_t len, struct json_object **ret,
                       struct err *err)
{
    struct parser p = {.start = text, .at = text, .end = text + len, .bounds = bounds, .err = err};
    struct json_object *value = NULL;
    bool good;

    if (looks_like_utf16(text, len))
        return err_set(err, ERR_INVALID, "line 1, column 1: the text must be UTF-8, not UTF-16 or UTF-32");
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        p.start = p.at = text + 3;
    skip_space(&p);
    if (p.at == p.end)
        return err_set(err, ERR_INVALID, "the text is empty where a JSON value should be");
    buf_init(&p.text, len + 1);
    good = parse_value(&p, &value);
    if (good) {
        skip_space(&p);
        if (p.at < p.end) {
            json_object_put(value);
            good = *p.at == '/' ? fail(&p, "comments are not allowed")
                                : fail(&p, "there is something after the end of the value");
        }
    }
    buf_done(&p.text);
    if (good)
        *ret = value;
    return good;
}

bool json_parse(const char *text, size_t len, struct json_object **ret, struct err *err)
{
    return json_parse_within((struct json_bounds){JSON_DEPTH_MAX, JSON_VALUES_MAX}, text, len, ret, err);
}

/* Writing JSON, and the UTF-8 that reading and writing need. See json.h. */
#include "json.h"

#include <string.h>

#include <json-c/json.h>

size_t json_utf8_len(const char *s, size_t len)
{
    const unsigned char *c = (const unsigned char *)s;
    size_t want = c[0] < 0x80 ? 1 : c[0] < 0xC2 ? 0 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : c[0] < 0xF5 ? 4 : 0;

    if (want == 0 || want > len)
        return 0;
    for (size_t i = 1; i < want; i++)
        if ((c[i] & 0xC0) != 0x80)
            return 0;
    if ((c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F) || (c[0] == 0xF0 && c[1] < 0x90) ||
        (c[0] == 0xF4 && c[1] > 0x8F))
        return 0;
    return want;
}

size_t json_utf8_encode(unsigned code, char out[static JSON_UTF8_MAX])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

bool json_utf8_valid(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t step = json_utf8_len(text + i, len - i);

        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

void json_utf8_cut(char *text)
{
    size_t len = strlen(text), at = 0, step;

    while (at < len && (step = json_utf8_len(text + at, len - at)) > 0)
        at += step;
    text[at] = '\0';
}

static void put_escaped(struct buf *buf, unsigned char c)
{
    static const char names[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
    const char *found = c == '\0' ? NULL : strchr(values, c);

    if (found != NULL) {
        buf_putc(buf, '\\');
        buf_putc(buf, names[found - values]);
    } else {
        buf_printf(buf, "\\u%04x", c);
    }
}

void json_put_string_len(struct buf *buf, const char *s, size_t len)
{
    size_t plain = 0; /* where the bytes begin that can be copied as they are */

    buf_putc(buf, '"');
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)s[i];
        size_t step = c < 0x80 ? 1 : json_utf8_len(s + i, len - i);

        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F && step > 0) {
            i += step;
            continue;
        }
        buf_put(buf, s + plain, i - plain);
        if (step == 0)
            buf_puts(buf, "\xEF\xBF\xBD");
        else
            put_escaped(buf, c);
        plain = ++i;
    }
    buf_put(buf, s + plain, len - plain);
    buf_putc(buf, '"');
}

void json_put_string(struct buf *buf, const char *s)
{
    json_put_string_len(buf, s, strlen(s));
}

void json_put_value(struct buf *buf, const struct json_object *value)
{
    /* json-c takes no const here, as it keeps the text with the object. */
    union {
        const struct json_object *lent;
        struct json_object *cast;
    } v = {.lent = value};
    size_t len;
    const char *text = json_object_to_json_string_length(
        v.cast, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

    buf_put(buf, text, len);
}

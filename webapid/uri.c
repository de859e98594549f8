/* See uri.h. */
#include "uri.h"

#include <string.h>

#include "json.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool uri_decode(const char *text, size_t len, bool plus, struct buf *ret)
{
    size_t start = ret->len;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            if (len - i < 3 || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0)
                return false;
            c = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
            if (c == '\0')
                return false;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        buf_putc(ret, c);
    }
    return !buf_full(ret) && json_utf8_valid(ret->data + start, ret->len - start);
}

/* One name=value of len bytes. */
static bool decode_pair(const char *pair, size_t len, struct buf *ret)
{
    const char *equals = memchr(pair, '=', len);
    size_t name = equals == NULL ? len : (size_t)(equals - pair);

    if (!uri_decode(pair, name, true, ret))
        return false;
    buf_putc(ret, '\0');
    if (equals != NULL && !uri_decode(equals + 1, len - name - 1, true, ret))
        return false;
    buf_putc(ret, '\0');
    return !buf_full(ret);
}

bool uri_query_decode(const char *query, struct buf *ret)
{
    for (;;) {
        size_t len = strcspn(query, "&");

        if (len > 0 && !decode_pair(query, len, ret))
            return false;
        if (query[len] == '\0')
            return true;
        query += len + 1;
    }
}

const char *uri_query_value(const struct buf *pairs, const char *name)
{
    for (size_t at = 0; at < pairs->len;) {
        const char *this_name = pairs->data + at, *value = this_name + strlen(this_name) + 1;

        if (strcmp(this_name, name) == 0)
            return value;
        at = (size_t)(value + strlen(value) + 1 - pairs->data);
    }
    return NULL;
}

/* See sigv4_canonical.h. */
#include "sigv4_canonical.h"

#include "attr.h"
#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Not isalnum(): that follows the locale. */
static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

static void put_encoded(struct buf *buf, char c)
{
    if (is_unreserved(c))
        buf_putc(buf, c);
    else
        buf_printf(buf, "%%%02X", (unsigned char)c);
}

/* A segment of a path: takes back the last one for "..", and says nothing for "." and "". */
static void put_segment(struct buf *buf, const char *segment, size_t len)
{
    if (len == 0 || (len == 1 && segment[0] == '.'))
        return;
    if (len == 2 && segment[0] == '.' && segment[1] == '.') {
        while (buf->len > 0 && buf->data[--buf->len] != '/')
            ;
        buf->data[buf->len] = '\0';
        return;
    }
    buf_putc(buf, '/');
    buf_put(buf, segment, len);
}

/* A slash at the end stays; one that "." or ".." at the end would stand for is not made (as botocore has it).
 */
static void put_normalised(struct buf *buf, const char *path)
{
    const char *segment = path;
    bool folder = true;

    while (*segment != '\0') {
        size_t len = strcspn(segment, "/");

        put_segment(buf, segment, len);
        folder = segment[len] == '/';
        segment += len + folder;
    }
    if (folder || buf->len == 0)
        buf_putc(buf, '/');
}

void sigv4_put_path(struct buf *buf, const char *path, bool keep)
{
    AUTO_BUF struct buf whole;

    buf_init(&whole, SIZE_MAX);
    if (keep)
        buf_puts(&whole, *path == '\0' ? "/" : path);
    else
        put_normalised(&whole, path);
    for (size_t i = 0; i < whole.len; i++) {
        if (whole.data[i] == '/')
            buf_putc(buf, '/');
        else
            put_encoded(buf, whole.data[i]);
    }
}

struct pair {
    char *name, *value; /* owned, encoded */
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* What the escapes in text mean, in canonical escapes. */
static char *encode_again(const char *text, size_t len)
{
    AUTO_BUF struct buf buf;

    buf_init(&buf, SIZE_MAX);
    for (size_t i = 0; i < len; i++) {
        int high = text[i] == '%' && i + 2 < len ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;

        if (low >= 0) {
            put_encoded(&buf, (char)(high * 16 + low));
            i += 2;
        } else {
            put_encoded(&buf, text[i]);
        }
    }
    return buf_steal(&buf);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : strcmp(x->value, y->value);
}

void sigv4_put_query(struct buf *buf, const char *query)
{
    struct pair *pairs = NULL;
    size_t count = 0, room = 1;

    for (const char *p = query; p != NULL && (p = strchr(p, '&')) != NULL; p++)
        room++;
    pairs = mem_array(room, sizeof *pairs);
    for (const char *p = query; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, "&");
        size_t name_len = strcspn(p, "=&");
        size_t value_at = name_len < len ? name_len + 1 : len;

        if (len > 0)
            pairs[count++] =
                (struct pair){encode_again(p, name_len), encode_again(p + value_at, len - value_at)};
        p += len + (p[len] == '&');
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_putc(buf, '&');
        buf_puts(buf, pairs[i].name);
        buf_putc(buf, '=');
        buf_puts(buf, pairs[i].value);
        free(pairs[i].name);
        free(pairs[i].value);
    }
    free(pairs);
}

struct named {
    char *name; /* owned, lower case */
    const char *value;
    size_t place;
};

/* Repeated headers stay in the order in which they are sent. */
static int compare_named(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

/* Proxies and HTTP libraries may change these on the way. */
static bool is_signed(const char *name)
{
    static const char *const not_signed[] = {"accept-encoding", "connection",        "expect",
                                             "user-agent",      "transfer-encoding", "x-amzn-trace-id"};

    for (size_t i = 0; i < ARRAY_LEN(not_signed); i++)
        if (strcasecmp(name, not_signed[i]) == 0)
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Trimmed, and each run of blanks made one. */
static void put_value(struct buf *buf, const char *value)
{
    bool gap = false, any = false;

    for (; *value != '\0'; value++) {
        if (is_blank(*value)) {
            gap = any;
            continue;
        }
        if (gap)
            buf_putc(buf, ' ');
        buf_putc(buf, *value);
        gap = false;
        any = true;
    }
}

static char *lower(const char *name)
{
    char *copy = mem_strdup(name);

    for (char *p = copy; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return copy;
}

void sigv4_put_headers(struct buf *buf, struct buf *names, const struct http_header *headers, size_t count)
{
    AUTO_FREE struct named *sorted = mem_array(count, sizeof *sorted);
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        if (is_signed(headers[i].name))
            sorted[n++] = (struct named){lower(headers[i].name), headers[i].value, i};
    qsort(sorted, n, sizeof *sorted, compare_named);
    for (size_t i = 0; i < n; i++) {
        bool again = i > 0 && strcmp(sorted[i].name, sorted[i - 1].name) == 0;

        if (again) {
            buf_putc(buf, ',');
        } else {
            buf_printf(buf, i > 0 ? "\n%s:" : "%s:", sorted[i].name);
            buf_printf(names, i > 0 ? ";%s" : "%s", sorted[i].name);
        }
        put_value(buf, sorted[i].value);
    }
    if (n > 0)
        buf_putc(buf, '\n');
    for (size_t i = 0; i < n; i++)
        free(sorted[i].name);
}

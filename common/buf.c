/* See buf.h. */
#include "buf.h"

#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.data = mem_alloc(FIRST_CAP), .cap = FIRST_CAP, .max = max};
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

/* Makes room for len more bytes and the NUL; false if that would pass the maximum. */
static bool reserve(struct buf *buf, size_t len)
{
    size_t cap = buf->cap;

    if (buf->full || len > buf->max - buf->len) {
        buf->full = true;
        return false;
    }
    while (cap < buf->len + len + 1)
        cap *= 2;
    if (cap != buf->cap) {
        buf->data = mem_grow(buf->data, cap, 1);
        buf->cap = cap;
    }
    return true;
}

void buf_put(struct buf *buf, const void *data, size_t len)
{
    if (len == 0 || !reserve(buf, len))
        return;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_puts(struct buf *buf, const char *s)
{
    buf_put(buf, s, strlen(s));
}

void buf_putc(struct buf *buf, char c)
{
    buf_put(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (len < 0)
        return;
    if ((size_t)len < sizeof small) {
        buf_put(buf, small, (size_t)len);
        return;
    }
    if (!reserve(buf, (size_t)len))
        return;
    va_start(ap, fmt);
    vsnprintf(buf->data + buf->len, buf->cap - buf->len, fmt, ap);
    va_end(ap);
    buf->len += (size_t)len;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->full = false;
    buf->data[0] = '\0';
}

void buf_consume(struct buf *buf, size_t len)
{
    if (len > buf->len)
        len = buf->len;
    memmove(buf->data, buf->data + len, buf->len - len + 1);
    buf->len -= len;
}

char *buf_steal(struct buf *buf)
{
    char *data = buf->data;

    buf_init(buf, buf->max);
    return data;
}

bool buf_full(const struct buf *buf)
{
    return buf->full;
}

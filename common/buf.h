/*
 * A growing string with a maximum given at the start. Writing past the maximum writes nothing more and marks
 * the buffer as full; whoever cares asks buf_full() once at the end instead of checking each write. The bytes
 * are always followed by a NUL, so data is a C string as long as no NUL was put in.
 */
#pragma once

#include "attr.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* owned; never NULL */
    size_t len; /* bytes used, without the NUL */
    size_t cap;
    size_t max; /* the most bytes that len may reach */
    bool full;  /* something did not fit and was dropped */
};

void buf_init(struct buf *buf, size_t max);
void buf_done(struct buf *buf); /* zeroed memory is fine, too */
#define AUTO_BUF CLEANUP(buf_done)

void buf_put(struct buf *buf, const void *data, size_t len);
void buf_puts(struct buf *buf, const char *s);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF(2, 3);
void buf_clear(struct buf *buf);               /* empties it, keeps the memory */
void buf_consume(struct buf *buf, size_t len); /* drops the first len bytes */
char *buf_steal(struct buf *buf)
    RETURNS_NONNULL; /* the string is the caller's to free; the buffer is empty again */
bool buf_full(const struct buf *buf);

/* See err.h. */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Drops the bytes of a UTF-8 character that a cut at the end of a full buffer left incomplete. */
static void trim_utf8(char *s, size_t size)
{
    size_t len = strlen(s);
    size_t i = len;

    if (len + 1 < size)
        return;
    while (i > 0 && ((unsigned char)s[i - 1] & 0xC0) == 0x80)
        i--;
    if (i > 0 && ((unsigned char)s[i - 1] & 0xC0) == 0xC0)
        s[i - 1] = '\0';
}

static PRINTF(4, 0) void set(struct err *err, enum err_kind kind, const char *field, const char *fmt,
                             va_list ap)
{
    char text[ERR_TEXT_SIZE];

    if (err == NULL)
        return;
    vsnprintf(text, sizeof text, fmt, ap);
    trim_utf8(text, sizeof text);
    err->kind = kind;
    err->sqlstate[0] = '\0';
    snprintf(err->field, sizeof err->field, "%s", field);
    memcpy(err->text, text, sizeof text);
}

bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set(err, kind, "", fmt, ap);
    va_end(ap);
    return false;
}

bool err_field(struct err *err, const char *field, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set(err, ERR_INVALID, field, fmt, ap);
    va_end(ap);
    return false;
}

/* Puts `before` and ": " in front of, or ": " and `after` behind, the text; what does not fit is cut. */
static void join(struct err *err, const char *before, const char *after)
{
    char text[2 * ERR_TEXT_SIZE + 4];

    snprintf(text, sizeof text, "%s: %s", before, after);
    text[ERR_TEXT_SIZE - 1] = '\0';
    trim_utf8(text, ERR_TEXT_SIZE);
    memcpy(err->text, text, ERR_TEXT_SIZE);
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
    char context[ERR_TEXT_SIZE];
    va_list ap;

    if (err == NULL)
        return false;
    va_start(ap, fmt);
    vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    join(err, context, err->text);
    return false;
}

bool err_errno(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    if (err == NULL)
        return false;
    va_start(ap, fmt);
    set(err, kind, "", fmt, ap);
    va_end(ap);
    join(err, err->text, strerrordesc_np(saved) != NULL ? strerrordesc_np(saved) : "unknown error");
    errno = saved;
    return false;
}

const char *err_kind_name(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
        return "none";
    case ERR_INVALID:
        return "invalid";
    case ERR_NOT_FOUND:
        return "not found";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_DENIED:
        return "denied";
    case ERR_UNAVAILABLE:
        return "unavailable";
    case ERR_INTERNAL:
        return "internal";
    }
    return "unknown";
}

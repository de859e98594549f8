/* See log.h. */
#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name;
    int priority; /* as in syslog(3) */
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", 7},       [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_WARNING] = {"warning", 4},   [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_CRITICAL] = {"critical", 2},
};

static struct {
    enum log_level level;
    enum log_format format;
    bool journal;
} logger = {.level = LOG_LEVEL_INFO};

void log_init(enum log_level level, enum log_format format)
{
    logger.level = level;
    logger.format = format;
    logger.journal = getenv("JOURNAL_STREAM") != NULL;
}

bool log_enabled(enum log_level level)
{
    return level >= logger.level;
}

bool log_level_parse(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcasecmp(name, levels[i].name) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(const char *name, enum log_format *ret)
{
    if (strcasecmp(name, "text") == 0)
        *ret = LOG_FORMAT_TEXT;
    else if (strcasecmp(name, "json") == 0)
        *ret = LOG_FORMAT_JSON;
    else
        return false;
    return true;
}

/* Appends to line, which holds LOG_LINE_MAX bytes; returns the new length, at most LOG_LINE_MAX - 1. */
static PRINTF(3, 4) size_t append(char *line, size_t len, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line + len, LOG_LINE_MAX - len, fmt, ap);
    va_end(ap);
    if (n < 0)
        return len;
    return len + (size_t)n < LOG_LINE_MAX ? len + (size_t)n : LOG_LINE_MAX - 1;
}

static size_t append_time(char *line, size_t len)
{
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    return append(line, len, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900, tm.tm_mon + 1,
                  tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
}

static size_t append_json_string(char *line, size_t len, const char *s, size_t n)
{
    len = append(line, len, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c == '"' || c == '\\')
            len = append(line, len, "\\%c", c);
        else if (c < 0x20)
            len = append(line, len, "\\u%04x", c);
        else
            len = append(line, len, "%c", c);
    }
    return append(line, len, "\"");
}

/* Turns `key=value key="quoted value"` into `,"key":"value"`; the quoting is log_quote()'s. */
static size_t append_json_pairs(char *line, size_t len, const char *pairs)
{
    const char *p = pairs;

    while (*p != '\0') {
        char value[LOG_LINE_MAX];
        size_t n = 0;
        size_t key = strcspn(p, "= ");

        if (key > 0) {
            len = append(line, len, ",");
            len = append_json_string(line, len, p, key);
            p += key;
            p += *p == '=';
            if (*p == '"') {
                for (p++; *p != '\0' && *p != '"' && n < sizeof value; p++) {
                    if (*p == '\\' && p[1] != '\0')
                        p++;
                    value[n++] = *p;
                }
                p += *p == '"';
            } else {
                for (; *p != '\0' && *p != ' ' && n < sizeof value; p++)
                    value[n++] = *p;
            }
            len = append(line, len, ":");
            len = append_json_string(line, len, value, n);
        }
        p += strspn(p, " =");
    }
    return len;
}

void log_write(enum log_level level, const char *event, const char *fmt, ...)
{
    char pairs[LOG_LINE_MAX];
    char line[LOG_LINE_MAX + 1];
    size_t len = 0;
    int saved = errno;
    ssize_t ignored UNUSED;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(pairs, sizeof pairs, fmt, ap);
    va_end(ap);
    if (logger.journal)
        len = append(line, len, "<%d>", levels[level].priority);
    if (logger.format == LOG_FORMAT_JSON) {
        len = append(line, len, "{\"time\":\"");
        len = append_time(line, len);
        len = append(line, len, "\",\"level\":\"%s\",\"event\":\"%s\"", levels[level].name, event);
        len = append_json_pairs(line, len, pairs);
        /* A line that was cut still has to be JSON: give up the pairs rather than the form. */
        if (len >= LOG_LINE_MAX - 2)
            len = append(line, 0, "{\"level\":\"%s\",\"event\":\"%s\",\"cut\":\"true\"", levels[level].name,
                         event);
        len = append(line, len, "}");
    } else {
        if (!logger.journal) {
            len = append_time(line, len);
            len = append(line, len, " %s ", levels[level].name);
        }
        len = append(line, len, "%s %s", event, pairs);
    }
    line[len++] = '\n';
    ignored = write(STDERR_FILENO, line, len);
    errno = saved;
}

static bool is_plain(const char *s)
{
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;

        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7F)
            return false;
    }
    return true;
}

const char *log_quote(const char *s, char *out, size_t size)
{
    size_t n = 0;

    if (s == NULL)
        s = "-";
    if (is_plain(s) && strlen(s) < size) {
        memcpy(out, s, strlen(s) + 1);
        return out;
    }
    out[n++] = '"';
    for (; *s != '\0' && n + 6 < size; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\') {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else if (c < ' ' || c == 0x7F) {
            n += (size_t)snprintf(out + n, size - n, "?");
        } else {
            out[n++] = (char)c;
        }
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

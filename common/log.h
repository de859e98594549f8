/*
 * One line per event on standard error: an event's name, then key=value pairs. Under journald
 * ($JOURNAL_STREAM) a line starts with its priority, `<6>`; elsewhere with the time in UTC and the level:
 *
 *     2026-11-24T10:30:42.123Z info run.started job=nightly fire=2026-11-24T10:30:42Z tasks=2
 *
 * A value that came from outside goes through LOGQ(), which quotes it where it has to be. Secrets and
 * override environments never get here. A line is written by one write(2), so threads do not mix; lines are
 * cut at LOG_LINE_MAX bytes.
 */
#pragma once

#include "attr.h"

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVEL_CRITICAL };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum { LOG_LINE_MAX = 4096, LOGQ_MAX = 512 };

/* Call before threads start. The default is INFO, TEXT. */
void log_init(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
bool log_level_parse(const char *name, enum log_level *ret); /* debug info warning error critical; any case */
bool log_format_parse(const char *name, enum log_format *ret); /* text json; any case */

/* The event is a fixed dotted name; the rest is `key=value key=value`, checked as printf. */
void log_write(enum log_level level, const char *event, const char *fmt, ...) PRINTF(3, 4);

#define log_debug(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warning(event, ...) LOG_AT(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_error(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_critical(event, ...) LOG_AT(LOG_LEVEL_CRITICAL, event, __VA_ARGS__)
#define LOG_AT(level, event, ...)                                                                            \
    do {                                                                                                     \
        if (log_enabled(level))                                                                              \
            log_write(level, event, __VA_ARGS__);                                                            \
    } while (0)

/* Quotes s for a value: as it is if it is plain, else in "..." with \ escapes; NULL is "-". Cut at LOGQ_MAX.
 * LOGQ() gives the quoted text, good until the end of the enclosing block. */
const char *log_quote(const char *s, char *out, size_t size);
#define LOGQ(s) log_quote((s), (char[LOGQ_MAX]){0}, LOGQ_MAX)

/*
 * One line per event: an event's name, then key=value pairs. Where it goes depends on what standard error is:
 *
 *     the journal ($JOURNAL_STREAM)    by its own protocol, with a field for each pair:
 * ECSS_EVENT=run.started, ECSS_JOB=nightly (`journalctl ECSS_JOB=nightly`) anything else, LOG_FORMAT_TEXT
 * 2026-11-24T10:30:42.123Z info run.started job=nightly tasks=2 anything else, LOG_FORMAT_JSON
 * {"time":"2026-11-24T10:30:42.123Z","level":"info","event":"run.started",...}
 *
 * A value that came from outside goes through LOGQ(), which quotes it where it has to be. Secrets and
 * override environments never get here. A line is written by one write(2), so threads do not mix; lines are
 * cut at LOG_LINE_MAX bytes. No key is one of time, level, event and cut, which are JSON's and the journal's.
 */
#pragma once

#include "attr.h"

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVEL_CRITICAL };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum { LOG_LINE_MAX = 4096, LOGQ_MAX = 512 };

/* Call before threads start. The default is INFO, TEXT, to standard error. */
void log_init(enum log_level level, enum log_format format);
/* More or less from now on, in any thread: by so many levels, -1 shows one more. Returns the new level, which
 * is logged whatever it is. */
enum log_level log_shift_level(int by);
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

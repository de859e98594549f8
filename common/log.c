/* See log.h; what a line looks like is in log_form.c. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "buf.h"
#include "clock.h"
#include "log_form.h"

enum {
    PAIRS_SIZE = LOG_LINE_MAX - 128, /* with time, level and the event's name it is a line */
    /* Each byte of the line, each of the pairs' again as a field of its own, and the fields' names. */
    FIELDS_SIZE = 2 * LOG_LINE_MAX + LOG_FIELDS_MAX * LOG_FIELD_NAME_MAX,
};

static const char journal_socket[] = "/run/systemd/journal/socket";

static const struct {
    const char *name;
    int priority; /* as in syslog(3) */
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", 7},       [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_WARNING] = {"warning", 4},   [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_CRITICAL] = {"critical", 2},
};

static struct {
    atomic_int level;
    enum log_format format;
    enum {
        SINK_STDERR,
        SINK_STDERR_PRIORITY, /* the journal's end of a pipe: it wants `<6>` in front, and adds the time */
        SINK_JOURNAL,
    } sink;
} logger = {.level = LOG_LEVEL_INFO};

/* Whether standard error is what $JOURNAL_STREAM, "DEVICE:INODE", names. It may be for a parent of ours that
 * has sent our output elsewhere. */
static bool stderr_is_journal(void)
{
    const char *named = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat at;
    char *end;

    if (named == NULL || fstat(STDERR_FILENO, &at) != 0)
        return false;
    device = strtoull(named, &end, 10);
    if (*end != ':')
        return false;
    inode = strtoull(end + 1, &end, 10);
    return *end == '\0' && device == at.st_dev && inode == at.st_ino;
}

void log_init(enum log_level level, enum log_format format)
{
    atomic_store(&logger.level, level);
    logger.format = format;
    /* Without its socket, in a chroot say, libsystemd would drop what it is given without a word. */
    logger.sink = !stderr_is_journal()                ? SINK_STDERR
                  : access(journal_socket, W_OK) == 0 ? SINK_JOURNAL
                                                      : SINK_STDERR_PRIORITY;
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&logger.level, memory_order_relaxed);
}

/* From one thread, the one that gets the signals. */
enum log_level log_shift_level(int by)
{
    int level = atomic_load(&logger.level) + by;

    level = level < LOG_LEVEL_DEBUG      ? LOG_LEVEL_DEBUG
            : level > LOG_LEVEL_CRITICAL ? LOG_LEVEL_CRITICAL
                                         : level;
    atomic_store(&logger.level, level);
    log_write(LOG_LEVEL_INFO, "log.level", "now=%s", levels[level].name);
    return (enum log_level)level;
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

/* ---- Writing ---- */

static bool to_journal(const struct log_event *event)
{
    AUTO_BUF struct buf buf = {0};
    struct iovec fields[LOG_FIELDS_MAX];
    size_t ends[LOG_FIELDS_MAX], count, start = 0;

    buf_init(&buf, FIELDS_SIZE);
    count = log_form_journal(&buf, event, ends);
    for (size_t i = 0; i < count; i++) {
        fields[i] = (struct iovec){.iov_base = buf.data + start, .iov_len = ends[i] - start};
        start = ends[i];
    }
    return sd_journal_sendv(fields, (int)count) == 0;
}

static void to_stderr(const struct log_event *event)
{
    AUTO_BUF struct buf line = {0};
    ssize_t ignored UNUSED;

    buf_init(&line, LOG_LINE_MAX);
    if (logger.sink != SINK_STDERR)
        buf_printf(&line, "<%d>", event->priority);
    if (logger.format == LOG_FORMAT_JSON) {
        log_form_json(&line, event);
    } else {
        if (logger.sink == SINK_STDERR)
            log_form_stamp(&line, event);
        log_form_text(&line, event);
    }
    line.data[line.len] = '\n'; /* over the NUL */
    ignored = write(STDERR_FILENO, line.data, line.len + 1);
}

void log_write(enum log_level level, const char *event, const char *fmt, ...)
{
    char pairs[PAIRS_SIZE];
    struct log_event line = {
        .level = levels[level].name,
        .priority = levels[level].priority,
        .name = event,
        .pairs = pairs,
    };
    int saved = errno;
    va_list ap;

    va_start(ap, fmt);
    line.cut = vsnprintf(pairs, sizeof pairs, fmt, ap) >= (int)sizeof pairs;
    va_end(ap);
    line.wall_us = clock_wall_us(&clock_system);
    if (logger.sink != SINK_JOURNAL || !to_journal(&line))
        to_stderr(&line);
    errno = saved;
}

/* ---- Quoting ---- */

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

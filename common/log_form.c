/* See log_form.h. */
#include "log_form.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "log.h"

enum { US_PER_S = 1000000, US_PER_MS = 1000, JSON_END_SIZE = sizeof ",\"cut\":true}" };

struct pair {
    const char *key;
    size_t key_len;
    char value[LOG_LINE_MAX];
    size_t value_len;
};

/* Takes the next pair from *at, without its quoting; false: there is none. */
static bool next_pair(const char **at, struct pair *ret)
{
    const char *p = *at + strspn(*at, " =");
    char end = ' ';

    if (*p == '\0')
        return false;
    ret->key = p;
    ret->key_len = strcspn(p, "= ");
    ret->value_len = 0;
    p += ret->key_len;
    p += *p == '=';
    if (*p == '"')
        end = *p++;
    for (; *p != '\0' && *p != end && ret->value_len < sizeof ret->value; p++) {
        if (end == '"' && *p == '\\' && p[1] != '\0')
            p++;
        ret->value[ret->value_len++] = *p;
    }
    *at = p + (*p == '"');
    return true;
}

void log_form_text(struct buf *buf, const struct log_event *event)
{
    buf_puts(buf, event->name);
    if (event->pairs[0] != '\0')
        buf_printf(buf, " %s", event->pairs);
}

static void put_time(struct buf *buf, int64_t wall_us)
{
    const time_t s = wall_us / US_PER_S;
    struct tm tm;

    gmtime_r(&s, &tm);
    buf_printf(buf, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
               tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_us % US_PER_S / US_PER_MS));
}

void log_form_stamp(struct buf *buf, const struct log_event *event)
{
    put_time(buf, event->wall_us);
    buf_printf(buf, " %s ", event->level);
}

static void put_json_pair(struct buf *buf, const struct pair *pair)
{
    buf_putc(buf, ',');
    json_put_string_len(buf, pair->key, pair->key_len);
    buf_putc(buf, ':');
    json_put_string_len(buf, pair->value, pair->value_len);
}

/* A line that is cut is still to be JSON, so a pair that does not fit is left out as a whole. */
void log_form_json(struct buf *buf, const struct log_event *event)
{
    AUTO_BUF struct buf part = {0};
    const char *at = event->pairs;
    struct pair pair;
    bool cut = event->cut;

    buf_puts(buf, "{\"time\":\"");
    put_time(buf, event->wall_us);
    buf_printf(buf, "\",\"level\":\"%s\",\"event\":\"%s\"", event->level, event->name);
    buf_init(&part, buf->max);
    while (next_pair(&at, &pair)) {
        buf_clear(&part);
        put_json_pair(&part, &pair);
        if (!buf_full(&part) && buf->len + part.len + JSON_END_SIZE <= buf->max)
            buf_put(buf, part.data, part.len);
        else
            cut = true;
    }
    buf_puts(buf, cut ? ",\"cut\":true}" : "}");
}

/* The journal takes A-Z, 0-9 and _ in a field's name. */
static void put_field_name(struct buf *buf, const struct pair *pair)
{
    static const char prefix[] = "ECSS_";
    size_t max = LOG_FIELD_NAME_MAX - (sizeof prefix - 1);

    buf_puts(buf, prefix);
    for (size_t i = 0; i < pair->key_len && i < max; i++) {
        unsigned char c = (unsigned char)pair->key[i];

        buf_putc(buf, isalnum(c) && c < 0x80 ? (char)toupper(c) : '_');
    }
    buf_putc(buf, '=');
}

size_t log_form_journal(struct buf *buf, const struct log_event *event, size_t ends[static LOG_FIELDS_MAX])
{
    const char *at = event->pairs;
    struct pair pair;
    size_t count = 0;

    buf_puts(buf, "MESSAGE=");
    log_form_text(buf, event);
    ends[count++] = buf->len;
    buf_printf(buf, "PRIORITY=%d", event->priority);
    ends[count++] = buf->len;
    buf_printf(buf, "ECSS_EVENT=%s", event->name);
    ends[count++] = buf->len;
    while (count < LOG_FIELDS_MAX && next_pair(&at, &pair)) {
        put_field_name(buf, &pair);
        buf_put(buf, pair.value, pair.value_len);
        ends[count++] = buf->len;
    }
    return count;
}

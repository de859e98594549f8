/* See preview.h. */
#include "preview.h"

#include <string.h>

#include <json-c/json.h>

#include "guess.h"
#include "job.h"
#include "job_json.h"
#include "job_value.h"
#include "json.h"
#include "mem.h"
#include "schedule_text.h"
#include "zone.h"

static const enum job_field fields[] = {JOB_SCHEDULE, JOB_TIMEZONE, JOB_SCHEDULE_START, JOB_SCHEDULE_END};

void preview_done(struct preview *preview)
{
    job_draft_done(&preview->draft);
}

static bool check_count(int64_t count, const struct job_at *at)
{
    return (count >= 1 && count <= FIRE_TIMES_MAX) ||
           job_complain(at, "Must be between 1 and %d.", FIRE_TIMES_MAX);
}

static bool read_after(const char *text, struct preview *preview, const struct job_at *at)
{
    struct err err;

    if (strlen(text) > JOB_TIMESTAMP_MAX)
        return job_complain(at, "Longer than maximum length %d.", JOB_TIMESTAMP_MAX);
    preview->has_after = timestamp_parse(text, &preview->after, &err);
    return preview->has_after || job_complain(at, "%s", err.text);
}

static void warn_of_stranger(const struct job_at *at)
{
    const char *names[ARRAY_LEN(fields) + 2] = {"after", "count"};
    const char *meant;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        names[i + 2] = job_field_name(fields[i]);
    meant = guess(at->key, names, ARRAY_LEN(names));
    if (meant != NULL)
        job_warn(at, "is not a field of a preview and was ignored; did you mean %s?", meant);
    else
        job_warn(at, "is not a field of a preview and was ignored");
}

static bool read_field(enum job_field field, const struct json_object *value, struct preview *preview,
                       const struct job_at *at)
{
    char *text = NULL;
    bool good = job_json_read_field(field, value, NULL, &text, at);

    job_draft_give(&preview->draft, field, text); /* a bad one was there, too, so it is not missing */
    return good;
}

static bool read_member(const char *key, struct json_object *value, struct preview *preview,
                        struct job_report *report)
{
    const struct job_at at = {report, NULL, key};

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strcmp(key, job_field_name(fields[i])) == 0)
            return read_field(fields[i], value, preview, &at);
    if (strcmp(key, "count") == 0)
        return job_value_integer(value, &preview->count, &at) && check_count(preview->count, &at);
    if (strcmp(key, "after") == 0) {
        AUTO_FREE char *text = NULL;

        return job_json_read_field(JOB_SCHEDULE_START, value, NULL, &text, &at) &&
               read_after(text, preview, &at);
    }
    warn_of_stranger(&at);
    return true;
}

bool preview_read(const struct json_object *value, struct preview *ret, struct job_report *report)
{
    const struct job_at self = {report, NULL, "_schema"}, schedule = {report, NULL, "schedule"};
    struct preview preview = {.count = FIRE_TIMES_DEFAULT};
    bool good = true;

    if (!json_object_is_type(value, json_type_object))
        return job_complain(&self, "Invalid input type.");
    json_object_object_foreach(value, key, member) good &= read_member(key, member, &preview, report);
    if (!job_draft_has(&preview.draft, JOB_SCHEDULE))
        good = job_complain(&schedule, "Missing data for required field.");
    *ret = preview;
    return good;
}

bool preview_read_query(const char *count, const char *after, struct preview *ret, struct job_report *report)
{
    const struct job_at at_count = {report, NULL, "count"}, at_after = {report, NULL, "after"};
    struct preview preview = {.count = FIRE_TIMES_DEFAULT};
    bool good = true;

    if (count != NULL && !job_value_integer_text(count, &preview.count))
        good = job_complain(&at_count, "Not a valid integer.");
    else
        good = check_count(preview.count, &at_count);
    if (after != NULL)
        good &= read_after(after, &preview, &at_after);
    *ret = preview;
    return good;
}

static void put_fire_times(struct buf *buf, const struct job_timing *timing, int64_t from_s, int64_t count)
{
    const struct tz *tz = zone_tz(timing->zone);
    int64_t t;

    for (int64_t n = 0; n < count && job_timing_next(timing, from_s, &t); n++) {
        buf_puts(buf, n > 0 ? ",\"" : "\"");
        timestamp_put_instant(buf, t, tz);
        buf_putc(buf, '"');
        from_s = t + 1;
    }
}

static void put_description(struct buf *buf, const struct cron *cron)
{
    AUTO_BUF struct buf text = {0};

    buf_init(&text, SCHEDULE_TEXT_MAX);
    schedule_text_put(&text, cron);
    buf_puts(buf, ",\"description\":");
    json_put_string(buf, text.data);
}

void preview_put(struct buf *buf, const struct preview *preview, const char *schedule,
                 const struct job_timing *timing, int64_t now_s, const struct job_report *report)
{
    int64_t from_s = preview->has_after ? timestamp_start_s(&preview->after, zone_tz(timing->zone)) : now_s;

    buf_puts(buf, "{\"schedule\":");
    json_put_string(buf, schedule);
    buf_puts(buf, ",\"timezone\":");
    json_put_string(buf, zone_name(timing->zone));
    put_description(buf, &timing->cron);
    buf_puts(buf, ",\"fireTimes\":[");
    put_fire_times(buf, timing, from_s, preview->count);
    buf_putc(buf, ']');
    if (report->warnings != NULL) {
        buf_putc(buf, ',');
        job_report_put_warnings(buf, report);
    }
    buf_putc(buf, '}');
}

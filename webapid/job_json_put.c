/* Writing. See job_json.h. */
#include "job_json.h"

#include <string.h>

#include "job.h"
#include "json.h"
#include "timestamp.h"
#include "tz.h"
#include "zone.h"

static void put_key(struct buf *buf, const char *key)
{
    buf_puts(buf, ",\"");
    buf_puts(buf, key);
    buf_puts(buf, "\":");
}

static void put_string(struct buf *buf, const char *key, const char *text)
{
    if (text == NULL)
        return;
    put_key(buf, key);
    json_put_string(buf, text);
}

/* What PostgreSQL wrote is JSON already. */
static void put_raw(struct buf *buf, const char *key, const char *text)
{
    if (text == NULL)
        return;
    put_key(buf, key);
    buf_puts(buf, text);
}

/* As it is, if somebody has written something else into the row. */
static void put_bound(struct buf *buf, enum job_field field, const char *text, const struct tz *tz,
                      enum timestamp_side side)
{
    struct timestamp time;

    if (text == NULL || !timestamp_parse(text, &time, NULL)) {
        put_string(buf, job_field_name(field), text);
        return;
    }
    put_key(buf, job_field_name(field));
    buf_putc(buf, '"');
    timestamp_put(buf, &time, tz, side);
    buf_putc(buf, '"');
}

static void put_instant(struct buf *buf, const char *key, bool there, int64_t t, const struct tz *tz)
{
    if (!there)
        return;
    put_key(buf, key);
    buf_putc(buf, '"');
    timestamp_put_instant(buf, t, tz);
    buf_putc(buf, '"');
}

/* An id may have been put in by hand, but the database holds it to [0-9A-Za-z_-], too. */
static void put_link(struct buf *buf, const char *id)
{
    buf_puts(buf, ",\"link\":{\"rel\":\"item\",\"title\":\"Job for ");
    buf_puts(buf, id);
    buf_puts(buf, "\",\"href\":\"/jobs/");
    buf_puts(buf, id);
    buf_puts(buf, "\"}");
}

static const struct tz *zone_of(const struct job_row *row, struct zones *zones)
{
    const struct zone *zone;

    if (!zones_find(zones, row->text[JOB_TIMEZONE], &zone, NULL))
        return tz_utc(); /* problem says that the zone is gone */
    return zone_tz(zone);
}

void job_json_put(struct buf *buf, const struct job_row *row, struct zones *zones)
{
    const struct tz *tz = zone_of(row, zones);
    const char *const *text = row->text;

    buf_puts(buf, "{\"id\":");
    json_put_string(buf, text[JOB_ID]);
    put_string(buf, "taskDefinition", text[JOB_TASK_DEFINITION]);
    put_string(buf, "schedule", text[JOB_SCHEDULE]);
    put_bound(buf, JOB_SCHEDULE_START, text[JOB_SCHEDULE_START], tz, TIMESTAMP_START);
    put_bound(buf, JOB_SCHEDULE_END, text[JOB_SCHEDULE_END], tz, TIMESTAMP_END);
    put_string(buf, "timezone", text[JOB_TIMEZONE]);
    put_raw(buf, "taskCount", text[JOB_TASK_COUNT]);
    put_raw(buf, "maxCount", text[JOB_MAX_COUNT]);
    put_raw(buf, "misfireGraceSeconds", text[JOB_MISFIRE_GRACE]);
    if (text[JOB_SUSPENDED] != NULL)
        put_raw(buf, "suspended", text[JOB_SUSPENDED][0] == 't' ? "true" : "false");
    put_raw(buf, "trigger", text[JOB_TRIGGER]);
    put_raw(buf, "overrides", text[JOB_OVERRIDES]);
    put_raw(buf, "ecs", text[JOB_ECS]);
    put_instant(buf, "lastRun", row->has_last_run, row->last_run_s, tz);
    put_raw(buf, "lastRunTasks", row->last_run_tasks);
    put_instant(buf, "estimatedNextRun", row->has_next_run, row->next_run_s, tz);
    put_string(buf, "problem", row->problem);
    put_string(buf, "updatedBy", row->updated_by);
    put_link(buf, text[JOB_ID]);
    buf_putc(buf, '}');
}

/* Texts as they were stored: what is read from this is the same job again. */
static void put_stored(struct buf *buf, enum job_field field, const char *text)
{
    switch (field) {
    case JOB_ID:
    case JOB_TASK_DEFINITION:
    case JOB_SCHEDULE:
    case JOB_SCHEDULE_START:
    case JOB_SCHEDULE_END:
    case JOB_TIMEZONE:
        put_string(buf, job_field_name(field), text);
        break;
    case JOB_SUSPENDED:
        put_raw(buf, job_field_name(field), text == NULL ? NULL : text[0] == 't' ? "true" : "false");
        break;
    case JOB_TASK_COUNT:
    case JOB_MAX_COUNT:
    case JOB_TRIGGER:
    case JOB_OVERRIDES:
    case JOB_MISFIRE_GRACE:
    case JOB_ECS:
        put_raw(buf, job_field_name(field), text);
        break;
    case JOB_FIELDS:
        break;
    }
}

void job_json_put_definition(struct buf *buf, const struct job_row *row)
{
    buf_puts(buf, "{\"id\":");
    json_put_string(buf, row->text[JOB_ID]);
    for (size_t i = JOB_ID + 1; i < JOB_FIELDS; i++)
        put_stored(buf, (enum job_field)i, row->text[i]);
    buf_putc(buf, '}');
}

void job_json_put_saved(struct buf *buf, const char *id, const struct job_report *report)
{
    buf_puts(buf, "{\"id\":");
    json_put_string(buf, id);
    put_link(buf, id);
    if (report->warnings != NULL) {
        buf_putc(buf, ',');
        job_report_put_warnings(buf, report);
    }
    buf_putc(buf, '}');
}

/* Reading. See job_json.h; writing is job_json_put.c. */
#include "job_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "guess.h"
#include "job_ecs.h"
#include "job_overrides.h"
#include "job_trigger.h"
#include "job_value.h"
#include "json.h"
#include "limits.h"
#include "mem.h"

enum { PART_TEXT_MAX = HTTP_BODY_MAX * 6 }; /* escaped, a body's string can be this much longer */

static const char *const read_only[] = {"lastRun", "lastRunTasks", "estimatedNextRun",
                                        "problem", "updatedBy",    "link"};

struct reading {
    const char *id;          /* lent; of the job to change. NULL: it is a new one */
    const char *override_id; /* lent; what overrides will be tagged with. NULL: not known */
    struct job_draft draft;
};

static bool read_name(const struct json_object *value, size_t max, char **ret, const struct job_at *at)
{
    struct err err;
    const char *name;

    if (!job_value_string(value, &name, at))
        return false;
    if (!job_name_check(name, max, &err))
        return job_complain(at, "%s", err.text);
    *ret = mem_strdup(name);
    return true;
}

/* A text that job_times.h looks into. */
static bool read_text(const struct json_object *value, size_t max, char **ret, const struct job_at *at)
{
    const char *text;

    if (!job_value_string(value, &text, at))
        return false;
    if (strlen(text) > max)
        return job_complain(at, "Longer than maximum length %zu.", max);
    *ret = mem_strdup(text);
    return true;
}

static bool read_time(const struct json_object *value, char **ret, const struct job_at *at)
{
    if (value != NULL && !json_object_is_type(value, json_type_string))
        return job_complain(at, "Not a valid datetime.");
    return read_text(value, JOB_TIMESTAMP_MAX, ret, at);
}

static bool read_number(const struct json_object *value, bool (*check)(int64_t number, struct err *err),
                        char **ret, const struct job_at *at)
{
    struct err err;
    int64_t number;

    if (!job_value_integer(value, &number, at))
        return false;
    if (!check(number, &err))
        return job_complain(at, "%s", err.text);
    *ret = mem_printf("%" PRId64, number);
    return true;
}

static bool read_suspended(const struct json_object *value, char **ret, const struct job_at *at)
{
    bool flag;

    if (!job_value_boolean(value, &flag, at))
        return false;
    *ret = mem_strdup(flag ? "t" : "f");
    return true;
}

static bool read_trigger(const struct json_object *value, char **ret, const struct job_at *at)
{
    AUTO_BUF struct buf text = {0};
    struct job_trigger trigger;

    if (!job_trigger_from_json(value, &trigger, at))
        return false;
    buf_init(&text, PART_TEXT_MAX);
    job_trigger_put(&text, &trigger);
    *ret = buf_steal(&text);
    return true;
}

static bool read_overrides(const struct json_object *value, const char *job_id, char **ret,
                           const struct job_at *at)
{
    AUTO_JOB_OVERRIDES struct job_overrides overrides = {0};
    AUTO_BUF struct buf text = {0};

    if (!job_overrides_from_json(value, job_id, &overrides, at))
        return false;
    buf_init(&text, PART_TEXT_MAX);
    job_overrides_put(&text, &overrides);
    *ret = buf_steal(&text);
    return true;
}

static bool read_ecs(const struct json_object *value, char **ret, const struct job_at *at)
{
    AUTO_JSON struct json_object *ecs = NULL;
    AUTO_BUF struct buf text = {0};

    if (!job_ecs_from_json(value, &ecs, at))
        return false;
    buf_init(&text, PART_TEXT_MAX);
    json_put_value(&text, ecs);
    *ret = buf_steal(&text);
    return true;
}

bool job_json_read_field(enum job_field field, const struct json_object *value, const char *job_id,
                         char **ret, const struct job_at *at)
{
    switch (field) {
    case JOB_ID:
        return read_name(value, JOB_ID_MAX, ret, at);
    case JOB_TASK_DEFINITION:
        return read_name(value, JOB_TASK_DEFINITION_MAX, ret, at);
    case JOB_SCHEDULE:
        return read_text(value, JOB_SCHEDULE_MAX, ret, at);
    case JOB_SCHEDULE_START:
    case JOB_SCHEDULE_END:
        return read_time(value, ret, at);
    case JOB_TIMEZONE:
        return read_text(value, JOB_TIMEZONE_MAX, ret, at);
    case JOB_TASK_COUNT:
    case JOB_MAX_COUNT:
        return read_number(value, job_count_check, ret, at);
    case JOB_MISFIRE_GRACE:
        return read_number(value, job_grace_check, ret, at);
    case JOB_SUSPENDED:
        return read_suspended(value, ret, at);
    case JOB_TRIGGER:
        return read_trigger(value, ret, at);
    case JOB_OVERRIDES:
        return read_overrides(value, job_id, ret, at);
    case JOB_ECS:
        return read_ecs(value, ret, at);
    case JOB_FIELDS:
        break;
    }
    return false;
}

/* What a change's null leaves behind. */
static bool clear_field(enum job_field field, char **ret)
{
    if (field == JOB_ID || field == JOB_TASK_DEFINITION || field == JOB_SCHEDULE)
        return false;
    *ret = field == JOB_TASK_COUNT ? mem_strdup("1") : NULL;
    return true;
}

static bool find_field(const char *key, enum job_field *ret)
{
    for (size_t i = 0; i < JOB_FIELDS; i++) {
        if (strcmp(key, job_field_name((enum job_field)i)) == 0) {
            *ret = (enum job_field)i;
            return true;
        }
    }
    return false;
}

static void warn_of_stranger(const char *key, const struct job_at *at)
{
    const char *names[JOB_FIELDS];
    const char *meant;

    for (size_t i = 0; i < ARRAY_LEN(read_only); i++) {
        if (strcmp(key, read_only[i]) == 0) {
            job_warn(at, "is set by the scheduler and was ignored");
            return;
        }
    }
    for (size_t i = 0; i < JOB_FIELDS; i++)
        names[i] = job_field_name((enum job_field)i);
    meant = guess(key, names, JOB_FIELDS);
    if (meant != NULL)
        job_warn(at, "is not a field of a job and was ignored; did you mean %s?", meant);
    else
        job_warn(at, "is not a field of a job and was ignored");
}

/* The id stands in the path. */
static void warn_of_id(const char *id, const struct json_object *value, const struct job_at *at)
{
    union {
        const struct json_object *lent;
        struct json_object *cast;
    } v = {.lent = value};

    if (!json_object_is_type(value, json_type_string) || strcmp(json_object_get_string(v.cast), id) != 0)
        job_warn(at, "cannot be changed and was ignored");
}

static bool read_member(struct reading *reading, const char *key, const struct json_object *value,
                        struct job_report *report)
{
    const struct job_at at = {report, NULL, key};
    enum job_field field;
    char *text = NULL;

    if (!find_field(key, &field)) {
        warn_of_stranger(key, &at);
        return true;
    }
    if (field == JOB_ID && reading->id != NULL) {
        warn_of_id(reading->id, value, &at);
        return true;
    }
    if (!(value == NULL && reading->id != NULL && clear_field(field, &text)) &&
        !job_json_read_field(field, value, reading->override_id, &text, &at)) {
        reading->draft.given |= 1U << field; /* it was there, so it is not missing */
        return false;
    }
    job_draft_give(&reading->draft, field, text);
    return true;
}

static bool read_members(struct reading *reading, const struct json_object *value, struct job_report *report)
{
    bool good = true;

    if (!json_object_is_type(value, json_type_object))
        return job_complain(&(struct job_at){report, NULL, "_schema"}, "Invalid input type.");
    json_object_object_foreach(value, key, member) good &= read_member(reading, key, member, report);
    return good;
}

static bool require(const struct job_draft *draft, enum job_field field, struct job_report *report)
{
    const struct job_at at = {report, NULL, job_field_name(field)};

    return job_draft_has(draft, field) || job_complain(&at, "Missing data for required field.");
}

/* The id that a new job is going to have, if it is a good one. */
static const char *coming_id(const struct json_object *value)
{
    struct json_object *name = NULL;
    const char *text;

    if (!json_object_object_get_ex(value, "id", &name))
        json_object_object_get_ex(value, "taskDefinition", &name);
    if (!json_object_is_type(name, json_type_string))
        return NULL;
    text = json_object_get_string(name);
    return job_name_valid(text, JOB_ID_MAX) ? text : NULL;
}

/* A missing taskDefinition is the id, a missing id the taskDefinition. */
static void complete(struct job_draft *draft)
{
    if (draft->text[JOB_TASK_DEFINITION] == NULL)
        job_draft_give(draft, JOB_TASK_DEFINITION, mem_strdup(draft->text[JOB_ID]));
    if (draft->text[JOB_ID] == NULL)
        job_draft_give(draft, JOB_ID, mem_strdup(draft->text[JOB_TASK_DEFINITION]));
    if (draft->text[JOB_TASK_COUNT] == NULL)
        job_draft_give(draft, JOB_TASK_COUNT, mem_strdup("1"));
}

/* Where such a job would be, there is something else. */
static bool check_not_reserved(const char *id, struct job_report *report)
{
    const struct job_at at = {report, NULL, job_field_name(JOB_ID)};

    return !job_id_reserved(id) ||
           job_complain(&at, "%s is reserved: it is the name of a resource beside the jobs.", id);
}

void job_json_warn_of_counts(int64_t task_count, int64_t max_count, struct job_report *report)
{
    const struct job_at at = {report, NULL, job_field_name(JOB_MAX_COUNT)};

    if (max_count > 0 && max_count < task_count)
        job_warn(&at, "is below taskCount, so that no more than %" PRId64 " tasks shall run", max_count);
}

/* What a checked count is. */
static int64_t number_of(const char *text)
{
    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

/* What the row, or the change of it, has; a row that was edited by hand and makes no sense is no reason to
 * refuse a change. */
static const char *text_of(const struct job_draft *draft, const struct job_row *row, enum job_field field)
{
    if (job_draft_has(draft, field) || row == NULL)
        return draft->text[field];
    return row->text[field];
}

bool job_json_check_lengths(const struct job_draft *draft, const struct job_row *row,
                            struct job_report *report)
{
    const struct job_at at = {report, NULL,
                              job_field_name(job_draft_has(draft, JOB_OVERRIDES) ? JOB_OVERRIDES : JOB_ECS)};
    AUTO_JOB_OVERRIDES struct job_overrides overrides = {0};
    AUTO_JSON struct json_object *ecs = NULL;
    const char *id = row != NULL ? row->text[JOB_ID] : job_draft_id(draft);

    if (!job_draft_overrides(draft))
        return true;
    if (!job_overrides_parse(text_of(draft, row, JOB_OVERRIDES), &overrides, NULL) ||
        !job_ecs_parse(text_of(draft, row, JOB_ECS), &ecs, NULL))
        return true;
    return job_overrides_fit(&overrides, ecs, id == NULL ? "" : id, &at);
}

/* Where the path has the id. */
static bool give_id(struct reading *reading, struct job_report *report)
{
    const struct job_at at = {report, NULL, job_field_name(JOB_ID)};
    struct err err;

    if (!job_name_check(reading->id, JOB_ID_MAX, &err))
        return job_complain(&at, "%s", err.text);
    job_draft_give(&reading->draft, JOB_ID, mem_strdup(reading->id));
    return true;
}

bool job_json_read_new(const struct json_object *value, const char *id, struct job_draft *ret,
                       struct job_report *report)
{
    struct reading reading = {.id = id, .override_id = id != NULL ? id : coming_id(value)};
    bool good = read_members(&reading, value, report);

    if (id != NULL)
        good &= give_id(&reading, report);

    if (json_object_is_type(value, json_type_object)) {
        good &= require(&reading.draft, JOB_SCHEDULE, report);
        if (id == NULL && !job_draft_has(&reading.draft, JOB_ID))
            good &= require(&reading.draft, JOB_TASK_DEFINITION, report);
    }
    if (good)
        good = job_json_check_lengths(&reading.draft, NULL, report);
    if (good) {
        complete(&reading.draft);
        good = check_not_reserved(reading.draft.text[JOB_ID], report);
    }
    if (good) {
        job_json_warn_of_counts(number_of(reading.draft.text[JOB_TASK_COUNT]),
                                number_of(reading.draft.text[JOB_MAX_COUNT]), report);
    }
    *ret =
        reading.draft; /* also what is good of a bad one, for job_times.h to find the rest of the mistakes */
    return good;
}

bool job_json_read_change(const struct json_object *value, const char *id, struct job_draft *ret,
                          struct job_report *report)
{
    struct reading reading = {.id = id, .override_id = id};
    bool good = read_members(&reading, value, report);

    *ret = reading.draft;
    return good;
}

/* See job_overrides.h. */
#include "job_overrides.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "job.h"
#include "job_ecs.h"
#include "job_ecs_rule.h"
#include "job_ecs_shape.h"
#include "job_placeholder.h"
#include "job_value.h"
#include "json.h"
#include "limits.h"
#include "mem.h"

enum { TEXT_MAX = 16 * 1024 * 1024 }; /* more than a request's body can make of itself */

static void override_done(struct job_override *override)
{
    for (size_t i = 0; i < override->env_count; i++) {
        free(override->env[i].name);
        free(override->env[i].value);
    }
    free(override->env);
    for (size_t i = 0; i < override->command_count; i++)
        free(override->command[i]);
    free(override->command);
    buf_done(&override->others);
    free(override->container_name);
}

void job_overrides_done(struct job_overrides *overrides)
{
    for (size_t i = 0; i < overrides->count; i++)
        override_done(&overrides->items[i]);
    free(overrides->items);
    *overrides = (struct job_overrides){0};
}

static bool read_variable(const char *name, const struct json_object *value, struct job_env *ret,
                          const struct job_at *at)
{
    const char *text;

    if (name[0] == '\0' || strlen(name) > JOB_ENV_NAME_MAX || strchr(name, '=') != NULL)
        return job_complain(at, "The name of an environment variable is 1 to %d bytes without \"=\".",
                            JOB_ENV_NAME_MAX);
    if (!job_value_string(value, &text, at))
        return false;
    if (strlen(text) > JOB_ENV_VALUE_MAX)
        return job_complain(at, "Longer than maximum length %d.", JOB_ENV_VALUE_MAX);
    if (!job_placeholders_check(text, at))
        return false;
    if (strcmp(name, JOB_OVERRIDE_TAG) == 0)
        job_warn(at, "the scheduler sets this variable to the job's id when it starts a task");
    *ret = (struct job_env){.name = mem_strdup(name), .value = mem_strdup(text)};
    return true;
}

static bool read_environment(const struct json_object *value, struct job_override *ret,
                             const struct job_at *at)
{
    bool good = true;

    if (value == NULL)
        return job_complain(at, "Field may not be null.");
    if (!json_object_is_type(value, json_type_object))
        return job_complain(at, "Not a valid mapping type.");
    if (json_object_object_length(value) > JOB_ENV_MAX)
        return job_complain(at, "Longer than maximum length %d.", JOB_ENV_MAX);
    ret->has_environment = true;
    ret->env = mem_array((size_t)json_object_object_length(value), sizeof *ret->env);
    json_object_object_foreach(value, name, member)
    {
        const struct job_at variable = {at->report, at, name};

        if (read_variable(name, member, &ret->env[ret->env_count], &variable))
            ret->env_count++;
        else
            good = false;
    }
    return good;
}

static bool read_container_name(const struct json_object *value, struct job_override *ret,
                                const struct job_at *at)
{
    const char *name;

    if (!job_value_string(value, &name, at))
        return false;
    if (strlen(name) > JOB_CONTAINER_NAME_MAX)
        return job_complain(at, "Longer than maximum length %d.", JOB_CONTAINER_NAME_MAX);
    if (!job_name_valid(name, JOB_CONTAINER_NAME_MAX))
        return job_complain(at, "container names must contain only alphanumeric, underscore, and hyphen");
    ret->container_name = mem_strdup(name);
    return true;
}

static bool read_item(const struct json_object *value, char **ret, const struct job_at *at)
{
    const char *text;

    if (!job_value_string(value, &text, at))
        return false;
    if (job_shape_characters(text) > JOB_OVERRIDES_TEXT_MAX)
        return job_complain(at, "Longer than maximum length %d.", JOB_OVERRIDES_TEXT_MAX);
    if (!job_placeholders_check(text, at))
        return false;
    *ret = mem_strdup(text);
    return true;
}

static bool read_command(const struct json_object *value, struct job_override *ret, const struct job_at *at)
{
    size_t count;

    if (!job_value_list(value, JOB_OVERRIDES_TEXT_MAX, &count, at))
        return false;
    ret->has_command = true;
    ret->command = mem_array(count, sizeof *ret->command);
    for (size_t i = 0; i < count; i++) {
        char key[24];
        const struct job_at item = {at->report, at, key};

        snprintf(key, sizeof key, "%zu", i);
        if (!read_item(json_object_array_get_idx(value, i), &ret->command[ret->command_count], &item))
            return false; /* one is enough: there may be thousands */
        ret->command_count++;
    }
    return true;
}

static const struct job_shape *other_shape(const char *key)
{
    for (size_t i = 0; i < job_ecs_container_member_count; i++)
        if (strcmp(job_ecs_container_members[i].name, key) == 0)
            return job_ecs_container_members[i].shape;
    return NULL;
}

/* What is handed on as it is. */
static bool read_other(const struct json_object *value, struct job_override *ret, const struct job_at *at)
{
    const struct job_shape *shape = other_shape(at->key);

    if (shape == NULL) {
        job_warn(at, "is not a field of an override and was ignored");
        return true;
    }
    if (!job_shape_check(shape, value, at))
        return false;
    buf_putc(&ret->others, ',');
    json_put_string(&ret->others, at->key);
    buf_putc(&ret->others, ':');
    json_put_value(&ret->others, value);
    return true;
}

static bool read_member(const char *key, const struct json_object *value, struct job_override *ret,
                        const struct job_at *at)
{
    static const struct {
        const char *key;
        bool (*read)(const struct json_object *value, struct job_override *ret, const struct job_at *at);
    } readers[] = {
        {"containerName", read_container_name},
        {"environment", read_environment},
        {"command", read_command},
    };
    const struct job_at place = {at->report, at, key};

    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        if (strcmp(readers[i].key, key) == 0)
            return readers[i].read(value, ret, &place);
    return read_other(value, ret, &place);
}

static bool read_override(const struct json_object *value, struct job_override *ret, const struct job_at *at)
{
    const struct job_at self = {at->report, at, "_schema"}, container = {at->report, at, "containerName"};
    bool good = true;

    if (!json_object_is_type(value, json_type_object))
        return job_complain(&self, "Invalid input type.");
    buf_init(&ret->others, TEXT_MAX);
    json_object_object_foreach(value, key, member) good &= read_member(key, member, ret, at);
    if (!json_object_object_get_ex(value, container.key, NULL))
        return job_complain(&container, "Missing data for required field.");
    return good && job_rule_container(value, at);
}

bool job_overrides_fit(const struct job_overrides *overrides, const struct json_object *ecs,
                       const char *job_id, const struct job_at *at)
{
    const struct job_placeholders longest = job_placeholders_longest(job_id);
    AUTO_BUF struct buf text = {0};
    size_t n;

    /* RunTask counts all that it gets, punctuation included. */
    buf_init(&text, TEXT_MAX);
    job_overrides_put_ecs(&text, overrides, ecs, job_id, &longest);
    n = job_shape_characters(text.data);
    if (n > JOB_OVERRIDES_TEXT_MAX || buf_full(&text))
        return job_complain(at,
                            "Too long: %zu characters in the form that ECS counts, which takes at most %d.",
                            n, JOB_OVERRIDES_TEXT_MAX);
    return true;
}

static void warn_of_twins(const struct job_overrides *overrides, const struct job_at *at)
{
    for (size_t i = 1; i < overrides->count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(overrides->items[i].container_name, overrides->items[k].container_name) == 0)
                job_warn(at, "the container \"%s\" is in the list more than once",
                         overrides->items[i].container_name);
}

bool job_overrides_from_json(const struct json_object *value, const char *job_id, struct job_overrides *ret,
                             const struct job_at *at)
{
    AUTO_JOB_OVERRIDES struct job_overrides overrides = {0};
    bool good = true;
    size_t count;

    if (!job_value_list(value, JOB_OVERRIDES_MAX, &count, at))
        return false;
    overrides.items = mem_array(count, sizeof *overrides.items);
    for (size_t i = 0; i < count; i++) {
        char key[24];
        const struct job_at item = {at->report, at, key};

        snprintf(key, sizeof key, "%zu", i);
        overrides.count++;
        good &= read_override(json_object_array_get_idx(value, i), &overrides.items[i], &item);
    }
    if (!good || !job_overrides_fit(&overrides, NULL, job_id == NULL ? "" : job_id, at))
        return false;
    warn_of_twins(&overrides, at);
    *ret = overrides;
    overrides = (struct job_overrides){0};
    return true;
}

bool job_overrides_parse(const char *text, struct job_overrides *ret, struct err *err)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JSON struct json_object *value = NULL;
    const struct job_at at = {&report, NULL, "overrides"};

    if (text != NULL && text[0] != '\0') {
        if (!json_parse(text, strlen(text), &value, err))
            return err_wrap(err, "overrides");
    }
    if (value == NULL) {
        *ret = (struct job_overrides){0};
        return true;
    }
    return job_overrides_from_json(value, NULL, ret, &at) || job_report_to_err(&report, err);
}

static void put_text(struct buf *buf, const char *text, const struct job_placeholders *values)
{
    AUTO_BUF struct buf replaced = {0};

    if (values == NULL) {
        json_put_string(buf, text);
        return;
    }
    buf_init(&replaced, TEXT_MAX);
    job_placeholders_put(&replaced, text, values);
    json_put_string_len(buf, replaced.data, replaced.len);
}

static void put_command(struct buf *buf, const struct job_override *item,
                        const struct job_placeholders *values)
{
    if (!item->has_command)
        return;
    buf_puts(buf, ",\"command\":[");
    for (size_t i = 0; i < item->command_count; i++) {
        if (i > 0)
            buf_putc(buf, ',');
        put_text(buf, item->command[i], values);
    }
    buf_putc(buf, ']');
}

void job_overrides_put(struct buf *buf, const struct job_overrides *overrides)
{
    buf_putc(buf, '[');
    for (size_t i = 0; i < overrides->count; i++) {
        const struct job_override *item = &overrides->items[i];

        buf_puts(buf, i == 0 ? "{\"containerName\":" : ",{\"containerName\":");
        json_put_string(buf, item->container_name);
        if (item->has_environment) {
            buf_puts(buf, ",\"environment\":{");
            for (size_t k = 0; k < item->env_count; k++) {
                if (k > 0)
                    buf_putc(buf, ',');
                json_put_string(buf, item->env[k].name);
                buf_putc(buf, ':');
                json_put_string(buf, item->env[k].value);
            }
            buf_putc(buf, '}');
        }
        put_command(buf, item, NULL);
        buf_put(buf, item->others.data, item->others.len);
        buf_putc(buf, '}');
    }
    buf_putc(buf, ']');
}

static void put_pair(struct buf *buf, const char *name, const char *value,
                     const struct job_placeholders *values)
{
    buf_puts(buf, "{\"name\":");
    json_put_string(buf, name);
    buf_puts(buf, ",\"value\":");
    put_text(buf, value, values);
    buf_putc(buf, '}');
}

static void put_container(struct buf *buf, const struct job_override *item, const char *job_id,
                          const struct job_placeholders *values)
{
    buf_puts(buf, "{\"name\":");
    json_put_string(buf, item->container_name);
    buf_puts(buf, ",\"environment\":[");
    for (size_t i = 0; i < item->env_count; i++) {
        if (strcmp(item->env[i].name, JOB_OVERRIDE_TAG) == 0)
            continue;
        put_pair(buf, item->env[i].name, item->env[i].value, values);
        buf_putc(buf, ',');
    }
    put_pair(buf, JOB_OVERRIDE_TAG, job_id, NULL);
    buf_putc(buf, ']');
    put_command(buf, item, values);
    buf_put(buf, item->others.data, item->others.len);
    buf_putc(buf, '}');
}

static void put_containers(struct buf *buf, const struct job_overrides *overrides, const char *job_id,
                           const struct job_placeholders *values)
{
    buf_puts(buf, "\"containerOverrides\":[");
    for (size_t i = 0; i < overrides->count; i++) {
        if (i > 0)
            buf_putc(buf, ',');
        put_container(buf, &overrides->items[i], job_id, values);
    }
    buf_putc(buf, ']');
}

void job_overrides_put_ecs(struct buf *buf, const struct job_overrides *overrides,
                           const struct json_object *ecs, const char *job_id,
                           const struct job_placeholders *values)
{
    AUTO_BUF struct buf task = {0};

    buf_init(&task, TEXT_MAX);
    job_ecs_put_overrides(&task, ecs);
    if (task.len == 0 && overrides->count == 0)
        return;
    buf_putc(buf, '{');
    buf_put(buf, task.data, task.len);
    if (task.len > 0 && overrides->count > 0)
        buf_putc(buf, ',');
    if (overrides->count > 0)
        put_containers(buf, overrides, job_id, values);
    buf_putc(buf, '}');
}

/* What ECS is asked. See ecs_codec.h. */
#include "ecs_codec.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "job_ecs.h"
#include "job_overrides.h"
#include "json.h"
#include "limits.h"
#include "mem.h"

enum { PLAN_MAX = 1 << 20 }; /* bytes; a job's limits keep it far below */

static void put_member(struct buf *buf, const char *name, const char *value)
{
    buf_puts(buf, buf->data[buf->len - 1] == '{' ? "\"" : ",\"");
    buf_puts(buf, name);
    buf_puts(buf, "\":");
    json_put_string(buf, value);
}

void ecs_put_plan(struct buf *buf, const struct ecs_plan *plan)
{
    static const struct job_overrides none = {0};
    AUTO_FREE char *revised = NULL;
    AUTO_BUF struct buf overrides = {0};
    int revision = job_ecs_revision(plan->ecs);

    if (revision > 0)
        revised = mem_printf("%s:%d", plan->task_definition, revision);
    buf_init(&overrides, PLAN_MAX);
    job_overrides_put_ecs(&overrides, plan->overrides != NULL ? plan->overrides : &none, plan->ecs,
                          plan->job_id, NULL);
    buf_putc(buf, '{');
    put_member(buf, "cluster", job_ecs_cluster(plan->ecs, plan->cluster));
    if (overrides.len > 0) {
        buf_puts(buf, ",\"overrides\":");
        buf_put(buf, overrides.data, overrides.len);
    }
    put_member(buf, "startedBy", plan->started_by);
    put_member(buf, "taskDefinition", revised != NULL ? revised : plan->task_definition);
    job_ecs_put_request(buf, plan->ecs);
    buf_putc(buf, '}');
}

static int compare_names(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

static void put_sorted(struct buf *buf, const struct json_object *value);

static void put_sorted_object(struct buf *buf, const struct json_object *obj)
{
    size_t count = (size_t)json_object_object_length(obj), n = 0;
    AUTO_FREE const char **names = mem_array(count, sizeof *names);

    json_object_object_foreach(obj, name, unused)
    {
        (void)unused;
        names[n++] = name;
    }
    qsort(names, n, sizeof *names, compare_names);
    buf_putc(buf, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_putc(buf, ',');
        json_put_string(buf, names[i]);
        buf_putc(buf, ':');
        put_sorted(buf, json_object_object_get(obj, names[i]));
    }
    buf_putc(buf, '}');
}

/* As json_put_value(), with the members of objects in alphabetical order. */
static void put_sorted(struct buf *buf, const struct json_object *value)
{
    if (json_object_is_type(value, json_type_object)) {
        put_sorted_object(buf, value);
        return;
    }
    if (!json_object_is_type(value, json_type_array)) {
        json_put_value(buf, value);
        return;
    }
    buf_putc(buf, '[');
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        if (i > 0)
            buf_putc(buf, ',');
        put_sorted(buf, json_object_array_get_idx(value, i));
    }
    buf_putc(buf, ']');
}

/* Placeholders. What the plan has in another shape than ecs_put_plan() gives it is left for ECS to judge. */

static struct json_object *expanded(struct json_object *value, const struct job_placeholders *values)
{
    AUTO_BUF struct buf text = {0};

    buf_init(&text, PLAN_MAX);
    job_placeholders_put(&text, json_object_get_string(value), values);
    return json_object_new_string_len(text.data, (int)text.len);
}

static void expand_command(struct json_object *container, const struct job_placeholders *values)
{
    struct json_object *list = NULL;

    if (!json_get_array_opt(container, "command", &list, NULL) || list == NULL)
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);

        if (json_object_is_type(item, json_type_string))
            json_object_array_put_idx(list, i, expanded(item, values));
    }
}

static void expand_environment(struct json_object *container, const struct job_placeholders *values)
{
    struct json_object *list = NULL, *value = NULL;

    if (!json_get_array_opt(container, "environment", &list, NULL) || list == NULL)
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *pair = json_object_array_get_idx(list, i);

        if (json_object_is_type(pair, json_type_object) && json_object_object_get_ex(pair, "value", &value) &&
            json_object_is_type(value, json_type_string))
            json_object_object_add(pair, "value", expanded(value, values));
    }
}

static void expand(const struct json_object *request, const struct job_placeholders *values)
{
    struct json_object *overrides = NULL, *list = NULL;

    if (!json_get_object_opt(request, "overrides", &overrides, NULL) || overrides == NULL ||
        !json_get_array_opt(overrides, "containerOverrides", &list, NULL) || list == NULL)
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *container = json_object_array_get_idx(list, i);

        if (!json_object_is_type(container, json_type_object))
            continue;
        expand_command(container, values);
        expand_environment(container, values);
    }
}

bool ecs_put_run_task(struct buf *buf, const struct ecs_run_task *task, struct err *err)
{
    AUTO_JSON struct json_object *request = NULL;

    if (!json_parse(task->plan, strlen(task->plan), &request, err))
        return err_wrap(err, "the plan of a run");
    if (!json_object_is_type(request, json_type_object))
        return err_set(err, ERR_INVALID, "the plan of a run is not a JSON object");
    if (json_object_object_get_ex(request, "count", NULL) ||
        json_object_object_get_ex(request, "clientToken", NULL))
        return err_set(err, ERR_INVALID, "the plan of a run has a count or a clientToken of its own");
    if (task->count < 1 || task->count > RUN_TASK_COUNT_MAX)
        return err_set(err, ERR_INVALID, "a RunTask starts 1 to %d tasks, not %d", RUN_TASK_COUNT_MAX,
                       task->count);
    expand(request, &task->values);
    json_object_object_add(request, "count", json_object_new_int(task->count));
    json_object_object_add(request, "clientToken", json_object_new_string(task->client_token));
    put_sorted(buf, request);
    return true;
}

void ecs_put_list_tasks(struct buf *buf, const char *cluster, const char *family, const char *desired,
                        const char *next_token)
{
    buf_putc(buf, '{');
    put_member(buf, "cluster", cluster);
    put_member(buf, "desiredStatus", desired);
    put_member(buf, "family", family);
    if (next_token != NULL)
        put_member(buf, "nextToken", next_token);
    buf_putc(buf, '}');
}

void ecs_put_describe_tasks(struct buf *buf, const char *cluster, const char *const *arns, size_t count)
{
    buf_putc(buf, '{');
    put_member(buf, "cluster", cluster);
    buf_puts(buf, ",\"tasks\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_putc(buf, ',');
        json_put_string(buf, arns[i]);
    }
    buf_puts(buf, "]}");
}

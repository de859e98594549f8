/* See job_ecs.h. What is allowed is in job_ecs_shape.c. */
#include "job_ecs.h"

#include <string.h>

#include <json-c/json.h>

#include "job_ecs_rule.h"
#include "job_ecs_shape.h"
#include "json.h"
#include "limits.h"

static const char in_overrides[] = "overrides";

/* json-c's containers take no const for what they share. Only the count of references changes. */
static struct json_object *share(const struct json_object *value)
{
    union {
        const struct json_object *lent;
        struct json_object *cast;
    } v = {.lent = value};

    return json_object_get(v.cast);
}

static bool is_task_member(const char *name)
{
    for (size_t i = 0; i < job_ecs_task_member_count; i++)
        if (strcmp(job_ecs_task_members[i].name, name) == 0)
            return true;
    return false;
}

/* Puts what RunTask has in `overrides` beside the rest. */
static bool hoist(const struct json_object *overrides, struct json_object *to, const struct job_at *at)
{
    const struct job_at place = {at->report, at, in_overrides};
    bool good = true;

    json_object_object_foreach(overrides, key, member)
    {
        const struct job_at twin = {at->report, &place, key};

        if (json_object_object_get_ex(to, key, NULL))
            good = job_complain(&twin, "Is in ecs itself as well.");
        else
            json_object_object_add(to, key, share(member));
    }
    return good;
}

bool job_ecs_from_json(const struct json_object *value, struct json_object **ret, const struct job_at *at)
{
    AUTO_JSON struct json_object *made = NULL;
    struct json_object *overrides = NULL;

    if (!job_shape_check(&job_ecs_shape, value, at))
        return false;
    made = json_object_new_object();
    json_object_object_foreach(value, key, member)
    {
        if (strcmp(key, in_overrides) == 0)
            overrides = member;
        else
            json_object_object_add(made, key, share(member));
    }
    if (overrides != NULL && (!hoist(overrides, made, at) || !job_rule_ecs(made, at)))
        return false;
    *ret = made;
    made = NULL;
    return true;
}

bool job_ecs_parse(const char *text, struct json_object **ret, struct err *err)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JSON struct json_object *value = NULL, *made = NULL;
    const struct job_at at = {&report, NULL, "ecs"};

    if (text != NULL && text[0] != '\0' && !json_parse(text, strlen(text), &value, err))
        return err_wrap(err, "ecs");
    if (value != NULL && !job_ecs_from_json(value, &made, &at))
        return job_report_to_err(&report, err);
    *ret = NULL;
    if (made != NULL && json_object_object_length(made) > 0) {
        *ret = made;
        made = NULL;
    }
    return true;
}

/* Tags of own, and those of base whose keys own does not have. */
static struct json_object *add_tags(const struct json_object *base, const struct json_object *own)
{
    struct json_object *all = json_object_new_array();
    struct json_object *a = NULL, *b = NULL;

    for (size_t i = 0; i < json_object_array_length(own); i++)
        json_object_array_add(all, share(json_object_array_get_idx(own, i)));
    for (size_t i = 0; i < json_object_array_length(base); i++) {
        struct json_object *tag = json_object_array_get_idx(base, i);
        bool known = false;

        json_object_object_get_ex(tag, "key", &a);
        for (size_t k = 0; k < json_object_array_length(own) && !known; k++) {
            json_object_object_get_ex(json_object_array_get_idx(own, k), "key", &b);
            known = strcmp(json_object_get_string(a), json_object_get_string(b)) == 0;
        }
        if (!known)
            json_object_array_add(all, share(tag));
    }
    return all;
}

static void lay_over(struct json_object *all, const char *key, const struct json_object *member)
{
    struct json_object *before = NULL;

    if (member == NULL) {
        json_object_object_del(all, key);
        return;
    }
    if (strcmp(key, "launchType") == 0)
        json_object_object_del(all, "capacityProviderStrategy");
    if (strcmp(key, "capacityProviderStrategy") == 0)
        json_object_object_del(all, "launchType");
    if (strcmp(key, "tags") == 0 && json_object_object_get_ex(all, key, &before) && before != NULL)
        json_object_object_add(all, key, add_tags(before, member));
    else
        json_object_object_add(all, key, share(member));
}

bool job_ecs_overlay(const struct json_object *base, const struct json_object *own, struct json_object **ret,
                     struct err *err)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JSON struct json_object *all = NULL;
    const struct job_at at = {&report, NULL, "ecs"};

    if (base == NULL || own == NULL) {
        *ret = base == NULL && own == NULL ? NULL : share(base == NULL ? own : base);
        return true;
    }
    all = json_object_new_object();
    json_object_object_foreach(base, key, member) json_object_object_add(all, key, share(member));
    json_object_object_foreach(own, own_key, own_member) lay_over(all, own_key, own_member);
    if (!job_shape_check(&job_ecs_shape, all, &at)) {
        job_report_to_err(&report, err);
        return err_wrap(err, "over ECSS_ECS_DEFAULTS");
    }
    *ret = all;
    all = NULL;
    return true;
}

static void put_member(struct buf *buf, const char *key, const struct json_object *value)
{
    json_put_string(buf, key);
    buf_putc(buf, ':');
    json_put_value(buf, value);
}

void job_ecs_put_request(struct buf *buf, const struct json_object *ecs)
{
    if (ecs == NULL)
        return;
    json_object_object_foreach(ecs, key, member)
    {
        if (member == NULL || strcmp(key, "cluster") == 0 || strcmp(key, "revision") == 0 ||
            is_task_member(key))
            continue;
        buf_putc(buf, ',');
        put_member(buf, key, member);
    }
}

void job_ecs_put_overrides(struct buf *buf, const struct json_object *ecs)
{
    bool first = true;

    if (ecs == NULL)
        return;
    json_object_object_foreach(ecs, key, member)
    {
        if (member == NULL || !is_task_member(key))
            continue;
        if (!first)
            buf_putc(buf, ',');
        put_member(buf, key, member);
        first = false;
    }
}

const char *job_ecs_cluster(const struct json_object *ecs, const char *fallback)
{
    struct json_object *cluster = NULL;

    if (ecs == NULL || !json_object_object_get_ex(ecs, "cluster", &cluster) || cluster == NULL)
        return fallback;
    return json_object_get_string(cluster);
}

int job_ecs_revision(const struct json_object *ecs)
{
    struct json_object *revision = NULL;

    if (ecs == NULL || !json_object_object_get_ex(ecs, "revision", &revision))
        return 0;
    return json_object_get_int(revision);
}

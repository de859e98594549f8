/* The OpenAPI document has the limits of limits.h and the fields of a job, neither more nor fewer. */
#include "openapi.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>
#include <json-c/json_pointer.h>

#include "job.h"
#include "job_ecs_shape.h"
#include "limits.h"
#include "page.h"

static struct json_object *document;

static int load(void **state)
{
    (void)state;
    /* The document is nested deeper than what clients may send. */
    document = json_tokener_parse(openapi);
    assert_int_equal(strlen(openapi), openapi_len);
    return document == NULL ? -1 : 0;
}

static int unload(void **state)
{
    (void)state;
    json_object_put(document);
    return 0;
}

static struct json_object *at(const char *path)
{
    struct json_object *found = NULL;

    if (json_pointer_get(document, path, &found) != 0)
        fail_msg("the document has no %s", path);
    return found;
}

struct limit_case {
    const char *path; /* below components/schemas, or from the root if it starts with / */
    int64_t limit;
};

#define IN(field, key) "JobInput/properties/" field "/" key
#define CHANGE(field, key) "JobChange/properties/" field "/anyOf/0/" key

static const struct limit_case limits[] = {
    {IN("id", "maxLength"), JOB_ID_MAX},
    {IN("taskDefinition", "maxLength"), JOB_TASK_DEFINITION_MAX},
    {IN("schedule", "maxLength"), JOB_SCHEDULE_MAX},
    {IN("timezone", "maxLength"), JOB_TIMEZONE_MAX},
    {IN("scheduleStart", "maxLength"), JOB_TIMESTAMP_MAX},
    {IN("scheduleEnd", "maxLength"), JOB_TIMESTAMP_MAX},
    {IN("taskCount", "anyOf/0/maximum"), JOB_TASK_COUNT_MAX},
    {IN("maxCount", "anyOf/0/maximum"), JOB_TASK_COUNT_MAX},
    {IN("misfireGraceSeconds", "anyOf/0/maximum"), MISFIRE_GRACE_MAX_S},
    {IN("overrides", "maxItems"), JOB_OVERRIDES_MAX},
    {"JobChange/properties/taskDefinition/maxLength", JOB_TASK_DEFINITION_MAX},
    {"JobChange/properties/schedule/maxLength", JOB_SCHEDULE_MAX},
    {CHANGE("timezone", "maxLength"), JOB_TIMEZONE_MAX},
    {CHANGE("scheduleStart", "maxLength"), JOB_TIMESTAMP_MAX},
    {CHANGE("taskCount", "anyOf/0/maximum"), JOB_TASK_COUNT_MAX},
    {CHANGE("misfireGraceSeconds", "anyOf/0/maximum"), MISFIRE_GRACE_MAX_S},
    {CHANGE("overrides", "maxItems"), JOB_OVERRIDES_MAX},
    {"TriggerInput/properties/queueName/maxLength", JOB_QUEUE_NAME_MAX},
    {"TriggerInput/properties/queueUrl/maxLength", JOB_QUEUE_URL_MAX},
    {"TriggerInput/properties/messagesPerTask/anyOf/0/maximum", JOB_MESSAGES_PER_TASK_MAX},
    {"OverrideInput/properties/containerName/maxLength", JOB_CONTAINER_NAME_MAX},
    {"OverrideInput/properties/environment/maxProperties", JOB_ENV_MAX},
    {"OverrideInput/properties/environment/propertyNames/maxLength", JOB_ENV_NAME_MAX},
    {"OverrideInput/properties/environment/additionalProperties/maxLength", JOB_ENV_VALUE_MAX},
    {"Job/properties/taskCount/maximum", JOB_TASK_COUNT_MAX},
    {"Job/properties/maxCount/maximum", JOB_TASK_COUNT_MAX},
    {"Job/properties/misfireGraceSeconds/maximum", MISFIRE_GRACE_MAX_S},
    {"JobList/properties/jobs/maxItems", PAGE_COUNT_MAX},
    {"PreviewInput/properties/schedule/maxLength", JOB_SCHEDULE_MAX},
    {"/paths/~1jobs/get/parameters/0/schema/maximum", PAGE_SKIP_MAX},
    {"/paths/~1jobs/get/parameters/2/schema/default", PAGE_COUNT_DEFAULT},
};

static void limits_are_those_of_the_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        char path[256];
        const struct limit_case *c = &limits[i];
        int64_t found;

        snprintf(path, sizeof path, "%s%s", c->path[0] == '/' ? "" : "/components/schemas/", c->path);
        found = json_object_get_int64(at(path));
        if (found != c->limit)
            fail_msg("%s is %jd in the document and %jd in the code", path, (intmax_t)found,
                     (intmax_t)c->limit);
    }
}

/* Fields of a job in a schema, besides what is listed. */
static void has_fields(const char *schema, const char *const *others)
{
    char path[128];
    int want = JOB_FIELDS;

    snprintf(path, sizeof path, "/components/schemas/%s/properties", schema);
    for (enum job_field f = 0; f < JOB_FIELDS; f++)
        if (f != JOB_ID || strcmp(schema, "JobChange") != 0)
            assert_true(json_object_object_get_ex(at(path), job_field_name(f), NULL));
    if (strcmp(schema, "JobChange") == 0)
        want--;
    for (; *others != NULL; others++, want++)
        assert_true(json_object_object_get_ex(at(path), *others, NULL));
    assert_int_equal(json_object_object_length(at(path)), want);
}

static void fields_are_those_of_a_job(void **state)
{
    (void)state;
    has_fields("JobInput", (const char *const[]){NULL});
    has_fields("JobChange", (const char *const[]){NULL});
    has_fields("Job", (const char *const[]){"lastRun", "lastRunTasks", "estimatedNextRun", "problem",
                                            "updatedBy", "link", NULL});
}

/* What a schema is behind a reference or an alternative to null. */
static struct json_object *meant(struct json_object *schema)
{
    struct json_object *found = NULL;

    if (json_object_object_get_ex(schema, "anyOf", &found))
        return meant(json_object_array_get_idx(found, 0));
    if (json_object_object_get_ex(schema, "$ref", &found))
        return at(json_object_get_string(found) + 1);
    return schema;
}

static int64_t number(const struct json_object *schema, const char *key)
{
    return json_object_get_int64(json_object_object_get(schema, key));
}

static void same(const struct job_shape *shape, struct json_object *of, const char *name);

static void same_members(const struct job_member *members, size_t count, const struct json_object *schema)
{
    struct json_object *properties = json_object_object_get(schema, "properties"), *found = NULL;
    struct json_object *required = json_object_object_get(schema, "required");
    size_t shapes = 0, needed = 0;

    for (size_t i = 0; i < count; i++) {
        if (members[i].shape == NULL)
            continue;
        if (!json_object_object_get_ex(properties, members[i].name, &found))
            fail_msg("the document has no %s", members[i].name);
        assert_int_equal(members[i].nullable, json_object_object_get_ex(found, "anyOf", NULL));
        same(members[i].shape, found, members[i].name);
        shapes++;
        needed += members[i].required;
    }
    assert_int_equal(json_object_object_length(properties), shapes);
    assert_int_equal(required == NULL ? 0 : json_object_array_length(required), needed);
}

static void same(const struct job_shape *shape, struct json_object *of, const char *name)
{
    static const char *const types[] = {[SHAPE_STRING] = "string",
                                        [SHAPE_INTEGER] = "integer",
                                        [SHAPE_BOOLEAN] = "boolean",
                                        [SHAPE_LIST] = "array",
                                        [SHAPE_OBJECT] = "object"};
    static const char *const keys[][2] = {[SHAPE_STRING] = {"minLength", "maxLength"},
                                          [SHAPE_INTEGER] = {"minimum", "maximum"},
                                          [SHAPE_LIST] = {"minItems", "maxItems"}};
    struct json_object *schema = meant(of), *words = NULL;

    if (strcmp(json_object_get_string(json_object_object_get(schema, "type")), types[shape->kind]) != 0)
        fail_msg("%s is not of type %s", name, types[shape->kind]);
    if (json_object_object_get_ex(schema, "enum", &words)) {
        for (size_t i = 0; i < json_object_array_length(words); i++)
            assert_string_equal(json_object_get_string(json_object_array_get_idx(words, i)), shape->words[i]);
    } else if (shape->kind == SHAPE_OBJECT) {
        same_members(shape->members, shape->member_count, schema);
    } else if (shape->kind != SHAPE_BOOLEAN) {
        if (number(schema, keys[shape->kind][0]) != shape->min ||
            number(schema, keys[shape->kind][1]) != shape->max)
            fail_msg("%s has other limits", name);
    }
    if (shape->kind == SHAPE_LIST)
        same(shape->item, json_object_object_get(schema, "items"), name);
}

static void options_are_those_of_the_tables(void **state)
{
    (void)state;
    same(&job_ecs_shape, at("/components/schemas/Ecs"), "ecs");
    for (size_t i = 0; i < job_ecs_container_member_count; i++)
        same(job_ecs_container_members[i].shape,
             json_object_object_get(at("/components/schemas/OverrideInput/properties"),
                                    job_ecs_container_members[i].name),
             job_ecs_container_members[i].name);
}

static void version_is_ours(void **state)
{
    (void)state;
    assert_string_equal(json_object_get_string(at("/info/version")), ECSS_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_those_of_the_code),
        cmocka_unit_test(fields_are_those_of_a_job),
        cmocka_unit_test(options_are_those_of_the_tables),
        cmocka_unit_test(version_is_ours),
    };

    return cmocka_run_group_tests_name("openapi", tests, load, unload);
}

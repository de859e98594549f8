/* job_ecs, job_placeholder, ecs_defaults: what a job may say for RunTask, and what comes of it. What is
 * refused is in tests/data/ecs-refused.jsonl, which the API is tested with, too. */
#include "job_ecs.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "job_overrides.h"
#include "job_placeholder.h"
#include "json.h"
#include "mem.h"

enum { TEXT_MAX = 1048576, LINE_SIZE = 65536, CASES_MIN = 80 };

static struct json_object *parsed(const char *text)
{
    struct json_object *value = NULL;
    struct err err;

    if (!json_parse(text, strlen(text), &value, &err))
        fail_msg("%s: %s", text, err.text);
    return value;
}

static struct json_object *member(const struct json_object *of, const char *key)
{
    struct json_object *found = NULL;

    json_object_object_get_ex(of, key, &found);
    return found;
}

/* --- what is refused --- */

/* Whether there are complaints at "ecs.tags.1.key", and nowhere else. */
static bool only_at(const struct json_object *messages, const char *path)
{
    AUTO_FREE char *copy = mem_strdup(path);
    char *rest = copy, *key;

    while ((key = strsep(&rest, ".")) != NULL) {
        if (!json_object_is_type(messages, json_type_object) || json_object_object_length(messages) != 1)
            return false;
        messages = member(messages, key);
    }
    return json_object_is_type(messages, json_type_array) && json_object_array_length(messages) == 1;
}

static void check_refused(const struct json_object *c)
{
    const char *name = json_object_get_string(member(c, "case"));
    const char *field = json_object_get_string(member(c, "field"));
    const struct json_object *job = member(c, "job");
    const struct json_object *ecs = member(job, "ecs"), *overrides = member(job, "overrides");
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JOB_OVERRIDES struct job_overrides got = {0};
    AUTO_JSON struct json_object *made = NULL;
    const struct job_at ecs_at = {&report, NULL, "ecs"}, overrides_at = {&report, NULL, "overrides"};
    bool good = true;

    if (overrides != NULL)
        good &= job_overrides_from_json(overrides, "j", &got, &overrides_at);
    if (json_object_object_get_ex(job, "ecs", NULL))
        good &= job_ecs_from_json(ecs, &made, &ecs_at);
    if (good)
        good = job_overrides_fit(&got, made, "j", &overrides_at);
    if (good)
        fail_msg("%s: is accepted", name);
    if (!only_at(report.messages, field))
        fail_msg("%s: not (only) at %s: %s", name, field, json_object_to_json_string(report.messages));
    if (strstr(json_object_to_json_string(report.messages), json_object_get_string(member(c, "says"))) ==
        NULL)
        fail_msg("%s: %s", name, json_object_to_json_string(report.messages));
}

static void what_is_wrong_is_refused_at_its_place(void **state UNUSED)
{
    FILE *f = fopen(TEST_DATA_DIR "/ecs-refused.jsonl", "r");
    AUTO_FREE char *line = mem_alloc(LINE_SIZE);
    int count = 0;

    assert_non_null(f);
    for (; fgets(line, LINE_SIZE, f) != NULL; count++) {
        AUTO_JSON struct json_object *c = parsed(line);

        check_refused(c);
    }
    fclose(f);
    assert_true(count >= CASES_MIN);
}

/* --- what is kept and sent --- */

struct kept_case {
    const char *name, *text;
    const char *kept;      /* NULL: as it is */
    const char *request;   /* what RunTask gets of it, beside overrides */
    const char *overrides; /* its overrides; NULL: none */
};

#define VPC                                                                                                  \
    "{\"awsvpcConfiguration\":{\"subnets\":[\"subnet-1\"],\"securityGroups\":[],\"assignPublicIp\":"         \
    "\"ENABLED\"}}"
#define EBS                                                                                                  \
    "[{\"name\":\"v\",\"managedEBSVolume\":{\"roleArn\":\"arn:aws-cn:iam::1:role/a/"                         \
    "b\",\"snapshotId\":\"snap-1\","                                                                         \
    "\"volumeInitializationRate\":100,\"volumeType\":\"io2\",\"iops\":256000,\"sizeInGiB\":4,\"encrypted\":" \
    "true,"                                                                                                  \
    "\"kmsKeyId\":\"alias/"                                                                                  \
    "x\",\"filesystemType\":\"ext4\",\"terminationPolicy\":{\"deleteOnTermination\":false},"                 \
    "\"tagSpecifications\":[{\"resourceType\":\"volume\",\"tags\":[{\"key\":\"a\"}],\"propagateTags\":"      \
    "\"NONE\"}]}}]"

static struct kept_case kept_cases[] = {
    {"nothing", "{}", NULL, "", NULL},
    {"a launch type", "{\"launchType\":\"FARGATE\"}", NULL, ",\"launchType\":\"FARGATE\"", NULL},
    {"cluster and revision go elsewhere", "{\"cluster\":\"c\",\"revision\":7}", NULL, "", NULL},
    {"a cluster's ARN", "{\"cluster\":\"arn:aws-us-gov:ecs:us-gov-west-1:1:cluster/c\"}", NULL, "", NULL},
    {"a network", "{\"networkConfiguration\":" VPC "}", NULL, ",\"networkConfiguration\":" VPC, NULL},
    {"a volume", "{\"volumeConfigurations\":" EBS "}", NULL, ",\"volumeConfigurations\":" EBS, NULL},
    {"providers",
     "{\"capacityProviderStrategy\":[{\"capacityProvider\":\"FARGATE_SPOT\",\"weight\":1000},"
     "{\"capacityProvider\":\"FARGATE\",\"base\":100000}],\"platformVersion\":\"LATEST\"}",
     NULL,
     ",\"capacityProviderStrategy\":[{\"capacityProvider\":\"FARGATE_SPOT\",\"weight\":1000},"
     "{\"capacityProvider\":\"FARGATE\",\"base\":100000}],\"platformVersion\":\"LATEST\"",
     NULL},
    {"placement",
     "{\"placementConstraints\":[{\"type\":\"distinctInstance\"},{\"type\":\"memberOf\",\"expression\":"
     "\"attribute:x == "
     "y\"}],\"placementStrategy\":[{\"type\":\"spread\",\"field\":\"attribute:ecs.availability-zone\"},"
     "{\"type\":\"binpack\",\"field\":\"cpu\"},{\"type\":\"random\"}]}",
     NULL,
     ",\"placementConstraints\":[{\"type\":\"distinctInstance\"},{\"type\":\"memberOf\",\"expression\":"
     "\"attribute:x == "
     "y\"}],\"placementStrategy\":[{\"type\":\"spread\",\"field\":\"attribute:ecs.availability-zone\"},"
     "{\"type\":\"binpack\",\"field\":\"cpu\"},{\"type\":\"random\"}]",
     NULL},
    {"tags beyond ASCII",
     "{\"tags\":[{\"key\":\"Stra\xC3\x9F"
     "e 1\",\"value\":\"_.:/=+-@\"},{\"key\":\"awsome\",\"value\":\"\"}]}",
     NULL,
     ",\"tags\":[{\"key\":\"Stra\xC3\x9F"
     "e 1\",\"value\":\"_.:/=+-@\"},{\"key\":\"awsome\",\"value\":\"\"}]",
     NULL},
    {"flags, group and version",
     "{\"enableECSManagedTags\":true,\"enableExecuteCommand\":false,\"group\":\"g h\","
     "\"platformVersion\":\"1.4.0\",\"propagateTags\":\"TASK_DEFINITION\"}",
     NULL,
     ",\"enableECSManagedTags\":true,\"enableExecuteCommand\":false,\"group\":\"g h\","
     "\"platformVersion\":\"1.4.0\",\"propagateTags\":\"TASK_DEFINITION\"",
     NULL},
    {"overrides of the task",
     "{\"cpu\":\"1024\",\"memory\":\"2 GB\",\"ephemeralStorage\":{\"sizeInGiB\":21},"
     "\"taskRoleArn\":\"arn:aws:iam::1:role/t\"}",
     NULL, "",
     "{\"cpu\":\"1024\",\"memory\":\"2 "
     "GB\",\"ephemeralStorage\":{\"sizeInGiB\":21},\"taskRoleArn\":\"arn:aws:iam::1:role/t\"}"},
    {"the same within overrides",
     "{\"overrides\":{\"cpu\":\".5 vCPU\",\"executionRoleArn\":\"arn:aws:iam::1:role/e\"},"
     "\"memory\":\"512\"}",
     "{\"memory\":\"512\",\"cpu\":\".5 vCPU\",\"executionRoleArn\":\"arn:aws:iam::1:role/e\"}", "",
     "{\"memory\":\"512\",\"cpu\":\".5 vCPU\",\"executionRoleArn\":\"arn:aws:iam::1:role/e\"}"},
    {"no overrides after all", "{\"overrides\":{}}", "{}", "", NULL},
    {"null", "{\"launchType\":null,\"cpu\":null,\"cluster\":null}", NULL, "", NULL},
};

static void check_kept(void **state)
{
    const struct kept_case *c = *state;
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JSON struct json_object *value = parsed(c->text), *made = NULL;
    const struct job_at at = {&report, NULL, "ecs"};
    const struct job_overrides none = {0};
    AUTO_BUF struct buf kept = {0}, request = {0}, overrides = {0};

    if (!job_ecs_from_json(value, &made, &at))
        fail_msg("%s", json_object_to_json_string(report.messages));
    buf_init(&kept, TEXT_MAX);
    buf_init(&request, TEXT_MAX);
    buf_init(&overrides, TEXT_MAX);
    json_put_value(&kept, made);
    job_ecs_put_request(&request, made);
    job_overrides_put_ecs(&overrides, &none, made, "j", NULL);
    assert_string_equal(kept.data, c->kept != NULL ? c->kept : c->text);
    assert_string_equal(request.data, c->request);
    assert_string_equal(overrides.data, c->overrides != NULL ? c->overrides : "");
}

static void a_row_may_have_none(void **state UNUSED)
{
    static const char *const none[] = {NULL, "", "null", "{}"};
    struct json_object *ecs = NULL;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        assert_true(job_ecs_parse(none[i], &ecs, &err));
        assert_null(ecs);
    }
    assert_false(job_ecs_parse("{\"launchType\":\"EC3\"}", &ecs, &err));
    assert_string_equal(err.field, "ecs.launchType");
    assert_false(job_ecs_parse("{", &ecs, &err));
    assert_int_equal(job_ecs_revision(NULL), 0);
    assert_string_equal(job_ecs_cluster(NULL, "main"), "main");
}

/* --- over those of all jobs --- */

struct overlay_case {
    const char *name, *base, *own;
    const char *result; /* NULL: none; "!...": it is refused, and this is in the text */
};

static struct overlay_case overlay_cases[] = {
    {"none of both", NULL, NULL, NULL},
    {"only those of all jobs", "{\"group\":\"g\"}", NULL, "{\"group\":\"g\"}"},
    {"only its own", NULL, "{\"group\":\"g\"}", "{\"group\":\"g\"}"},
    {"its own go first", "{\"group\":\"g\",\"cpu\":\"1\"}", "{\"group\":\"h\",\"memory\":\"2\"}",
     "{\"group\":\"h\",\"cpu\":\"1\",\"memory\":\"2\"}"},
    {"members are replaced as a whole", "{\"networkConfiguration\":" VPC "}",
     "{\"networkConfiguration\":{\"awsvpcConfiguration\":{\"subnets\":[\"subnet-2\"]}}}",
     "{\"networkConfiguration\":{\"awsvpcConfiguration\":{\"subnets\":[\"subnet-2\"]}}}"},
    {"null takes away", "{\"networkConfiguration\":" VPC ",\"cpu\":\"1\"}",
     "{\"networkConfiguration\":null,\"group\":null}", "{\"cpu\":\"1\"}"},
    {"a launch type replaces providers",
     "{\"capacityProviderStrategy\":[{\"capacityProvider\":\"p\",\"weight\":1}]}", "{\"launchType\":\"EC2\"}",
     "{\"launchType\":\"EC2\"}"},
    {"and the other way round", "{\"launchType\":\"EC2\"}",
     "{\"capacityProviderStrategy\":[{\"capacityProvider\":\"p\",\"weight\":1}]}",
     "{\"capacityProviderStrategy\":[{\"capacityProvider\":\"p\",\"weight\":1}]}"},
    {"tags add up", "{\"tags\":[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"b\",\"value\":\"1\"}]}",
     "{\"tags\":[{\"key\":\"b\",\"value\":\"2\"},{\"key\":\"c\"}]}",
     "{\"tags\":[{\"key\":\"b\",\"value\":\"2\"},{\"key\":\"c\"},{\"key\":\"a\",\"value\":\"1\"}]}"},
    {"tags are taken away", "{\"tags\":[{\"key\":\"a\"}]}", "{\"tags\":null}", "{}"},
    {"what does not go together", "{\"platformVersion\":\"1.4.0\"}", "{\"launchType\":\"EC2\"}",
     "!over ECSS_ECS_DEFAULTS: Only for tasks on Fargate"},
};

static void check_overlay(void **state)
{
    const struct overlay_case *c = *state;
    AUTO_JSON struct json_object *base = c->base == NULL ? NULL : parsed(c->base);
    AUTO_JSON struct json_object *own = c->own == NULL ? NULL : parsed(c->own), *all = NULL;
    AUTO_BUF struct buf text = {0};
    struct err err = {0};

    buf_init(&text, TEXT_MAX);
    if (!job_ecs_overlay(base, own, &all, &err)) {
        assert_true(c->result != NULL && c->result[0] == '!');
        assert_string_equal(err.field, "ecs.platformVersion");
        if (strstr(err.text, c->result + 1) == NULL)
            fail_msg("%s", err.text);
        return;
    }
    assert_int_equal(all == NULL, c->result == NULL);
    if (all != NULL)
        json_put_value(&text, all);
    assert_string_equal(text.data, c->result != NULL ? c->result : "");
}

/* --- placeholders --- */

struct placeholder_case {
    const char *name, *text;
    const char *result; /* NULL: it is refused */
};

static struct placeholder_case placeholder_cases[] = {
    {"none", "plain", "plain"},
    {"nothing", "", ""},
    {"each", "{{jobId}} {{fireTime}} {{runId}} {{attempt}}", "nightly 2026-11-24T10:30:42Z 7 2"},
    {"side by side", "a{{runId}}{{runId}}b", "a77b"},
    {"braces", "{{{{jobId}} }} {{{{{{runId}}", "{{jobId}} }} {{7"},
    {"one brace is a brace", "{jobId} {\"a\":{\"b\":1}}", "{jobId} {\"a\":{\"b\":1}}"},
    {"open to the end", "{{jobId", "{{jobId"},
    {"open, and braces after it", "{{x {{{{ {", "{{x {{ {"},
    {"unknown", "{{jobid}}", NULL},
    {"blanks", "{{ jobId }}", NULL},
    {"empty", "{{}}", NULL},
    {"three braces", "{{{jobId}}}", NULL},
    {"known and unknown", "{{jobId}} {{x}}", NULL},
};

static void check_placeholders(void **state)
{
    static const struct job_placeholders values = {"nightly", "2026-11-24T10:30:42Z", "7", "2"};
    const struct placeholder_case *c = *state;
    AUTO_JOB_REPORT struct job_report report = {0};
    const struct job_at at = {&report, NULL, "x"};
    AUTO_BUF struct buf text = {0};

    assert_int_equal(job_placeholders_check(c->text, &at), c->result != NULL);
    buf_init(&text, TEXT_MAX);
    job_placeholders_put(&text, c->text, &values);
    if (c->result != NULL)
        assert_string_equal(text.data, c->result);
}

/* However long its name is, and whatever stands where it is cut. */
static void an_unknown_placeholder_is_shown_in_utf8(void **state UNUSED)
{
    for (int before = 58; before < 70; before++) {
        AUTO_JOB_REPORT struct job_report report = {0};
        const struct job_at at = {&report, NULL, "x"};
        AUTO_FREE char *text = mem_printf("{{%0*d\xE2\x82\xAC\xE2\x82\xAC}}", before, 0);
        struct err err;

        assert_false(job_placeholders_check(text, &at));
        assert_false(job_report_to_err(&report, &err));
        assert_true(json_utf8_valid(err.text, strlen(err.text)));
        if (strstr(err.text, "}}\"; there are") == NULL)
            fail_msg("%s", err.text);
    }
}

/* The longest values are as long as any can be. */
static void placeholders_count_at_their_longest(void **state UNUSED)
{
    static const char text[] = "{{jobId}}{{fireTime}}{{runId}}{{attempt}}";
    const struct job_placeholders longest = job_placeholders_longest("j"),
                                  real = {"j", "9999-12-31T23:59:59Z", "9223372036854775807", "2147483647"};
    AUTO_BUF struct buf a = {0}, b = {0};

    buf_init(&a, TEXT_MAX);
    buf_init(&b, TEXT_MAX);
    job_placeholders_put(&a, text, &longest);
    job_placeholders_put(&b, text, &real);
    assert_int_equal(a.len, b.len);
}

static void add(struct CMUnitTest *tests, size_t *n, const char *name, CMUnitTestFunction run, void *state)
{
    tests[(*n)++] = (struct CMUnitTest){name, run, NULL, NULL, state};
}

int main(void)
{
    enum { REST = 4 };
    struct CMUnitTest
        tests[ARRAY_LEN(kept_cases) + ARRAY_LEN(overlay_cases) + ARRAY_LEN(placeholder_cases) + REST] = {
            cmocka_unit_test(what_is_wrong_is_refused_at_its_place),
            cmocka_unit_test(a_row_may_have_none),
            cmocka_unit_test(placeholders_count_at_their_longest),
            cmocka_unit_test(an_unknown_placeholder_is_shown_in_utf8),
        };
    size_t n = REST;

    for (size_t i = 0; i < ARRAY_LEN(kept_cases); i++)
        add(tests, &n, kept_cases[i].name, check_kept, &kept_cases[i]);
    for (size_t i = 0; i < ARRAY_LEN(overlay_cases); i++)
        add(tests, &n, overlay_cases[i].name, check_overlay, &overlay_cases[i]);
    for (size_t i = 0; i < ARRAY_LEN(placeholder_cases); i++)
        add(tests, &n, placeholder_cases[i].name, check_placeholders, &placeholder_cases[i]);
    return cmocka_run_group_tests_name("job_ecs", tests, NULL, NULL);
}

/* job_json: what clients send, with all that is wrong or odd about it at once, and what they are shown. */
#include "job_json.h"

#include "test.h"

#include <string.h>

#include <json-c/json.h>

#include "json.h"
#include "mem.h"
#include "zone.h"

enum { TEXT_MAX = 1048576 };

#define MISSING "[\"Missing data for required field.\"]"
#define NULLED "[\"Field may not be null.\"]"
#define BAD_NAME "[\"task definition names must contain only alphanumeric, underscore, and hyphen\"]"

struct read_case {
    const char *name, *text;
    const char *change_id; /* NULL: it is a new job; with a + in front: a new one with this id */
    const char *draft;     /* "field=text ...", those given; NULL: it is refused */
    const char *messages;  /* if refused */
    const char *warnings;  /* NULL: none */
};

static struct read_case cases[] = {
    {"a new job", "{\"taskDefinition\":\"t\",\"schedule\":\"0\"}", NULL,
     "id=t taskDefinition=t schedule=0 taskCount=1", NULL, NULL},
    {"an id stands for the taskDefinition", "{\"id\":\"i\",\"schedule\":\"0\"}", NULL,
     "id=i taskDefinition=i schedule=0 taskCount=1", NULL, NULL},
    {"every field",
     "{\"id\":\"i\",\"taskDefinition\":\"t\",\"schedule\":\"0\",\"scheduleStart\":\"a\",\"scheduleEnd\":"
     "\"b\","
     "\"timezone\":\"c\",\"taskCount\":\"2\",\"maxCount\":3.0,\"suspended\":1,"
     "\"trigger\":{\"type\":\"noop\"},\"overrides\":[],\"misfireGraceSeconds\":\"0\",\"ecs\":{\"revision\":3}"
     "}",
     NULL,
     "id=i taskDefinition=t schedule=0 scheduleStart=a scheduleEnd=b timezone=c taskCount=2 maxCount=3 "
     "suspended=t"
     " trigger={\"type\":\"noop\"} overrides=[] misfireGraceSeconds=0 ecs={\"revision\":3}",
     NULL, NULL},
    {"an empty time zone is kept", "{\"taskDefinition\":\"t\",\"schedule\":\"0\",\"timezone\":\"\"}", NULL,
     "id=t taskDefinition=t schedule=0 timezone= taskCount=1", NULL, NULL},
    {"nothing", "{}", NULL, NULL, "{\"schedule\":" MISSING ",\"taskDefinition\":" MISSING "}", NULL},
    {"no schedule", "{\"id\":\"x\"}", NULL, NULL, "{\"schedule\":" MISSING "}", NULL},
    {"a bad field is not missing, too", "{\"taskDefinition\":\"a b\",\"schedule\":null}", NULL, NULL,
     "{\"taskDefinition\":" BAD_NAME ",\"schedule\":" NULLED "}", NULL},
    {"a bad id and no taskDefinition", "{\"id\":\"a b\",\"schedule\":\"0\"}", NULL, NULL,
     "{\"id\":" BAD_NAME "}", NULL},
    {"null is nothing for a new job", "{\"taskDefinition\":\"t\",\"schedule\":\"0\",\"maxCount\":null}", NULL,
     NULL, "{\"maxCount\":" NULLED "}", NULL},
    {"counts out of range", "{\"taskDefinition\":\"t\",\"schedule\":\"0\",\"taskCount\":0,\"maxCount\":51}",
     NULL, NULL,
     "{\"taskCount\":[\"Must be between 1 and 50.\"],\"maxCount\":[\"Must be between 1 and 50.\"]}", NULL},
    {"graces out of range", "{\"taskDefinition\":\"t\",\"schedule\":\"0\",\"misfireGraceSeconds\":86401}",
     NULL, NULL, "{\"misfireGraceSeconds\":[\"Must be between 0 and 86400.\"]}", NULL},
    {"wrong types",
     "{\"taskDefinition\":5,\"schedule\":[],\"scheduleStart\":1,\"scheduleEnd\":true,\"timezone\":{},"
     "\"taskCount\":true,\"suspended\":2,\"trigger\":5,\"overrides\":5,\"ecs\":5}",
     NULL, NULL,
     "{\"taskDefinition\":[\"Not a valid string.\"],\"schedule\":[\"Not a valid string.\"],"
     "\"scheduleStart\":[\"Not a valid datetime.\"],\"scheduleEnd\":[\"Not a valid datetime.\"],"
     "\"timezone\":[\"Not a valid string.\"],\"taskCount\":[\"Not a valid integer.\"],"
     "\"suspended\":[\"Not a valid boolean.\"],\"trigger\":{\"_schema\":[\"Invalid input type.\"]},"
     "\"overrides\":[\"Not a valid list.\"],\"ecs\":[\"Not a valid mapping type.\"]}",
     NULL},
    {"no object", "[]", NULL, NULL, "{\"_schema\":[\"Invalid input type.\"]}", NULL},
    {"null", "null", NULL, NULL, "{\"_schema\":[\"Invalid input type.\"]}", NULL},
    {"a change that is no object", "\"x\"", "i", NULL, "{\"_schema\":[\"Invalid input type.\"]}", NULL},
    {"strangers",
     "{\"taskDefinition\":\"t\",\"schedule\":\"0\",\"taskcount\":1,\"x\":null,\"lastRun\":5,\"link\":null}",
     NULL, "id=t taskDefinition=t schedule=0 taskCount=1", NULL,
     "[\"taskcount: is not a field of a job and was ignored; did you mean taskCount?\","
     "\"x: is not a field of a job and was ignored\",\"lastRun: is set by the scheduler and was ignored\","
     "\"link: is set by the scheduler and was ignored\"]"},
    {"a maxCount below taskCount",
     "{\"taskDefinition\":\"t\",\"schedule\":\"0\",\"taskCount\":3,\"maxCount\":2}", NULL,
     "id=t taskDefinition=t schedule=0 taskCount=3 maxCount=2", NULL,
     "[\"maxCount: is below taskCount, so that no more than 2 tasks shall run\"]"},
    {"an id that is reserved", "{\"taskDefinition\":\"import\",\"schedule\":\"0\"}", NULL, NULL,
     "{\"id\":[\"import is reserved: it is the name of a resource beside the jobs.\"]}", NULL},
    {"a taskDefinition that would be a reserved id",
     "{\"taskDefinition\":\"export\",\"schedule\":\"0\",\"id\":\"x\"}", NULL,
     "id=x taskDefinition=export schedule=0 taskCount=1", NULL, NULL},
    {"no change", "{}", "i", "", NULL, NULL},
    {"a change", "{\"taskCount\":2}", "i", "taskCount=2", NULL, NULL},
    {"a change by null",
     "{\"taskCount\":null,\"maxCount\":null,\"timezone\":null,\"scheduleStart\":null,\"scheduleEnd\":null,"
     "\"suspended\":null,\"trigger\":null,\"overrides\":null,\"misfireGraceSeconds\":null,\"ecs\":null}",
     "i",
     "scheduleStart scheduleEnd timezone taskCount=1 maxCount suspended trigger overrides "
     "misfireGraceSeconds ecs",
     NULL, NULL},
    {"what cannot be taken away", "{\"schedule\":null,\"taskDefinition\":null}", "i", NULL,
     "{\"schedule\":" NULLED ",\"taskDefinition\":" NULLED "}", NULL},
    {"the id of the path", "{\"id\":\"i\"}", "i", "", NULL, NULL},
    {"another id", "{\"id\":\"k\"}", "i", "", NULL, "[\"id: cannot be changed and was ignored\"]"},
    {"an id that is none", "{\"id\":null}", "i", "", NULL, "[\"id: cannot be changed and was ignored\"]"},
    {"a new job with the id of the path", "{\"schedule\":\"0\",\"maxCount\":null}", "+i",
     "id=i taskDefinition=i schedule=0 taskCount=1 maxCount", NULL, NULL},
    {"a new job with another id in the body", "{\"id\":\"k\",\"schedule\":\"0\",\"taskDefinition\":\"t\"}",
     "+i", "id=i taskDefinition=t schedule=0 taskCount=1", NULL,
     "[\"id: cannot be changed and was ignored\"]"},
    {"a new job with an id that is none", "{}", "+a b", NULL,
     "{\"id\":" BAD_NAME ",\"schedule\":" MISSING "}", NULL},
    {"only half of a change is wrong", "{\"taskCount\":33,\"maxCount\":99}", "i", NULL,
     "{\"maxCount\":[\"Must be between 1 and 50.\"]}", NULL},
};

static void put_draft(struct buf *buf, const struct job_draft *draft)
{
    for (size_t i = 0; i < JOB_FIELDS; i++) {
        if (!job_draft_has(draft, (enum job_field)i))
            continue;
        buf_printf(buf, "%s%s", buf->len > 0 ? " " : "", job_field_name((enum job_field)i));
        if (draft->text[i] != NULL)
            buf_printf(buf, "=%s", draft->text[i]);
    }
}

static void check_read(void **state)
{
    const struct read_case *c = *state;
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JOB_DRAFT struct job_draft draft = {0};
    AUTO_JSON struct json_object *value = NULL;
    AUTO_BUF struct buf text = {0};
    bool good;

    assert_true(json_parse(c->text, strlen(c->text), &value, NULL));
    good = c->change_id == NULL     ? job_json_read_new(value, NULL, &draft, &report)
           : c->change_id[0] == '+' ? job_json_read_new(value, c->change_id + 1, &draft, &report)
                                    : job_json_read_change(value, c->change_id, &draft, &report);
    buf_init(&text, TEXT_MAX);
    assert_int_equal(good, c->draft != NULL);
    assert_int_equal(good, job_report_clean(&report));
    if (good)
        put_draft(&text, &draft);
    else
        json_put_value(&text, report.messages);
    assert_string_equal(text.data, good ? c->draft : c->messages);
    buf_clear(&text);
    json_put_value(&text, report.warnings);
    assert_string_equal(text.data, c->warnings == NULL ? "null" : c->warnings);
}

static void the_length_of_overrides_counts_the_id(void **state)
{
    AUTO_FREE char *id = mem_alloc(JOB_ID_MAX + 1), *value = mem_alloc(JOB_ENV_VALUE_MAX + 1);
    AUTO_FREE char *body = NULL;
    AUTO_JSON struct json_object *json = NULL;
    AUTO_JOB_REPORT struct job_report report = {0}, other = {0};
    AUTO_JOB_DRAFT struct job_draft draft = {0}, again = {0};

    (void)state;
    memset(id, 'i', JOB_ID_MAX);
    memset(value, 'v', JOB_ENV_VALUE_MAX);
    body = mem_printf(
        "{\"overrides\":[{\"containerName\":\"c\",\"environment\":{\"A\":\"%s\",\"B\":\"%.3900s\"}}]}", value,
        value);
    assert_true(json_parse(body, strlen(body), &json, NULL));
    assert_true(job_json_read_change(json, "short", &draft, &report));
    assert_false(job_json_read_change(json, id, &again, &other));
}

static void a_text_is_no_longer_than_its_limit(void **state)
{
    static const struct {
        const char *field;
        int max;
    } texts[] = {{"schedule", JOB_SCHEDULE_MAX},
                 {"timezone", JOB_TIMEZONE_MAX},
                 {"scheduleStart", JOB_TIMESTAMP_MAX},
                 {"taskDefinition", JOB_TASK_DEFINITION_MAX}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (int more = 0; more < 2; more++) {
            AUTO_FREE char *body = mem_printf("{\"%s\":\"%0*d\"}", texts[i].field, texts[i].max + more, 0);
            AUTO_JSON struct json_object *json = NULL;
            AUTO_JOB_REPORT struct job_report report = {0};
            AUTO_JOB_DRAFT struct job_draft draft = {0};

            assert_true(json_parse(body, strlen(body), &json, NULL));
            assert_int_equal(job_json_read_change(json, "i", &draft, &report), more == 0);
        }
    }
}

struct put_case {
    const char *name;
    struct job_row row;
    const char *shown;
};

#define LINK ",\"link\":{\"rel\":\"item\",\"title\":\"Job for i\",\"href\":\"/jobs/i\"}}"

static struct put_case put_cases[] = {
    {"a small job",
     {.text =
          {[JOB_ID] = "i", [JOB_TASK_DEFINITION] = "t", [JOB_SCHEDULE] = "0 \"\\", [JOB_TASK_COUNT] = "1"}},
     "{\"id\":\"i\",\"taskDefinition\":\"t\",\"schedule\":\"0 \\\"\\\\\",\"taskCount\":1" LINK},
    {"every field, in its zone",
     {.text = {"i", "t", "0", "2099-01-01T00:00:00", "2099-07-01 0:00:00.5Z", "Europe/Berlin", "2", "3", "f",
               "{\"type\": \"noop\"}", "[]", "60"},
      .has_last_run = true,
      .last_run_s = 0,
      .last_run_tasks = "[{\"taskId\": \"a\"}]",
      .has_next_run = true,
      .next_run_s = 4070905200,
      .problem = "p\n"},
     "{\"id\":\"i\",\"taskDefinition\":\"t\",\"schedule\":\"0\",\"scheduleStart\":\"2099-01-01T00:00:00+01:"
     "00\","
     "\"scheduleEnd\":\"2099-07-01T00:00:00.500000+00:00\",\"timezone\":\"Europe/Berlin\",\"taskCount\":2,"
     "\"maxCount\":3,\"misfireGraceSeconds\":60,\"suspended\":false,\"trigger\":{\"type\": "
     "\"noop\"},\"overrides\":[],"
     "\"lastRun\":\"1970-01-01T01:00:00+01:00\",\"lastRunTasks\":[{\"taskId\": \"a\"}],"
     "\"estimatedNextRun\":\"2099-01-01T00:00:00+01:00\",\"problem\":\"p\\n\"" LINK},
    {"what somebody broke by hand is shown as it is",
     {.text = {"i", "t", "x", "2099-02-30T00:00", NULL, "No/Where", "1", NULL, "t"},
      .has_last_run = true,
      .last_run_s = 1},
     "{\"id\":\"i\",\"taskDefinition\":\"t\",\"schedule\":\"x\",\"scheduleStart\":\"2099-02-30T00:00\","
     "\"timezone\":\"No/"
     "Where\",\"taskCount\":1,\"suspended\":true,\"lastRun\":\"1970-01-01T00:00:01+00:00\"" LINK},
};

static void check_put(void **state)
{
    const struct put_case *c = *state;
    AUTO_ZONES struct zones *zones = zones_new(NULL);
    AUTO_BUF struct buf buf = {0};

    buf_init(&buf, TEXT_MAX);
    job_json_put(&buf, &c->row, zones);
    assert_string_equal(buf.data, c->shown);
}

static void an_answer_to_a_write_has_its_warnings(void **state)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, TEXT_MAX);
    job_json_put_saved(&buf, "i", &report);
    assert_string_equal(buf.data, "{\"id\":\"i\"" LINK);
    buf_clear(&buf);
    job_json_warn_of_counts(1, 0, &report);
    job_json_warn_of_counts(2, 2, &report);
    job_json_warn_of_counts(2, 1, &report);
    job_json_put_saved(&buf, "i", &report);
    assert_non_null(strstr(buf.data, "\"},\"warnings\":[\"maxCount: is below taskCount"));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + ARRAY_LEN(put_cases) + 3];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[n++] = (struct CMUnitTest){cases[i].name, check_read, NULL, NULL, &cases[i]};
    for (size_t i = 0; i < ARRAY_LEN(put_cases); i++)
        tests[n++] = (struct CMUnitTest){put_cases[i].name, check_put, NULL, NULL, &put_cases[i]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(an_answer_to_a_write_has_its_warnings);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(the_length_of_overrides_counts_the_id);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_text_is_no_longer_than_its_limit);
    assert_int_equal(n, ARRAY_LEN(tests));
    return cmocka_run_group_tests_name("job_json", tests, NULL, NULL);
}

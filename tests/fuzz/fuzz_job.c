/* What the API takes for a job is taken back from the database, and is kept in the same words: both daemons
 * read what one of them has stored. And what a row says of options for RunTask goes over itself. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "job_ecs.h"
#include "job_json.h"
#include "job_overrides.h"
#include "json.h"
#include "mem.h"

enum { TEXT_MAX = 1 << 24 };

static void check_overrides(const char *text, const struct json_object *ecs)
{
    AUTO_JOB_OVERRIDES struct job_overrides overrides = {0};
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_BUF struct buf again = {0}, request = {0};
    const struct job_at at = {&report, NULL, "overrides"};
    AUTO_JSON struct json_object *sent = NULL;

    EXPECT(job_overrides_parse(text, &overrides, NULL));
    buf_init(&again, TEXT_MAX);
    job_overrides_put(&again, &overrides);
    EXPECT(text == NULL || strcmp(again.data, text) == 0);
    buf_init(&request, TEXT_MAX);
    job_overrides_put_ecs(&request, &overrides, ecs, "job", NULL);
    EXPECT(request.len == 0 || json_parse(request.data, request.len, &sent, NULL));
    job_overrides_fit(&overrides, ecs, "job", &at);
}

static void check_draft(const struct job_draft *draft)
{
    AUTO_JSON struct json_object *ecs = NULL;
    AUTO_BUF struct buf again = {0};
    const char *text = draft->text[JOB_ECS];

    EXPECT(job_ecs_parse(text, &ecs, NULL));
    buf_init(&again, TEXT_MAX);
    if (ecs != NULL)
        json_put_value(&again, ecs);
    EXPECT(ecs == NULL || strcmp(again.data, text) == 0);
    check_overrides(draft->text[JOB_OVERRIDES], ecs);
}

static void check_job(const struct json_object *value, const char *change_of)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JOB_DRAFT struct job_draft draft = {0};
    bool good = change_of == NULL ? job_json_read_new(value, NULL, &draft, &report)
                                  : job_json_read_change(value, change_of, &draft, &report);

    EXPECT(good == job_report_clean(&report));
    if (good)
        check_draft(&draft);
}

static void check_row(const char *text)
{
    AUTO_JSON struct json_object *ecs = NULL, *all = NULL;
    AUTO_BUF struct buf request = {0};
    struct err err = {0};

    if (!job_ecs_parse(text, &ecs, &err)) {
        EXPECT(err.kind == ERR_INVALID && err.text[0] != '\0');
        return;
    }
    EXPECT(job_ecs_overlay(ecs, ecs, &all, &err));
    buf_init(&request, TEXT_MAX);
    buf_puts(&request, "{\"a\":0");
    job_ecs_put_request(&request, all);
    buf_putc(&request, '}');
    json_release(ecs);
    ecs = NULL;
    EXPECT(json_parse(request.data, request.len, &ecs, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = mem_strndup((const char *)data, size);
    AUTO_JSON struct json_object *value = NULL;

    check_row(text);
    if (!json_parse(text, strlen(text), &value, NULL))
        return 0;
    check_job(value, NULL);
    check_job(value, "job");
    return 0;
}

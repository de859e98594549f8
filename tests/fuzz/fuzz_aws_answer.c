/* What AWS answers is read whole or not at all; and a run's plan, whatever it is, is sent in one order only.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "ecs_codec.h"
#include "json.h"
#include "mem.h"
#include "sqs_codec.h"

static void read_tasks(const struct json_object *answer)
{
    AUTO_ECS_TASKS struct ecs_tasks tasks = {0};
    AUTO_BUF struct buf text;
    struct err err = {0};

    buf_init(&text, SIZE_MAX);
    if (!ecs_read_tasks(answer, &tasks, &err)) {
        EXPECT(err.kind == ERR_INVALID && err.text[0] != '\0' && tasks.items == NULL &&
               tasks.failures == NULL);
        return;
    }
    for (size_t i = 0; i < tasks.count; i++)
        EXPECT(tasks.items[i].arn != NULL);
    for (size_t i = 0; i < tasks.failure_count; i++)
        EXPECT(tasks.failures[i].reason != NULL);
    ecs_put_failures(&text, &tasks);
    EXPECT(text.len > 0 || tasks.failure_count == 0 || *tasks.failures[0].reason == '\0');
}

static void read_list(const struct json_object *answer)
{
    char **arns = NULL, *token = NULL;
    size_t count = 0;
    struct err err = {0};

    if (ecs_read_list(answer, &arns, &count, &token, &err))
        EXPECT(token == NULL || *token != '\0');
    else
        EXPECT(err.kind == ERR_INVALID && arns == NULL && token == NULL && count == 0);
    for (size_t i = 0; i < count; i++)
        free(arns[i]);
    free(arns);
    free(token);
}

static void read_queue(const struct json_object *answer)
{
    struct sqs_depth depth = {-1, -1, -1};
    AUTO_FREE char *url = NULL;
    struct err err = {0};

    if (sqs_read_depth(answer, &depth, &err))
        EXPECT(depth.visible >= 0 && depth.in_flight >= 0 && depth.delayed >= 0);
    else
        EXPECT(err.kind == ERR_INVALID && depth.visible == -1);
    err = (struct err){0};
    if (sqs_read_queue_url(answer, &url, &err))
        EXPECT(*url != '\0');
    else
        EXPECT(err.kind == ERR_INVALID && url == NULL);
}

/* A plan that has been sent, without what was added, is sent in the same bytes again: as after a restart,
 * when the database has put its members in another order. */
static void put_plan(const struct json_object *plan)
{
    AUTO_BUF struct buf text = {0}, request = {0}, stored = {0}, again = {0};
    AUTO_JSON struct json_object *sent = NULL;
    struct ecs_run_task task = {.count = 2, .client_token = "token", .values = {"j", "t", "1", "2"}};
    struct err err = {0};

    buf_init(&text, SIZE_MAX);
    buf_init(&request, SIZE_MAX);
    buf_init(&stored, SIZE_MAX);
    buf_init(&again, SIZE_MAX);
    json_put_value(&text, plan);
    task.plan = text.data;
    if (!ecs_put_run_task(&request, &task, &err)) {
        EXPECT(request.len == 0);
        return;
    }
    EXPECT(json_parse(request.data, request.len, &sent, &err));
    task.plan = request.data;
    EXPECT(!ecs_put_run_task(&again, &task, &err)); /* it has its own count now */
    json_object_object_del(sent, "count");
    json_object_object_del(sent, "clientToken");
    json_put_value(&stored, sent);
    task.plan = stored.data;
    EXPECT(ecs_put_run_task(&again, &task, &err));
    EXPECT(strcmp(again.data, request.data) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_JSON struct json_object *answer = NULL;

    if (!json_parse((const char *)data, size, &answer, NULL) ||
        !json_object_is_type(answer, json_type_object))
        return 0;
    read_tasks(answer);
    read_list(answer);
    read_queue(answer);
    put_plan(answer);
    return 0;
}

/*
 * Messages that wait in an SQS queue: none, no task; else taskCount, or one task for each messagesPerTask if
 * that is more. The queue is in our account and region and has a name, or is anywhere and has a URL. See
 * job_trigger_kind.h.
 */
#include "job_trigger_kind.h"

#include "attr.h"
#include "job_value.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

enum { ACCOUNT_LEN = 12 };

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* SQS's rule: up to 80 characters, .fifo included. */
static bool name_valid(const char *name)
{
    size_t len = strlen(name), plain = strspn(name, DIGITS LETTERS "_-");

    if (len > JOB_QUEUE_NAME_MAX || plain == 0)
        return false;
    return plain == len || strcmp(name + plain, ".fifo") == 0;
}

/* https://HOST[:PORT]/ACCOUNT/NAME; http as well, for a stand-in. */
static bool url_valid(const char *url)
{
    const char *host, *account;
    size_t len;

    if (strlen(url) > JOB_QUEUE_URL_MAX)
        return false;
    if (strncmp(url, "https://", 8) == 0)
        host = url + 8;
    else if (strncmp(url, "http://", 7) == 0)
        host = url + 7;
    else
        return false;
    len = strspn(host, DIGITS LETTERS ".-");
    if (len == 0)
        return false;
    account = host + len;
    if (*account == ':') {
        len = strspn(account + 1, DIGITS);
        if (len == 0 || len > 5)
            return false;
        account += 1 + len;
    }
    return *account == '/' && strspn(account + 1, DIGITS) == ACCOUNT_LEN && account[1 + ACCOUNT_LEN] == '/' &&
           name_valid(account + ACCOUNT_LEN + 2);
}

static bool read_name(const struct json_object *value, struct job_trigger *trigger, const struct job_at *at)
{
    const char *name;

    if (!job_value_string(value, &name, at))
        return false;
    if (!name_valid(name))
        return job_complain(at,
                            "Must be the name of an SQS queue, not its URL (that is queueUrl) or ARN: "
                            "1 to %d letters, digits, hyphens and underscores, also with .fifo at the end.",
                            JOB_QUEUE_NAME_MAX);
    snprintf(trigger->queue_name, sizeof trigger->queue_name, "%s", name);
    return true;
}

static bool read_url(const struct json_object *value, struct job_trigger *trigger, const struct job_at *at)
{
    const char *url;

    if (!job_value_string(value, &url, at))
        return false;
    if (!url_valid(url))
        return job_complain(at, "Must be the URL of an SQS queue, as GetQueueUrl gives it: "
                                "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.");
    snprintf(trigger->queue_url, sizeof trigger->queue_url, "%s", url);
    return true;
}

static bool read_messages(const struct json_object *value, struct job_trigger *trigger,
                          const struct job_at *at)
{
    int64_t number;

    if (!job_value_integer(value, &number, at))
        return false;
    if (number < 1)
        return job_complain(at, "Must be at least 1.");
    if (number > JOB_MESSAGES_PER_TASK_MAX)
        return job_complain(at, "Must be at most %d.", JOB_MESSAGES_PER_TASK_MAX);
    trigger->messages_per_task = (int32_t)number;
    return true;
}

static bool read_in_flight(const struct json_object *value, struct job_trigger *trigger,
                           const struct job_at *at)
{
    return job_value_boolean(value, &trigger->include_in_flight, at);
}

static const struct job_trigger_member members[] = {
    {"queueName", read_name},
    {"queueUrl", read_url},
    {"messagesPerTask", read_messages},
    {"includeInFlight", read_in_flight},
    {NULL, NULL},
};

static bool check(const struct json_object *given, const struct job_at *at)
{
    struct json_object *name = NULL, *url = NULL;
    bool by_name = json_object_object_get_ex(given, "queueName", &name) && name != NULL;
    bool by_url = json_object_object_get_ex(given, "queueUrl", &url) && url != NULL;

    if (by_name && by_url)
        return job_complain(at, "queueName and queueUrl exclude each other");
    /* One that is no text counts as missing, as it always did. */
    if (!by_url && !json_object_is_type(name, json_type_string))
        return job_complain(at, "sqs trigger type requires queueName field");
    return true;
}

static void put(struct buf *buf, const struct job_trigger *trigger)
{
    if (trigger->queue_url[0] != '\0')
        buf_printf(buf, ",\"queueUrl\":\"%s\"", trigger->queue_url);
    else
        buf_printf(buf, ",\"queueName\":\"%s\"", trigger->queue_name);
    if (trigger->messages_per_task > 0)
        buf_printf(buf, ",\"messagesPerTask\":%d", trigger->messages_per_task);
    if (trigger->include_in_flight)
        buf_puts(buf, ",\"includeInFlight\":true");
}

static int64_t wanted(const struct job_trigger *trigger, const struct job_trigger_answer *answer,
                      int task_count)
{
    int64_t more = trigger->include_in_flight ? answer->in_flight : 0;
    int64_t messages = answer->visible < INT64_MAX - more ? answer->visible + more : INT64_MAX;
    int64_t per_task = trigger->messages_per_task, tasks;

    if (messages <= 0)
        return 0;
    if (per_task == 0)
        return task_count;
    tasks = messages / per_task + (messages % per_task != 0);
    return tasks > task_count ? tasks : task_count;
}

const struct job_trigger_rule job_trigger_sqs = {.type = "sqs",
                                                 .members = members,
                                                 .check = check,
                                                 .put = put,
                                                 .question = JOB_TRIGGER_ASKS_QUEUE_DEPTH,
                                                 .wanted = wanted};

/* See job_trigger.h. */
#include "job_trigger.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "job_value.h"
#include "json.h"

static const char *const kind_names[] = {[JOB_TRIGGER_NOOP] = "noop", [JOB_TRIGGER_SQS] = "sqs"};

/* SQS's rule: up to 80 characters, .fifo included. */
static bool queue_name_valid(const char *name)
{
    size_t len = strlen(name);
    size_t plain = strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-");

    if (len > JOB_QUEUE_NAME_MAX || plain == 0)
        return false;
    return plain == len || strcmp(name + plain, ".fifo") == 0;
}

static bool read_type(const struct json_object *value, enum job_trigger_kind *ret, const struct job_at *at)
{
    const char *name;

    if (!job_value_string(value, &name, at))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kind_names); i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            *ret = (enum job_trigger_kind)i;
            return true;
        }
    }
    return job_complain(at, "Unknown trigger type; must be \"sqs\" or \"noop\".");
}

static bool read_queue_name(const struct json_object *value, struct job_trigger *ret, const struct job_at *at)
{
    const char *name;

    if (!job_value_string(value, &name, at))
        return false;
    if (!queue_name_valid(name)) {
        job_complain(
            at,
            "Must be the name of an SQS queue, not its URL or ARN: 1 to %d letters, digits, hyphens and "
            "underscores, also with .fifo at the end.",
            JOB_QUEUE_NAME_MAX);
        return true; /* it was there, and a string: no complaint that it is missing */
    }
    snprintf(ret->queue_name, sizeof ret->queue_name, "%s", name);
    return true;
}

static bool read_messages(const struct json_object *value, struct job_trigger *ret, const struct job_at *at)
{
    int64_t number;

    if (!job_value_integer(value, &number, at))
        return false;
    if (number < 1)
        return job_complain(at, "Must be at least 1.");
    if (number > JOB_MESSAGES_PER_TASK_MAX)
        return job_complain(at, "Must be at most %d.", JOB_MESSAGES_PER_TASK_MAX);
    ret->messages_per_task = (int32_t)number;
    return true;
}

bool job_trigger_from_json(const struct json_object *value, struct job_trigger *ret, const struct job_at *at)
{
    const struct job_at self = {at->report, at, "_schema"}, type = {at->report, at, "type"},
                        queue = {at->report, at, "queueName"}, messages = {at->report, at, "messagesPerTask"};
    struct job_trigger trigger = {0};
    bool has_type = false, has_queue = false, good = true;

    if (value == NULL)
        return job_complain(at, "Field may not be null.");
    if (!json_object_is_type(value, json_type_object))
        return job_complain(&self, "Invalid input type.");
    json_object_object_foreach(value, key, member)
    {
        if (strcmp(key, type.key) == 0) {
            has_type = true;
            good &= read_type(member, &trigger.kind, &type);
        } else if (strcmp(key, queue.key) == 0) {
            has_queue = read_queue_name(member, &trigger, &queue);
            good &= has_queue && trigger.queue_name[0] != '\0';
        } else if (strcmp(key, messages.key) == 0) {
            good &= read_messages(member, &trigger, &messages);
        } else {
            const struct job_at unknown = {at->report, at, key};

            job_warn(&unknown, "is not a field of a trigger and was ignored");
        }
    }
    if (!has_type)
        return job_complain(&type, "Missing data for required field.");
    if (trigger.kind == JOB_TRIGGER_SQS && !has_queue)
        return job_complain(&self, "sqs trigger type requires queueName field");
    if (!good)
        return false;
    if (trigger.kind == JOB_TRIGGER_NOOP && (has_queue || trigger.messages_per_task != 0)) {
        job_warn(at, "a trigger of type \"noop\" has no queue; queueName and messagesPerTask were ignored");
        trigger = (struct job_trigger){.kind = JOB_TRIGGER_NOOP};
    }
    *ret = trigger;
    return true;
}

bool job_trigger_parse(const char *text, struct job_trigger *ret, struct err *err)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JSON struct json_object *value = NULL;
    const struct job_at at = {&report, NULL, "trigger"};

    if (text != NULL && text[0] != '\0') {
        if (!json_parse(text, strlen(text), &value, err))
            return err_wrap(err, "trigger");
    }
    if (value == NULL) {
        *ret = (struct job_trigger){.kind = JOB_TRIGGER_NOOP};
        return true;
    }
    return job_trigger_from_json(value, ret, &at) || job_report_to_err(&report, err);
}

void job_trigger_put(struct buf *buf, const struct job_trigger *trigger)
{
    buf_printf(buf, "{\"type\":\"%s\"", kind_names[trigger->kind]);
    if (trigger->kind == JOB_TRIGGER_SQS)
        buf_printf(buf, ",\"queueName\":\"%s\"", trigger->queue_name);
    if (trigger->messages_per_task > 0)
        buf_printf(buf, ",\"messagesPerTask\":%d", trigger->messages_per_task);
    buf_putc(buf, '}');
}

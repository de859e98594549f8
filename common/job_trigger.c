/* See job_trigger.h. */
#include "job_trigger.h"

#include <string.h>

#include <json-c/json.h>

#include "attr.h"
#include "job_trigger_kind.h"
#include "job_value.h"
#include "json.h"

enum { TYPES_MAX = 256 };

static const struct job_trigger_rule *const rules[] = {
    [JOB_TRIGGER_NOOP] = &job_trigger_noop,
    [JOB_TRIGGER_SQS] = &job_trigger_sqs,
};

/* "sqs" or "noop": the newest first. */
static bool complain_of_type(const struct job_at *at)
{
    AUTO_BUF struct buf known = {0};

    buf_init(&known, TYPES_MAX);
    for (size_t i = ARRAY_LEN(rules); i-- > 0;)
        buf_printf(&known, "\"%s\"%s", rules[i]->type, i > 1 ? ", " : (i == 1 ? " or " : ""));
    return job_complain(at, "Unknown trigger type; must be %s.", known.data);
}

static bool read_type(const struct json_object *value, enum job_trigger_kind *ret, const struct job_at *at)
{
    const char *type;

    if (!job_value_string(value, &type, at))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (strcmp(type, rules[i]->type) == 0) {
            *ret = (enum job_trigger_kind)i;
            return true;
        }
    }
    return complain_of_type(at);
}

static const struct job_trigger_member *find_member(const struct job_trigger_rule *rule, const char *key)
{
    for (const struct job_trigger_member *member = rule->members; member->key != NULL; member++)
        if (strcmp(member->key, key) == 0)
            return member;
    return NULL;
}

static bool is_of_another(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (find_member(rules[i], key) != NULL)
            return true;
    return false;
}

static bool read_member(const char *key, const struct json_object *value, struct job_trigger *trigger,
                        const struct job_at *at)
{
    const struct job_trigger_rule *rule = rules[trigger->kind];
    const struct job_trigger_member *member = find_member(rule, key);

    if (member != NULL)
        return member->read(value, trigger, at);
    if (is_of_another(key))
        job_warn(at, "is not a field of a trigger of type \"%s\" and was ignored", rule->type);
    else
        job_warn(at, "is not a field of a trigger and was ignored");
    return true;
}

bool job_trigger_from_json(const struct json_object *value, struct job_trigger *ret, const struct job_at *at)
{
    const struct job_at self = {at->report, at, "_schema"}, type = {at->report, at, "type"};
    struct job_trigger trigger = {0};
    struct json_object *given;
    bool good = true;

    if (value == NULL)
        return job_complain(at, "Field may not be null.");
    if (!json_object_is_type(value, json_type_object))
        return job_complain(&self, "Invalid input type.");
    if (!json_object_object_get_ex(value, "type", &given))
        return job_complain(&type, "Missing data for required field.");
    if (!read_type(given, &trigger.kind, &type))
        return false;
    json_object_object_foreach(value, key, member)
    {
        const struct job_at below = {at->report, at, key};

        if (strcmp(key, type.key) != 0)
            good &= read_member(key, member, &trigger, &below);
    }
    if (rules[trigger.kind]->check != NULL)
        good &= rules[trigger.kind]->check(value, &self);
    if (good)
        *ret = trigger;
    return good;
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
    buf_printf(buf, "{\"type\":\"%s\"", rules[trigger->kind]->type);
    rules[trigger->kind]->put(buf, trigger);
    buf_putc(buf, '}');
}

enum job_trigger_question job_trigger_asks(const struct job_trigger *trigger)
{
    return rules[trigger->kind]->question;
}

int job_trigger_wanted(const struct job_trigger *trigger, const struct job_trigger_answer *answer,
                       int task_count, int max_count)
{
    int64_t wanted = rules[trigger->kind]->wanted(trigger, answer, task_count);

    if (max_count > 0 && wanted > max_count)
        wanted = max_count;
    if (wanted > JOB_TASK_COUNT_MAX)
        wanted = JOB_TASK_COUNT_MAX;
    return wanted < 0 ? 0 : (int)wanted;
}

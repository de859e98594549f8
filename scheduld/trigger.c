/* See trigger.h. */
#include "trigger.h"

#include "attr.h"

static const struct trigger_rule *const rules[] = {
    [JOB_TRIGGER_NOOP] = &trigger_noop,
    [JOB_TRIGGER_SQS] = &trigger_sqs,
};

const struct trigger_rule *trigger_rule(enum job_trigger_kind kind)
{
    return rules[kind];
}

int trigger_wanted(const struct job_trigger *trigger, int64_t answer, int task_count, int max_count)
{
    int64_t wanted = trigger_rule(trigger->kind)->wanted(trigger, answer, task_count);

    if (max_count > 0 && wanted > max_count)
        wanted = max_count;
    if (wanted > JOB_TASK_COUNT_MAX)
        wanted = JOB_TASK_COUNT_MAX;
    return wanted < 0 ? 0 : (int)wanted;
}

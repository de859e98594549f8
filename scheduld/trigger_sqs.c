/* Messages that wait in a queue: none, no task; else taskCount, or one task for each messagesPerTask if that
 * is more. See trigger.h. */
#include "trigger.h"

static int64_t wanted(const struct job_trigger *trigger, int64_t visible, int task_count)
{
    int64_t per_task = trigger->messages_per_task, tasks;

    if (visible <= 0)
        return 0;
    if (per_task == 0)
        return task_count;
    tasks = visible / per_task + (visible % per_task != 0);
    return tasks > task_count ? tasks : task_count;
}

const struct trigger_rule trigger_sqs = {.question = TRIGGER_ASKS_QUEUE_DEPTH, .wanted = wanted};

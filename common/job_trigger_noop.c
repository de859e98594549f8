/* No trigger: what the job says. See job_trigger_kind.h. */
#include "job_trigger_kind.h"

#include "attr.h"

#include <stddef.h>

static void put(struct buf *buf UNUSED, const struct job_trigger *trigger UNUSED)
{
}

static int64_t wanted(const struct job_trigger *trigger UNUSED,
                      const struct job_trigger_answer *answer UNUSED, int task_count)
{
    return task_count;
}

static const struct job_trigger_member members[] = {{NULL, NULL}};

const struct job_trigger_rule job_trigger_noop = {
    .type = "noop", .members = members, .put = put, .question = JOB_TRIGGER_ASKS_NOTHING, .wanted = wanted};

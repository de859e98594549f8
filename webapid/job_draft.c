/* See job_draft.h. */
#include "job_draft.h"

#include <stdlib.h>

void job_draft_done(struct job_draft *draft)
{
    for (size_t i = 0; i < JOB_FIELDS; i++)
        free(draft->text[i]);
    *draft = (struct job_draft){0};
}

void job_draft_give(struct job_draft *draft, enum job_field field, char *text)
{
    free(draft->text[field]);
    draft->text[field] = text;
    draft->given |= 1U << field;
}

bool job_draft_has(const struct job_draft *draft, enum job_field field)
{
    return (draft->given & 1U << field) != 0;
}

bool job_draft_times(const struct job_draft *draft)
{
    return job_draft_has(draft, JOB_SCHEDULE) || job_draft_has(draft, JOB_TIMEZONE) ||
           job_draft_has(draft, JOB_SCHEDULE_START) || job_draft_has(draft, JOB_SCHEDULE_END);
}

bool job_draft_overrides(const struct job_draft *draft)
{
    return job_draft_has(draft, JOB_OVERRIDES) || job_draft_has(draft, JOB_ECS);
}

const char *job_draft_id(const struct job_draft *draft)
{
    return draft->text[JOB_ID] != NULL ? draft->text[JOB_ID] : draft->text[JOB_TASK_DEFINITION];
}

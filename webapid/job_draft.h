/*
 * A job, or a change of one, on its way from a client to the database: the fields that were given, each as
 * the text that PostgreSQL takes as a parameter. What is in a draft has been checked (job_json.h does it).
 */
#pragma once

#include "attr.h"
#include "job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job_draft {
    uint32_t given;         /* bit 1 << enum job_field: the field was given, if only as null */
    char *text[JOB_FIELDS]; /* owned; NULL: SQL's NULL */
    const char *by;         /* lent: who asks, request_by(); NULL: the database's own user */
};

void job_draft_done(struct job_draft *draft); /* zeroed memory is a draft of nothing */
#define AUTO_JOB_DRAFT CLEANUP(job_draft_done)

/* text becomes the draft's. */
void job_draft_give(struct job_draft *draft, enum job_field field, char *text);

bool job_draft_has(const struct job_draft *draft, enum job_field field);

/* Whether it says anything about when the job fires: schedule, timezone, scheduleStart, scheduleEnd. These
 * four have to fit each other. */
bool job_draft_times(const struct job_draft *draft);

/* Whether it says anything about what RunTask's overrides are: overrides, ecs. There is a limit on both. */
bool job_draft_overrides(const struct job_draft *draft);

/* The id of what it is about: id, or taskDefinition. NULL if it has neither. */
const char *job_draft_id(const struct job_draft *draft);

/*
 * What a kind of trigger is: its members as the API has them, what has to be asked when a job is due, and how
 * many tasks follow from the answer. Each kind is one file, job_trigger_NAME.c, and one line in the table of
 * job_trigger.c; what it keeps of a job is in struct job_trigger.
 */
#pragma once

#include "buf.h"
#include "job_report.h"
#include "job_trigger.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object;

struct job_trigger_member {
    const char *key;
    /* Reads it, or complains and returns false. */
    bool (*read)(const struct json_object *value, struct job_trigger *trigger, const struct job_at *at);
};

struct job_trigger_rule {
    const char *type;
    const struct job_trigger_member *members; /* beside "type"; a NULL key at the end */
    /* Whether they are complete and go together; given has the keys that were there. NULL: they always are.
     */
    bool (*check)(const struct json_object *given, const struct job_at *at);
    void (*put)(struct buf *buf,
                const struct job_trigger *trigger); /* members, each with a comma before it */
    enum job_trigger_question question;
    /* Before maxCount and the cap of JOB_TASK_COUNT_MAX. */
    int64_t (*wanted)(const struct job_trigger *trigger, const struct job_trigger_answer *answer,
                      int task_count);
};

extern const struct job_trigger_rule job_trigger_noop;
extern const struct job_trigger_rule job_trigger_sqs;

/*
 * How many tasks a due job wants, pure. What decides is the job's trigger; each kind is a file of its own
 * (trigger_KIND.c) with a rule that trigger.c's table names.
 */
#pragma once

#include "job_trigger.h"

#include <stdbool.h>
#include <stdint.h>

/* What a rule may have to know from outside. */
enum trigger_question { TRIGGER_ASKS_NOTHING, TRIGGER_ASKS_QUEUE_DEPTH };

struct trigger_rule {
    enum trigger_question question;
    /* Before maxCount and the cap of JOB_TASK_COUNT_MAX. answer is what the question gave, else 0. */
    int64_t (*wanted)(const struct job_trigger *trigger, int64_t answer, int task_count);
};

extern const struct trigger_rule trigger_noop;
extern const struct trigger_rule trigger_sqs;

const struct trigger_rule *trigger_rule(enum job_trigger_kind kind);

/* max_count 0: not given. Result: 0 to JOB_TASK_COUNT_MAX. */
int trigger_wanted(const struct job_trigger *trigger, int64_t answer, int task_count, int max_count);

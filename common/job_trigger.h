/*
 * What decides, when a job is due, how many tasks it wants: by itself always taskCount; with an SQS queue
 * what waits in the queue. Kept in jobs.trigger as {"type": "sqs", "queueName": "work", "messagesPerTask":
 * 100}. What a kind is, and how another is added: job_trigger_kind.h.
 *
 * {"type": "noop"} is the same as no trigger; it exists because the system that we replace had it.
 */
#pragma once

#include "buf.h"
#include "err.h"
#include "job_report.h"
#include "limits.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object;

enum job_trigger_kind { JOB_TRIGGER_NOOP, JOB_TRIGGER_SQS };

struct job_trigger {
    enum job_trigger_kind kind;
    /* sqs only; one of name and URL is "". */
    char queue_name[JOB_QUEUE_NAME_MAX + 1];
    char queue_url[JOB_QUEUE_URL_MAX + 1];
    int32_t messages_per_task; /* 0: not given */
    bool include_in_flight;    /* messages that were received and not deleted yet count, too */
};

/* From what a client sent; complaints and warnings go below `at`. */
bool job_trigger_from_json(const struct json_object *value, struct job_trigger *ret, const struct job_at *at);

/* From what jobs.trigger has, which somebody may have edited by hand. NULL, "" and "null" are a noop. */
bool job_trigger_parse(const char *text, struct job_trigger *ret, struct err *err);

/* What to keep in jobs.trigger. */
void job_trigger_put(struct buf *buf, const struct job_trigger *trigger);

/* What has to be known from outside when the job is due, and the answer. */
enum job_trigger_question { JOB_TRIGGER_ASKS_NOTHING, JOB_TRIGGER_ASKS_QUEUE_DEPTH };
struct job_trigger_answer {
    int64_t visible, in_flight; /* ASKS_QUEUE_DEPTH: messages */
};
enum job_trigger_question job_trigger_asks(const struct job_trigger *trigger);

/* max_count 0: not given. Result: 0 to JOB_TASK_COUNT_MAX. answer of zeros if nothing was asked. */
int job_trigger_wanted(const struct job_trigger *trigger, const struct job_trigger_answer *answer,
                       int task_count, int max_count);

/*
 * What decides, when a job is due, how many tasks it wants: by itself always taskCount; with an SQS queue
 * what waits in the queue. Kept in jobs.trigger as {"type": "sqs", "queueName": "work", "messagesPerTask":
 * 100}.
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
    char queue_name[JOB_QUEUE_NAME_MAX + 1]; /* sqs only */
    int32_t messages_per_task;               /* sqs only; 0: not given */
};

/* From what a client sent; complaints and warnings go below `at`. */
bool job_trigger_from_json(const struct json_object *value, struct job_trigger *ret, const struct job_at *at);

/* From what jobs.trigger has, which somebody may have edited by hand. NULL, "" and "null" are a noop. */
bool job_trigger_parse(const char *text, struct job_trigger *ret, struct err *err);

/* What to keep in jobs.trigger. */
void job_trigger_put(struct buf *buf, const struct job_trigger *trigger);

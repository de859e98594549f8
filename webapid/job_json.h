/*
 * A job between JSON and the database: what a client sent into a draft, and a row into what the API shows.
 *
 * Reading finds all mistakes at once. What it does not look at is whether schedule, timezone, scheduleStart
 * and scheduleEnd make sense, as this may need what the database has: that is job_times.h.
 */
#pragma once

#include "buf.h"
#include "job_draft.h"
#include "job_report.h"
#include "job_store.h"

#include <stdbool.h>

struct json_object;
struct zones;

/* A job to create. Every field that it lacks is in the draft with its default. id, if it is not NULL, is the
 * job's, whatever the value says; null then stands for a field that is not set, as in a change. */
bool job_json_read_new(const struct json_object *value, const char *id, struct job_draft *ret,
                       struct job_report *report);

/* A change of the job id: null stands for taking an optional field away. */
bool job_json_read_change(const struct json_object *value, const char *id, struct job_draft *ret,
                          struct job_report *report);

/* One field's value, which may not be null, as the text for the database. job_id is what overrides will be
 * tagged with, NULL if it is not known. */
bool job_json_read_field(enum job_field field, const struct json_object *value, const char *job_id,
                         char **ret, const struct job_at *at);

/* Whether overrides and ecs together, each as the draft has it or else the row, are short enough for RunTask.
 * row: NULL if there is none yet. */
bool job_json_check_lengths(const struct job_draft *draft, const struct job_row *row,
                            struct job_report *report);

/* A maxCount below taskCount is allowed, but hardly meant. max_count 0: there is none. */
void job_json_warn_of_counts(int64_t task_count, int64_t max_count, struct job_report *report);

/* Appends what a POST or PUT is answered with: id, link and warnings. */
void job_json_put_saved(struct buf *buf, const char *id, const struct job_report *report);

/* Appends the job, with its times in the job's zone. */
void job_json_put(struct buf *buf, const struct job_row *row, struct zones *zones);

/* Appends what users write of the job and nothing else, to be read again. */
void job_json_put_definition(struct buf *buf, const struct job_row *row);

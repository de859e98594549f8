/*
 * When a job fires, on top of common/job_timing: of what a client sent together with what the row has, and
 * with a word about what lies in the past.
 */
#pragma once

#include "buf.h"
#include "job_draft.h"
#include "job_report.h"
#include "job_store.h"
#include "job_timing.h"

#include <stdbool.h>
#include <stdint.h>

struct zones;

/* Replaces each `?` of the draft's schedule by a number, and checks the four fields, with row's (NULL: there
 * is no row) for those that the draft does not have. Complaints and warnings go to the report. */
void job_times_check(struct job_draft *draft, const struct job_row *row, struct zones *zones, int64_t now_s,
                     struct job_report *report);

/* The same for who goes on with it. False if the four do not make sense together; the report says why. */
bool job_times_compile(struct job_draft *draft, const struct job_row *row, struct zones *zones, int64_t now_s,
                       struct job_timing *ret, struct job_report *report);

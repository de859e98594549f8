/*
 * What a job owes at an instant: pure. Fire times that have passed within the grace become one, the latest,
 * which stands for the others; those beyond the grace were missed, and are counted.
 *
 * A second's job that rested for a week has 600,000 of them: counting goes on in portions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct job_timing;

struct due {
    int64_t now_s, grace_s;
    int64_t fire_s, coalesced, first_s; /* as struct agenda_due has them */
    int64_t missed_first_s, missed_s, missed;
    int64_t
        next_s; /* the first fire time that was not looked at; in the end the first one after now; 0: none */
};

/* The first second that counts for a job: after the cursor (INT64_MIN: none) and not before since_s. */
int64_t due_from(int64_t cursor_s, int64_t since_s);

/* The first fire time at or after an instant; 0: none. */
int64_t due_next(const struct job_timing *timing, int64_t from_s);

/* first_s: the first fire time that nobody acted on; 0: none. A fire time is missed if it is more than
 * grace_s ago. */
void due_begin(struct due *due, int64_t first_s, int64_t now_s, int64_t grace_s);

/* Looks at up to max more fire times. True: that is all. */
bool due_count(struct due *due, const struct job_timing *timing, int max);

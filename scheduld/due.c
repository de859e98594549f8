/* See due.h. */
#include "due.h"

#include "job_timing.h"

int64_t due_from(int64_t cursor_s, int64_t since_s)
{
    return cursor_s < since_s ? since_s : cursor_s + 1;
}

int64_t due_next(const struct job_timing *timing, int64_t from_s)
{
    int64_t next_s;

    return job_timing_next(timing, from_s, &next_s) ? next_s : 0;
}

void due_begin(struct due *due, int64_t first_s, int64_t now_s, int64_t grace_s)
{
    *due = (struct due){.now_s = now_s, .grace_s = grace_s, .next_s = first_s};
}

static void look_at(struct due *due, int64_t fire_s)
{
    if (fire_s < due->now_s - due->grace_s) {
        if (due->missed++ == 0)
            due->missed_first_s = fire_s;
        due->missed_s = fire_s;
        return;
    }
    if (due->fire_s == 0)
        due->first_s = fire_s;
    due->coalesced += due->fire_s != 0;
    due->fire_s = fire_s;
}

bool due_count(struct due *due, const struct job_timing *timing, int max)
{
    while (due->next_s != 0 && due->next_s <= due->now_s) {
        if (max-- == 0)
            return false;
        look_at(due, due->next_s);
        due->next_s = due_next(timing, due->next_s + 1);
    }
    return true;
}

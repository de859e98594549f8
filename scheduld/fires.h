/*
 * What the runner keeps of a job that is due: one entry a job; and the arithmetic of merging what comes while
 * it is there. Pure.
 *
 * An entry has up to five parts, each of which ends up in the ledger:
 *     main     the fire that is being dealt with, or is next to be
 *     later    fires that came while main was there, and are decided on when that is over
 *     skip     fires that came while main was being launched: to be on record as skipped
 *     missed   fires that were too old when we heard of them: to be on record as missed
 *     rearm    only job_state is to be written, for the fire is on record already
 *
 * A row of missed or skip whose write was left without an answer may be on record. It is written again as it
 * was, before what came since: one for both would be a second row for the same fires.
 */
#pragma once

#include "run_fsm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/queue.h>

struct agenda_due;
struct plan_job;
struct run;

/* Fires that one row stands for. */
struct fire_span {
    int64_t fire_s;   /* the latest; 0: none */
    int64_t first_s;  /* the earliest */
    int64_t count;    /* that one included */
    int64_t revision; /* of the job, from which they were computed */
    int64_t next_s;   /* the fire after them; 0: none */
    int64_t grace_s;  /* of the job, likewise: how late the run may be launched */
};

struct fire {
    char *job_id; /* owned */
    struct fire *hash_next;
    struct fire_span main; /* count - 1 were coalesced into it */
    struct fire_span later, skip, missed, rearm;
    struct fire_span lost_skip, lost_missed; /* their writes had no answer */
    int64_t lost_skipped_for_s;              /* as skipped_for_s, when lost_skip was asked for */
    struct fire_told {                       /* with the last due */
        int64_t revision, next_s, grace_s;
    } told;
    int64_t skipped_for_s; /* the fire whose run was being launched when skip came */
    int64_t written_s; /* fires until then are on record, or in a statement that is tried until they are */

    enum run_state state; /* of main */
    bool taken_over;      /* main was found open in the ledger */
    bool to_plan;         /* main is to be inserted */
    bool unsure;          /* main's write may have been done already */
    int64_t lost_ms;      /* monotonic; when its write was last left without an answer; 0: never */
    bool looked;          /* for a row of main's that its first write may yet bring, see runner_plan.c */
    bool holds_slot;      /* counts as active */
    bool holds_place;     /* and as one that has a queue to ask */
    bool refused;         /* the database would not have main's result: it waits to be written again */
    bool repeats;         /* main's RunTask was tried before, or may have been */
    int tries;            /* of what is being tried, for the back-off */
    int held_up;          /* times that a write of its waited in vain for somebody's lock */
    int64_t asked_ms;     /* monotonic; when main's RunTask was last on the wire, or may have been */
    bool untold;          /* ECS's lists do not tell what became of it: its RunTask does */
    size_t next_chunk;    /* of the pass over main's chunks */
    char *why;            /* owned; why the last check did not work; NULL: none failed */
    struct plan_job *job; /* owned; while main is checked */
    struct run *run;      /* owned; from the check to the end */
    size_t request_bytes; /* of run's request, as it counts in the runner's */

    int holds;                 /* callbacks that are to come with this entry */
    bool dead;                 /* forgotten: freed when the last of them has come */
    bool plan_queued, in_plan; /* waits for a statement that inserts; is in the one on its way */
    bool is_held;              /* plan_queued: among those that go one by one */
    TAILQ_ENTRY(fire) all_link, plan_link, work_link;
    size_t heap_at[2]; /* in a fire_heap of each kind; SIZE_MAX: in none */
    int64_t heap_key[2];
};

TAILQ_HEAD(fire_list, fire);

struct fire *fire_new(const char *job_id);
void fire_free(struct fire *fire); /* in no container any more; NULL is fine */

/* a becomes both: b's are later, or all of a's newly computed with what has come since. */
void fire_span_merge(struct fire_span *a, const struct fire_span *b);
/* now becomes both, of which the one that is put back is the older. */
void fire_span_put_back(struct fire_span *now, struct fire_span before);

/* What a due brings to an entry: says what has changed. */
enum fire_change {
    FIRE_WAITS,     /* nothing is to be done now: it is known already, or waits for main */
    FIRE_BEGINS,    /* main was empty, and is not any more */
    FIRE_IS_WRITTEN /* skip or rearm is to be written */
};
/* missed, if the due has any, is to be written in any case. */
enum fire_change fire_take_due(struct fire *fire, const struct agenda_due *due);

/* What comes now comes while main is being launched. */
bool fire_blocks(const struct fire *fire);
/* Main begins to be launched: what came since is skipped. True: there was something. */
bool fire_skip_later(struct fire *fire);

/* main is over, or was dropped: later becomes main. False: there is none. */
bool fire_promote(struct fire *fire);
void fire_forget_main(struct fire *fire);
/* Nothing that was decided of main counts any more, nor is it on record; it stays. */
void fire_forget_decision(struct fire *fire);
/* There is something for a statement that inserts. */
bool fire_has_rows(const struct fire *fire);
/* Some of it may be on record, as its write had no answer. */
bool fire_has_lost(const struct fire *fire);
/* Nothing is left to be done. */
bool fire_empty(const struct fire *fire);

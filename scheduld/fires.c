/* See fires.h. */
#include "fires.h"

#include <assert.h>
#include <stdlib.h>

#include "agenda.h"
#include "due.h"
#include "mem.h"
#include "plan.h"
#include "run.h"

struct fire *fire_new(const char *job_id)
{
    struct fire *fire = mem_alloc(sizeof *fire);

    fire->job_id = mem_strdup(job_id);
    fire->heap_at[0] = fire->heap_at[1] = SIZE_MAX;
    return fire;
}

void fire_free(struct fire *fire)
{
    if (fire == NULL)
        return;
    assert(fire->heap_at[0] == SIZE_MAX && fire->heap_at[1] == SIZE_MAX);
    plan_job_free(fire->job);
    run_free(fire->run);
    free(fire->why);
    free(fire->job_id);
    free(fire);
}

void fire_span_merge(struct fire_span *a, const struct fire_span *b)
{
    if (b->count == 0)
        return;
    if (a->count != 0 && b->first_s > a->fire_s) {
        a->count += b->count;
        a->fire_s = b->fire_s;
        a->revision = b->revision;
        a->next_s = b->next_s;
        a->grace_s = b->grace_s;
    } else if (a->count == 0 || b->revision > a->revision || b->fire_s > a->fire_s) {
        *a = *b; /* computed from the cursor: it has all */
    }
}

void fire_span_put_back(struct fire_span *now, struct fire_span before)
{
    fire_span_merge(&before, now);
    *now = before;
}

/* What is computed from the cursor has fires that have been decided on, and are not on record yet. */
static void leave_out(struct fire_span *span, int64_t known_s, const struct job_timing *timing)
{
    int64_t fire_s;

    if (timing == NULL || span->first_s > known_s || span->fire_s <= known_s)
        return;
    span->first_s = due_next(timing, known_s + 1);
    span->count = 0;
    for (fire_s = span->first_s; fire_s != 0 && fire_s <= span->fire_s; fire_s = due_next(timing, fire_s + 1))
        span->count++;
}

/* Main stands for a fire of its own at least, though by new rules of its zone it may be none. */
static void leave_missed(struct fire_span *main, int64_t missed_s, const struct job_timing *timing)
{
    leave_out(main, missed_s, timing);
    if (main->count > 0)
        return;
    main->first_s = main->fire_s;
    main->count = 1;
}

/* The span stands for those before it as well, unless it was computed from the cursor, and has them. */
static void take_in(struct fire_span *span, const struct fire_span *before)
{
    if (before->count == 0 || span->first_s <= before->fire_s)
        return;
    span->first_s = before->first_s;
    span->count += before->count;
}

/* A fire before main counts only as a new definition's, and if nothing was decided about main. */
static enum fire_change take_earlier(struct fire *fire, const struct fire_span *span)
{
    if (!run_state_decided(fire->state) && span->revision > fire->main.revision)
        fire->main = *span;
    return FIRE_WAITS;
}

/* It is on record, or on its way there: the job is moved on. */
static enum fire_change take_written(struct fire *fire, const struct fire_span *span)
{
    fire->rearm = *span;
    return FIRE_IS_WRITTEN;
}

/* The same fire, said again after the job was read again. */
static enum fire_change take_same(struct fire *fire, const struct fire_span *span)
{
    if (span->revision <= fire->main.revision && span->next_s == fire->main.next_s)
        return FIRE_WAITS;
    fire->main.revision = span->revision;
    fire->main.next_s = span->next_s;
    if (run_state_decided(fire->state))
        return take_written(fire, span);
    fire->main.count = span->count;
    fire->main.first_s = span->first_s;
    fire->main.grace_s = span->grace_s;
    return FIRE_WAITS;
}

/* Said again, and waits to be on record as skipped: what it counts stays. */
static enum fire_change take_skipped(struct fire *fire, const struct fire_span *span)
{
    if (span->revision > fire->skip.revision) {
        fire->skip.revision = span->revision;
        fire->skip.next_s = span->next_s;
        fire->skip.grace_s = span->grace_s;
    }
    return FIRE_IS_WRITTEN;
}

bool fire_blocks(const struct fire *fire)
{
    /* What came before the take-over of main was not kept from running by it. */
    return fire->main.count > 0 && !fire->taken_over &&
           (fire->state == RUN_LAUNCHING || fire->state == RUN_RETRYING);
}

bool fire_skip_later(struct fire *fire)
{
    if (!fire_blocks(fire) || fire->later.count == 0)
        return false;
    fire_span_merge(&fire->skip, &fire->later);
    fire->later = (struct fire_span){0};
    fire->skipped_for_s = fire->main.fire_s;
    return true;
}

static enum fire_change take_later(struct fire *fire, const struct fire_span *span)
{
    if (!run_state_decided(fire->state) && span->first_s <= fire->main.fire_s) {
        fire->main = *span; /* said again, and more has come since */
        fire->later = (struct fire_span){0};
        return FIRE_WAITS;
    }
    fire_span_merge(&fire->later, span);
    return fire_skip_later(fire) ? FIRE_IS_WRITTEN : FIRE_WAITS;
}

static int64_t later_of(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* Fires until then are on record, or nothing keeps them from it. */
static int64_t settled_until(const struct fire *fire)
{
    return later_of(fire->written_s, fire->missed.fire_s);
}

/* Or they are decided on. */
static int64_t known_until(const struct fire *fire)
{
    const bool decided = fire->main.count > 0 && run_state_decided(fire->state);

    return later_of(later_of(settled_until(fire), fire->skip.fire_s), decided ? fire->main.fire_s : 0);
}

/* Each fire counts once: what waits, as it was not too late yet when we heard of it, loses to missed what is
 * by now. What was decided keeps its fires. */
static void take_missed(struct fire *fire, struct fire_span *missed, const struct job_timing *timing)
{
    const bool open = fire->main.count > 0 && !run_state_decided(fire->state);
    const int64_t known_s = known_until(fire);

    leave_out(missed, known_s, timing);
    if (missed->fire_s <= known_s)
        return;
    if (fire->later.fire_s <= missed->fire_s) {
        take_in(missed, &fire->later);
        fire->later = (struct fire_span){0};
    } else {
        leave_out(&fire->later, missed->fire_s, timing);
    }
    if (open && fire->main.fire_s <= missed->fire_s) {
        /* Main stands for them, and is going to be missed: a row of theirs would move the job past it. */
        take_in(missed, &fire->main);
        fire->main = *missed;
        return;
    }
    if (open && fire->main.revision == missed->revision) /* else it is said anew */
        leave_missed(&fire->main, missed->fire_s, timing);
    fire_span_merge(&fire->missed, missed);
}

enum fire_change fire_take_due(struct fire *fire, const struct agenda_due *due)
{
    struct fire_span span = {.fire_s = due->fire_s,
                             .first_s = due->coalesced == 0 ? due->fire_s : due->first_s,
                             .count = due->fire_s == 0 ? 0 : due->coalesced + 1,
                             .revision = due->revision,
                             .next_s = due->next_s,
                             .grace_s = due->grace_s};
    /* next_run must not pass over a fire that is not on record yet. */
    struct fire_span missed = {.fire_s = due->missed_s,
                               .first_s = due->missed_first_s,
                               .count = due->missed_s == 0 ? 0 : due->missed,
                               .revision = due->revision,
                               .next_s = due->fire_s != 0 ? due->fire_s : due->next_s,
                               .grace_s = due->grace_s};

    fire->told = (struct fire_told){due->revision, due->next_s, due->grace_s};
    take_missed(fire, &missed, due->timing);
    if (span.count == 0)
        return FIRE_WAITS;
    if (span.fire_s <= fire->skip.fire_s && span.fire_s > fire->main.fire_s)
        return take_skipped(fire, &span);
    leave_out(&span, known_until(fire), due->timing);
    if (span.fire_s <= settled_until(fire) && span.fire_s > fire->main.fire_s)
        return take_written(fire, &span);
    if (fire->main.count == 0) {
        fire->main = span;
        fire->state = RUN_DUE;
        return FIRE_BEGINS;
    }
    if (span.fire_s < fire->main.fire_s)
        return take_earlier(fire, &span);
    if (span.fire_s == fire->main.fire_s)
        return take_same(fire, &span);
    return take_later(fire, &span);
}

void fire_forget_main(struct fire *fire)
{
    plan_job_free(fire->job);
    run_free(fire->run);
    free(fire->why);
    fire->job = NULL;
    fire->run = NULL;
    fire->why = NULL;
    fire->main = (struct fire_span){0};
    fire->state = RUN_DUE;
    fire->taken_over = fire->to_plan = fire->unsure = fire->looked = fire->untold = false;
    fire->tries = fire->held_up = 0;
    fire->lost_ms = 0;
    fire->next_chunk = 0;
}

/* What came behind main counted on its row. Too late, it would be on record before main, and move the job
 * past it; and main with an older revision than what the agenda has told since would be dropped as outdated.
 */
static void take_newer(struct fire *fire)
{
    if (fire->missed.fire_s > fire->main.fire_s) {
        if (fire->main.first_s < fire->missed.first_s)
            fire->missed.first_s = fire->main.first_s;
        fire->missed.count += fire->main.count;
        fire->main = fire->missed;
        fire->missed = (struct fire_span){0};
    }
    if (fire->later.count > 0 && fire->later.revision > fire->main.revision) {
        fire_span_merge(&fire->main, &fire->later);
        fire->later = (struct fire_span){0};
    }
    if (fire->told.revision > fire->main.revision) {
        fire->main.revision = fire->told.revision;
        fire->main.next_s = fire->told.next_s;
        fire->main.grace_s = fire->told.grace_s;
    }
}

/* Of main's own statement, which is not on record: they count on, as if that had not been tried. */
static void forget_lost(struct fire *fire)
{
    if (fire->skip.count == 0)
        fire->skipped_for_s = fire->lost_skipped_for_s;
    fire_span_put_back(&fire->missed, fire->lost_missed);
    fire_span_put_back(&fire->skip, fire->lost_skip);
    fire->lost_missed = fire->lost_skip = (struct fire_span){0};
    fire->lost_ms = 0;
}

void fire_forget_decision(struct fire *fire)
{
    if (fire->lost_ms != 0)
        forget_lost(fire);
    run_free(fire->run);
    fire->run = NULL;
    fire->to_plan = false;
    if (fire->written_s >= fire->main.first_s)
        fire->written_s = fire->main.first_s - 1;
    if (fire->rearm.fire_s >= fire->main.first_s) /* it would move the job past main */
        fire->rearm = (struct fire_span){0};
    take_newer(fire);
}

static bool has_spans(const struct fire *fire)
{
    return fire->missed.count > 0 || fire->skip.count > 0 || fire->rearm.count > 0 ||
           fire->lost_missed.count > 0 || fire->lost_skip.count > 0;
}

bool fire_has_rows(const struct fire *fire)
{
    return fire->to_plan || has_spans(fire);
}

bool fire_has_lost(const struct fire *fire)
{
    return (fire->to_plan && fire->lost_ms != 0) || fire->lost_missed.count > 0 || fire->lost_skip.count > 0;
}

bool fire_promote(struct fire *fire)
{
    struct fire_span later = fire->later;

    fire_forget_main(fire);
    fire->main = later;
    fire->later = (struct fire_span){0};
    return later.count > 0;
}

bool fire_empty(const struct fire *fire)
{
    return fire->main.count == 0 && fire->later.count == 0 && !has_spans(fire);
}

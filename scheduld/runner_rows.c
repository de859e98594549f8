/* See runner_rows.h. */
#include "runner_rows.h"

#include <inttypes.h>
#include <stdlib.h>

#include "mem.h"
#include "run.h"
#include "run_store.h"
#include "runner_internal.h"

static struct plan_item *add_item(struct plan_rows *rows, struct fire *fire, enum plan_part part,
                                  const struct fire_span *span)
{
    struct plan_item *item = &rows->items[rows->count++];

    *item = (struct plan_item){.fire = fire, .part = part, .span = *span, .again = fire_has_lost(fire)};
    if (part != PART_REARM && span->fire_s > fire->written_s)
        fire->written_s = span->fire_s;
    return item;
}

static void add_main(struct plan_rows *rows, struct fire *fire)
{
    struct plan_item *item = add_item(rows, fire, PART_MAIN, &fire->main);

    fire->to_plan = false;
    if (fire->run != NULL)
        item->chunks = ledger_chunks(fire->run);
    item->error = mem_strdup_or_null(fire->why);
}

static void add_missed(struct plan_rows *rows, struct fire *fire, const struct fire_span *span)
{
    struct plan_item *item = add_item(rows, fire, PART_MISSED, span);

    item->error = mem_printf("nobody could act on it within the grace of %" PRId64 " s", span->grace_s);
}

static void add_skip(struct plan_rows *rows, struct fire *fire, const struct fire_span *span, int64_t for_s)
{
    struct plan_item *item = add_item(rows, fire, PART_SKIP, span);

    item->skipped_for_s = for_s;
    item->error = mem_printf("the run of %s was still launching", STAMP(for_s));
}

static void add_lost(struct plan_rows *rows, struct fire *fire)
{
    if (fire->lost_missed.count > 0)
        add_missed(rows, fire, &fire->lost_missed);
    if (fire->lost_skip.count > 0)
        add_skip(rows, fire, &fire->lost_skip, fire->lost_skipped_for_s);
    if (fire->to_plan && fire->lost_ms != 0)
        add_main(rows, fire);
    fire->lost_missed = fire->lost_skip = (struct fire_span){0};
}

static void add_all(struct plan_rows *rows, struct fire *fire)
{
    if (fire->missed.count > 0)
        add_missed(rows, fire, &fire->missed);
    if (fire->to_plan)
        add_main(rows, fire);
    if (fire->skip.count > 0)
        add_skip(rows, fire, &fire->skip, fire->skipped_for_s);
    if (fire->rearm.count > 0)
        add_item(rows, fire, PART_REARM, &fire->rearm);
    fire->missed = fire->skip = fire->rearm = (struct fire_span){0};
}

void plan_rows_take(struct plan_rows *rows, struct fire *fire)
{
    if (fire_has_lost(fire))
        add_lost(rows, fire);
    else
        add_all(rows, fire);
}

static const char *state_of(const struct plan_item *item)
{
    switch (item->part) {
    case PART_MISSED:
        return run_state_ledger(RUN_MISSED);
    case PART_MAIN:
        return run_state_ledger(item->fire->state);
    case PART_SKIP:
        return run_state_ledger(RUN_SKIPPED);
    case PART_REARM:
        break;
    }
    return NULL;
}

static void put_row(const struct plan_item *item, struct run_plan_row *row)
{
    const struct run *run = item->part == PART_MAIN ? item->fire->run : NULL;

    *row = (struct run_plan_row){
        .job_id = item->fire->job_id,
        .fire_s = item->span.fire_s,
        .state = state_of(item),
        .coalesced = item->span.count - 1,
        .wanted = run == NULL ? -1 : run->wanted,
        .running = run == NULL ? -1 : run->running,
        .needed = run == NULL ? -1 : run->needed,
        .request = run == NULL ? NULL : run->request,
        .chunks = item->chunks,
        .error = item->error,
        .next_s = item->span.next_s,
        .revision = item->span.revision,
    };
}

void plan_rows_fill(const struct plan_rows *rows, struct run_plan_row *ret)
{
    for (size_t i = 0; i < rows->count; i++)
        put_row(&rows->items[i], &ret[i]);
}

void plan_rows_done(struct plan_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->items[i].chunks);
        free(rows->items[i].error);
        rows->items[i].chunks = rows->items[i].error = NULL;
    }
}

static void undo_item(struct plan_item *item, int64_t lost_ms)
{
    struct fire *fire = item->fire;
    bool lost = lost_ms != 0 || item->again;

    switch (item->part) {
    case PART_MISSED:
        fire_span_put_back(lost ? &fire->lost_missed : &fire->missed, item->span);
        break;
    case PART_MAIN:
        fire->to_plan = true;
        if (lost_ms != 0)
            fire->lost_ms = lost_ms;
        break;
    case PART_SKIP:
        fire_span_put_back(lost ? &fire->lost_skip : &fire->skip, item->span);
        if (lost)
            fire->lost_skipped_for_s = item->skipped_for_s;
        break;
    case PART_REARM:
        fire_span_put_back(&fire->rearm, item->span);
        break;
    }
}

void plan_rows_undo(struct plan_rows *rows, int64_t lost_ms)
{
    for (size_t i = 0; i < rows->count; i++)
        if (!rows->items[i].fire->dead)
            undo_item(&rows->items[i], lost_ms);
}

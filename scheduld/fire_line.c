/* See fire_line.h. */
#include "fire_line.h"

#include "fires.h"

enum { GAP_BITS = 20, GAP_MAX = (1 << GAP_BITS) - 1 }; /* seconds: twelve days */

/* The newest first, then who is due again soonest. */
static int64_t newest_key(const struct fire_span *span)
{
    int64_t gap_s = span->next_s == 0 ? GAP_MAX : span->next_s - span->fire_s;

    gap_s = gap_s < GAP_MAX ? gap_s : GAP_MAX;
    return -span->fire_s * (GAP_MAX + 1) + (gap_s > 0 ? gap_s : 0);
}

void fire_line_init(struct fire_line *line)
{
    *line = (struct fire_line){.newest = {.which = 1}};
}

void fire_line_done(struct fire_line *line)
{
    fire_heap_done(&line->oldest);
    fire_heap_done(&line->newest);
}

size_t fire_line_count(const struct fire_line *line)
{
    return line->oldest.count;
}

void fire_line_add(struct fire_line *line, struct fire *fire)
{
    fire_heap_add(&line->oldest, fire, fire->main.fire_s);
    fire_heap_add(&line->newest, fire, newest_key(&fire->main));
}

void fire_line_remove(struct fire_line *line, struct fire *fire)
{
    fire_heap_remove(&line->oldest, fire);
    fire_heap_remove(&line->newest, fire);
}

struct fire *fire_line_take(struct fire_line *line)
{
    struct fire *fire = fire_heap_first(line->newest_is_next ? &line->newest : &line->oldest);

    if (fire == NULL)
        return NULL;
    line->newest_is_next = !line->newest_is_next;
    fire_line_remove(line, fire);
    return fire;
}

struct fire *fire_line_newest(const struct fire_line *line)
{
    return fire_heap_first(&line->newest);
}

struct fire *fire_line_at(const struct fire_line *line, size_t i)
{
    return line->oldest.items[i];
}

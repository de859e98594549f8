/*
 * Whose turn it is when there is not enough for all. Pure.
 *
 * Of two that are taken one is the fire that has waited longest, and one the newest; of those that are
 * equally new the job that is due again soonest. So however many wait, each gets its turn, oldest first, at
 * half of what there is at least; and who comes into a long line does not wait for all that came before: a
 * job that is due each second stays punctual beside ten thousand that came at once. A job has one fire in a
 * line at a time, and its next one is a newer one: so no job gets a second turn before an older fire of
 * another has had its first, but by the half that the newest have.
 */
#pragma once

#include "fire_heap.h"

#include <stdbool.h>
#include <stddef.h>

struct fire_line {
    struct fire_heap oldest, newest; /* both hold all of them */
    bool newest_is_next;
};

void fire_line_init(struct fire_line *line);
void fire_line_done(struct fire_line *line); /* the entries are not its own */

size_t fire_line_count(const struct fire_line *line);
void fire_line_add(struct fire_line *line, struct fire *fire);    /* in no line and no heap; it has a main */
void fire_line_remove(struct fire_line *line, struct fire *fire); /* in this one */

struct fire *fire_line_take(struct fire_line *line);               /* whose turn it is; NULL: none waits */
struct fire *fire_line_newest(const struct fire_line *line);       /* stays in it; NULL: none waits */
struct fire *fire_line_at(const struct fire_line *line, size_t i); /* any order, until it changes */

/* Entries in order of a number, the smallest first; of equal ones, any. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct fire;

struct fire_heap {
    struct fire **items; /* owned; the entries are not */
    size_t count, room;
    int which; /* kind of heap, 0 or 1: an entry may be in one of each */
};
void fire_heap_done(struct fire_heap *heap);
void fire_heap_add(struct fire_heap *heap, struct fire *fire, int64_t key); /* in no heap */
void fire_heap_remove(struct fire_heap *heap, struct fire *fire);           /* in this one */
struct fire *fire_heap_first(const struct fire_heap *heap);                 /* NULL: empty */

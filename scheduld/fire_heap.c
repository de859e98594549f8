/* See fire_heap.h. */
#include "fire_heap.h"

#include <assert.h>
#include <stdlib.h>

#include "fires.h"
#include "mem.h"

enum { HEAP_MIN = 64 };

void fire_heap_done(struct fire_heap *heap)
{
    free(heap->items);
    *heap = (struct fire_heap){.which = heap->which};
}

static int64_t key_of(const struct fire_heap *heap, const struct fire *fire)
{
    return fire->heap_key[heap->which];
}

static void put_at(struct fire_heap *heap, size_t at, struct fire *fire)
{
    heap->items[at] = fire;
    fire->heap_at[heap->which] = at;
}

static void sift_up(struct fire_heap *heap, size_t at)
{
    struct fire *fire = heap->items[at];

    while (at > 0 && key_of(heap, heap->items[(at - 1) / 2]) > key_of(heap, fire)) {
        put_at(heap, at, heap->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put_at(heap, at, fire);
}

static void sift_down(struct fire_heap *heap, size_t at)
{
    struct fire *fire = heap->items[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < heap->count &&
            key_of(heap, heap->items[child + 1]) < key_of(heap, heap->items[child]))
            child++;
        if (child >= heap->count || key_of(heap, heap->items[child]) >= key_of(heap, fire))
            break;
        put_at(heap, at, heap->items[child]);
        at = child;
    }
    put_at(heap, at, fire);
}

void fire_heap_add(struct fire_heap *heap, struct fire *fire, int64_t key)
{
    assert(fire->heap_at[heap->which] == SIZE_MAX);
    if (heap->count == heap->room) {
        heap->room = heap->room == 0 ? HEAP_MIN : 2 * heap->room;
        heap->items = mem_grow(heap->items, heap->room, sizeof(struct fire *));
    }
    fire->heap_key[heap->which] = key;
    put_at(heap, heap->count++, fire);
    sift_up(heap, heap->count - 1);
}

void fire_heap_remove(struct fire_heap *heap, struct fire *fire)
{
    size_t at = fire->heap_at[heap->which];
    struct fire *last = heap->items[--heap->count];

    assert(heap->items[at] == fire);
    fire->heap_at[heap->which] = SIZE_MAX;
    if (last == fire)
        return;
    put_at(heap, at, last);
    sift_up(heap, at);
    sift_down(heap, last->heap_at[heap->which]);
}

struct fire *fire_heap_first(const struct fire_heap *heap)
{
    return heap->count == 0 ? NULL : heap->items[0];
}

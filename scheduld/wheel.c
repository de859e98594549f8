/*
 * See wheel.h.
 *
 * Time is counted in ticks (seconds) from a base 68 years before the wheel was made, so that 32 bits hold it.
 * Three levels: a slot of level 0 is a tick, one of level 1 is 4096 ticks (68 minutes), one of level 2 is
 * 4096 of those (194 days), and 256 slots of level 2 are all there is. Two blocks of each finer level are
 * open at a time: the one that `at` is in, and the next. When `at` enters a block the one after it opens, and
 * the coarse slot of that one is emptied into it, in portions, over the next 68 minutes: nothing has to be
 * moved in the instant in which it becomes due. Only a clock that leaps ahead makes a block wait for its
 * portions.
 *
 *     level 2   [B+2] [B+3] ...          open: 24 bits of ticks around B
 *     level 1   B: [b+2] ... | B+1: ...  open: 12 bits of ticks around b
 *     level 0   b: [at] ...  | b+1: ...  one slot a tick
 *
 * A slot is a chain of chunks of entry numbers. Chunks instead of links through the entries, as then the next
 * entries are known ahead, and their memory is fetched while others are at work; this is most of the speed.
 * An entry knows its place in the chunks; who leaves a hole has it filled by the slot's last entry.
 *
 * When the clock is set back, so that other blocks are to be open, all slots become the "old face" of the
 * wheel, and are emptied into a new one, in portions likewise.
 */
#include "wheel.h"

#include <assert.h>
#include <stdlib.h>

#include "mem.h"

enum {
    BLOCK_BITS = 12,
    OPEN_SLOTS = 2 << BLOCK_BITS, /* of levels 0 and 1: two blocks */
    TOP_SHIFT = 2 * BLOCK_BITS,
    TOP_SLOTS = 1 << (32 - TOP_SHIFT),
    LEVEL1 = OPEN_SLOTS, /* the slots of all levels are numbered through */
    LEVEL2 = 2 * OPEN_SLOTS,
    SLOTS = LEVEL2 + TOP_SLOTS,
    WORDS = SLOTS / 64,
    CHUNK_REFS = 30,
    CHUNK_SHIFT = 5, /* a place is chunk << 5 | index: 2 of the 32 numbers are not used */
    FETCH_AHEAD = 12,
};

struct chunk {     /* 128 bytes: two lines of cache */
    uint32_t next; /* of the slot's chain, or of the free ones; 0: none */
    uint16_t slot;
    uint8_t face;
    uint8_t used; /* only the first of a chain is not full */
    uint32_t refs[CHUNK_REFS];
};

struct entry {
    uint32_t due;   /* tick */
    uint32_t place; /* 0: it has no time, as chunk 0 is not used */
};

struct face {
    uint32_t head[SLOTS]; /* first chunk; 0: the slot is empty */
    uint64_t full[WORDS]; /* a bit a slot that is not empty */
    uint32_t count[3];    /* entries, by level */
};

struct wheel {
    int64_t base_s;
    uint32_t at;           /* the tick that is due; all before it are done with */
    uint8_t current;       /* which face */
    struct face *faces[2]; /* owned; the other one is NULL unless the clock was set back */
    struct entry *entries; /* owned */
    struct chunk *chunks;  /* owned */
    uint32_t entry_cap, chunk_cap, chunk_used, chunk_free;
    size_t count;
};

struct wheel *wheel_new(int64_t now_s)
{
    struct wheel *w = mem_alloc(sizeof *w);

    w->base_s = now_s - INT32_MAX;
    w->at = INT32_MAX;
    w->faces[0] = mem_alloc(sizeof *w->faces[0]);
    w->chunk_used = 1;
    return w;
}

void wheel_free(struct wheel *w)
{
    if (w == NULL)
        return;
    free(w->faces[0]);
    free(w->faces[1]);
    free(w->entries);
    free(w->chunks);
    free(w);
}

static uint32_t tick_of(const struct wheel *w, int64_t s)
{
    if (s <= w->base_s)
        return 0;
    if (s >= w->base_s + UINT32_MAX)
        return UINT32_MAX;
    return (uint32_t)(s - w->base_s);
}

static unsigned level_of(uint32_t slot)
{
    return slot < LEVEL1 ? 0 : slot < LEVEL2 ? 1 : 2;
}

/* The slot of a tick that is not before `at`. */
static uint32_t slot_of(const struct wheel *w, uint32_t tick)
{
    if ((tick >> BLOCK_BITS) - (w->at >> BLOCK_BITS) <= 1)
        return tick % OPEN_SLOTS;
    if ((tick >> TOP_SHIFT) - (w->at >> TOP_SHIFT) <= 1)
        return LEVEL1 + (tick >> BLOCK_BITS) % OPEN_SLOTS;
    return LEVEL2 + (tick >> TOP_SHIFT);
}

/* --- slots --- */

static uint32_t chunk_new(struct wheel *w)
{
    uint32_t i = w->chunk_free;

    if (i != 0) {
        w->chunk_free = w->chunks[i].next;
        return i;
    }
    if (w->chunk_used >= w->chunk_cap) {
        w->chunk_cap += w->chunk_cap / 4 + 64; /* room is memory, and growing is cheap: it is remapped */
        w->chunks = mem_grow(w->chunks, w->chunk_cap, sizeof *w->chunks);
    }
    return w->chunk_used++;
}

static void put(struct wheel *w, uint32_t slot, uint32_t entry)
{
    struct face *face = w->faces[w->current];
    uint32_t head = face->head[slot];
    struct chunk *chunk = &w->chunks[head];

    if (head == 0 || chunk->used == CHUNK_REFS) {
        uint32_t fresh = chunk_new(w);

        chunk = &w->chunks[fresh];
        chunk->next = head;
        chunk->slot = (uint16_t)slot;
        chunk->face = w->current;
        chunk->used = 0;
        face->head[slot] = head = fresh;
        face->full[slot / 64] |= UINT64_C(1) << slot % 64;
    }
    w->entries[entry].place = head << CHUNK_SHIFT | chunk->used;
    chunk->refs[chunk->used++] = entry;
    face->count[level_of(slot)]++;
}

/* Forgets the last entry of a slot that is not empty. */
static void drop_last(struct wheel *w, struct face *face, uint32_t slot)
{
    uint32_t head = face->head[slot];
    struct chunk *chunk = &w->chunks[head];

    face->count[level_of(slot)]--;
    if (--chunk->used > 0)
        return;
    face->head[slot] = chunk->next;
    if (chunk->next == 0)
        face->full[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    chunk->next = w->chunk_free;
    w->chunk_free = head;
}

static uint32_t last_of(const struct wheel *w, const struct face *face, uint32_t slot)
{
    const struct chunk *chunk = &w->chunks[face->head[slot]];

    if (chunk->used > FETCH_AHEAD)
        __builtin_prefetch(&w->entries[chunk->refs[chunk->used - 1 - FETCH_AHEAD]], 1);
    else if (chunk->next != 0)
        __builtin_prefetch(
            &w->entries[w->chunks[chunk->next].refs[CHUNK_REFS - 1 - FETCH_AHEAD + chunk->used]], 1);
    return chunk->refs[chunk->used - 1];
}

static void take_out(struct wheel *w, uint32_t entry)
{
    uint32_t place = w->entries[entry].place, last;
    struct chunk *chunk = &w->chunks[place >> CHUNK_SHIFT];
    struct face *face = w->faces[chunk->face];
    uint32_t slot = chunk->slot;

    last = last_of(w, face, slot);
    chunk->refs[place % (1U << CHUNK_SHIFT)] = last;
    w->entries[last].place = place;
    w->entries[entry].place = 0;
    drop_last(w, face, slot);
}

/* The first slot that is not empty, from..end-1; end: there is none. */
static uint32_t first_full(const struct face *face, uint32_t from, uint32_t end)
{
    uint32_t slot = from;

    while (slot < end) {
        uint64_t bits = face->full[slot / 64] >> slot % 64;

        if (bits != 0) {
            slot += (uint32_t)__builtin_ctzll(bits);
            return slot < end ? slot : end;
        }
        slot = (slot / 64 + 1) * 64;
    }
    return end;
}

/* --- the owner's calls --- */

static void grow_entries(struct wheel *w, uint32_t entry)
{
    uint32_t cap = w->entry_cap == 0 ? 64 : w->entry_cap;

    while (cap <= entry)
        cap *= 2;
    w->entries = mem_grow(w->entries, cap, sizeof *w->entries);
    for (uint32_t i = w->entry_cap; i < cap; i++)
        w->entries[i] = (struct entry){0};
    w->entry_cap = cap;
}

void wheel_set(struct wheel *w, uint32_t entry, int64_t due_s)
{
    uint32_t tick = tick_of(w, due_s);

    assert(entry < UINT32_MAX / 2);
    if (entry >= w->entry_cap)
        grow_entries(w, entry);
    if (w->entries[entry].place != 0)
        take_out(w, entry);
    else
        w->count++;
    if (tick < w->at)
        tick = w->at;
    w->entries[entry].due = tick;
    put(w, slot_of(w, tick), entry);
}

bool wheel_has(const struct wheel *w, uint32_t entry)
{
    return entry < w->entry_cap && w->entries[entry].place != 0;
}

void wheel_clear(struct wheel *w, uint32_t entry)
{
    if (!wheel_has(w, entry))
        return;
    take_out(w, entry);
    w->count--;
}

size_t wheel_count(const struct wheel *w)
{
    return w->count;
}

size_t wheel_bytes(const struct wheel *w)
{
    size_t faces = w->faces[0] != NULL && w->faces[1] != NULL ? 2 : 1;

    return sizeof *w + faces * sizeof(struct face) + w->entry_cap * sizeof *w->entries +
           w->chunk_cap * sizeof *w->chunks;
}

/* --- moving ahead of time --- */

static struct face *old_face(const struct wheel *w)
{
    return w->faces[!w->current];
}

/* The slot whose entries are to be moved to where they belong now; SLOTS: none. */
static uint32_t slot_to_move(const struct wheel *w, struct face **ret)
{
    struct face *face = w->faces[w->current];
    uint32_t next_block = (w->at >> BLOCK_BITS) + 1, next_top = (w->at >> TOP_SHIFT) + 1, slot;

    *ret = face;
    slot = LEVEL2 + next_top;
    if (next_top < TOP_SLOTS && face->head[slot] != 0)
        return slot;
    slot = LEVEL1 + next_block % OPEN_SLOTS;
    if (face->head[slot] != 0)
        return slot;
    *ret = old_face(w);
    return *ret == NULL ? (uint32_t)SLOTS : first_full(*ret, 0, SLOTS);
}

/* False: there is nothing to move (any more). */
static bool move(struct wheel *w, uint32_t max)
{
    struct face *from;
    uint32_t slot;

    while ((slot = slot_to_move(w, &from)) != SLOTS) {
        for (; max > 0 && from->head[slot] != 0; max--) {
            uint32_t entry = last_of(w, from, slot);

            if (w->entries[entry].due < w->at)
                w->entries[entry].due = w->at;
            drop_last(w, from, slot);
            put(w, slot_of(w, w->entries[entry].due), entry);
        }
        if (max == 0)
            return true;
    }
    free(w->faces[!w->current]);
    w->faces[!w->current] = NULL;
    return false;
}

static void set_back(struct wheel *w, uint32_t tick)
{
    bool same_block = tick >> BLOCK_BITS == w->at >> BLOCK_BITS;

    if (!same_block) {
        while (old_face(w) != NULL) /* set back again while the last time is not over: all at once */
            move(w, UINT32_MAX);
        w->current = !w->current;
        w->faces[w->current] = mem_alloc(sizeof *w->faces[w->current]);
    }
    w->at = tick;
}

/* --- time goes by --- */

/* With nothing left in the block of `at` up to `now`, and nothing to move: as far ahead as is safe. */
static void go_ahead(struct wheel *w, uint32_t now)
{
    const struct face *face = w->faces[w->current];
    uint64_t stop = ((uint64_t)(w->at >> BLOCK_BITS) + 1) << BLOCK_BITS; /* the next block */

    if (face->count[0] == 0 && face->count[1] == 0)
        stop = ((uint64_t)(w->at >> TOP_SHIFT) + 1) << TOP_SHIFT;
    w->at = stop < now ? (uint32_t)stop : now;
}

/* Entries of a slot of level 0. */
static size_t take_slot(struct wheel *w, uint32_t slot, uint32_t *ret, size_t max)
{
    struct face *face = w->faces[w->current];
    size_t n = 0;

    for (; n < max && face->head[slot] != 0; n++) {
        ret[n] = last_of(w, face, slot);
        w->entries[ret[n]].place = 0;
        drop_last(w, face, slot);
    }
    w->count -= n;
    return n;
}

size_t wheel_take(struct wheel *w, int64_t now_s, uint32_t *ret, size_t max)
{
    uint32_t now = tick_of(w, now_s);
    size_t n = 0;

    if (max > WHEEL_PORTION)
        max = WHEEL_PORTION;
    if (now < w->at)
        set_back(w, now);
    if (old_face(w) != NULL && move(w, WHEEL_PORTION)) /* may have what is due before all others */
        return 0;
    for (;;) {
        uint32_t left = (OPEN_SLOTS / 2) - w->at % (OPEN_SLOTS / 2); /* of this block */
        uint32_t span = now - w->at < left ? now - w->at + 1 : left;
        uint32_t from = w->at % OPEN_SLOTS, slot = first_full(w->faces[w->current], from, from + span);

        if (slot != from + span) {
            w->at += slot - from;
            n += take_slot(w, slot, ret + n, max - n);
            if (n == max)
                return n;
        } else if (n > 0 || move(w, WHEEL_PORTION)) {
            return n;
        } else if (w->at == now) {
            return 0;
        } else {
            go_ahead(w, now);
        }
    }
}

int64_t wheel_next(const struct wheel *w)
{
    enum { BLOCK = 1 << BLOCK_BITS };
    struct face *face;
    uint32_t here = w->at % OPEN_SLOTS / BLOCK * BLOCK, there = BLOCK - here, slot; /* halves of level 0 */
    int64_t block_s = w->base_s + (w->at >> BLOCK_BITS << BLOCK_BITS);

    if (slot_to_move(w, &face) != SLOTS || old_face(w) != NULL)
        return INT64_MIN;
    if (w->count == 0)
        return INT64_MAX;
    face = w->faces[w->current];
    slot = first_full(face, w->at % OPEN_SLOTS, here + BLOCK);
    if (slot != here + BLOCK)
        return block_s + (slot - here);
    if (face->count[1] != 0 || face->count[2] != 0) /* the next block's first tick opens another one */
        return block_s + BLOCK;
    return block_s + BLOCK + (first_full(face, there, there + BLOCK) - there);
}

/* --- what people ask --- */

/* The earliest entry of a slot; UINT32_MAX: it is empty, or none is earlier than that. */
static uint32_t earliest_in(const struct wheel *w, const struct face *face, uint32_t slot)
{
    uint32_t earliest = UINT32_MAX;
    size_t looked = 0;

    for (uint32_t i = face->head[slot]; i != 0 && looked < WHEEL_LOOK; i = w->chunks[i].next)
        for (uint32_t ref = 0; ref < w->chunks[i].used; ref++, looked++)
            if (w->entries[w->chunks[i].refs[ref]].due < earliest)
                earliest = w->entries[w->chunks[i].refs[ref]].due;
    return earliest;
}

/* The same of slots that go round, begin..begin+count-1, from the one that is now on. */
static uint32_t earliest_around(const struct wheel *w, const struct face *face, uint32_t begin,
                                uint32_t count, uint32_t now)
{
    uint32_t from = begin + now % count, end = begin + count, slot = first_full(face, from, end);

    if (slot == end)
        slot = first_full(face, begin, from);
    return slot == from && face->head[slot] == 0 ? UINT32_MAX : earliest_in(w, face, slot);
}

static uint32_t earliest_of(const struct wheel *w, const struct face *face)
{
    uint32_t a = earliest_around(w, face, 0, OPEN_SLOTS, w->at);
    uint32_t b = earliest_around(w, face, LEVEL1, OPEN_SLOTS, w->at >> BLOCK_BITS);
    uint32_t c = earliest_around(w, face, LEVEL2, TOP_SLOTS, w->at >> TOP_SHIFT);

    if (b < a)
        a = b;
    return c < a ? c : a;
}

int64_t wheel_first(const struct wheel *w)
{
    uint32_t earliest = earliest_of(w, w->faces[w->current]), old;

    if (w->count == 0)
        return INT64_MAX;
    if (old_face(w) != NULL && (old = earliest_of(w, old_face(w))) < earliest)
        earliest = old;
    return w->base_s + earliest;
}

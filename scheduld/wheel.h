/*
 * What is due, with no clock: a hierarchical timer wheel of one-second ticks. Time is an argument.
 *
 * Entries are numbers 0, 1, 2... of the owner's array of jobs, and each has at most one time. The wheel keeps
 * 8 bytes an entry, and 4 more with some room for one that has a time; there are no pointers to cold memory.
 *
 * No call takes long, however many entries there are: what has to be moved ahead of time (from coarse levels
 * to finer ones, or when the clock was set back) is moved in portions, by wheel_take().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wheel;

enum {
    WHEEL_PORTION = 256, /* entries that one call moves or takes at most */
    WHEEL_LOOK = 32768,  /* entries of a slot that wheel_first() looks at, at most */
};

/* now_s: seconds since 1970-01-01 UTC. Times more than 68 years from then are taken for 68 years: the owner
 * sees that it is not time yet, and sets the time again. */
struct wheel *wheel_new(int64_t now_s);
void wheel_free(struct wheel *wheel);

/* Gives an entry a time, or another one. A time that has passed is due at once. */
void wheel_set(struct wheel *wheel, uint32_t entry, int64_t due_s);
/* Takes its time from an entry; it may have none. */
void wheel_clear(struct wheel *wheel, uint32_t entry);
bool wheel_has(const struct wheel *wheel, uint32_t entry);

/* Takes entries that are due at now_s out of the wheel, earlier seconds first. Returns how many: at most max,
 * and at most WHEEL_PORTION. Time may go back: nothing is due then until it has come this far again. */
size_t wheel_take(struct wheel *wheel, int64_t now_s, uint32_t *ret, size_t max);

/* When wheel_take() has something to do next: INT64_MIN: at once; INT64_MAX: never, unless an entry is set.
 */
int64_t wheel_next(const struct wheel *wheel);

/* The earliest time that an entry has; INT64_MAX: none has one. For people: of very many entries in the same
 * hour or so, far away, it looks at the first WHEEL_LOOK only, and may then name a time a little later. */
int64_t wheel_first(const struct wheel *wheel);

size_t wheel_count(const struct wheel *wheel); /* entries that have a time */
size_t wheel_bytes(const struct wheel *wheel); /* memory */

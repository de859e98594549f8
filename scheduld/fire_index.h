/* Entries by job id: a hash table that grows and shrinks with what is in it. Pure. */
#pragma once

#include <stddef.h>

struct fire;

struct fire_index {
    struct fire **slots; /* owned; the entries are not */
    size_t size, count;
};
void fire_index_done(struct fire_index *index);
struct fire *fire_index_find(const struct fire_index *index, const char *job_id);
void fire_index_add(struct fire_index *index, struct fire *fire);    /* not in it */
void fire_index_remove(struct fire_index *index, struct fire *fire); /* nothing if it is not in it */

/* See fire_index.h. */
#include "fire_index.h"

#include <stdlib.h>
#include <string.h>

#include "fires.h"
#include "mem.h"

enum { INDEX_MIN = 64 };

/* FNV-1a. */
static size_t hash_of(const char *s)
{
    uint64_t hash = 14695981039346656037U;

    for (; *s != '\0'; s++)
        hash = (hash ^ (unsigned char)*s) * 1099511628211U;
    return (size_t)(hash ^ (hash >> 32));
}

static struct fire **slot_of(const struct fire_index *index, const char *job_id)
{
    return &index->slots[hash_of(job_id) & (index->size - 1)];
}

void fire_index_done(struct fire_index *index)
{
    free(index->slots);
    *index = (struct fire_index){0};
}

struct fire *fire_index_find(const struct fire_index *index, const char *job_id)
{
    if (index->count == 0)
        return NULL;
    for (struct fire *fire = *slot_of(index, job_id); fire != NULL; fire = fire->hash_next)
        if (strcmp(fire->job_id, job_id) == 0)
            return fire;
    return NULL;
}

static void index_put(struct fire_index *index, struct fire *fire)
{
    struct fire **slot = slot_of(index, fire->job_id);

    fire->hash_next = *slot;
    *slot = fire;
}

static void index_resize(struct fire_index *index, size_t size)
{
    struct fire_index old = *index;

    index->slots = mem_array(size, sizeof *index->slots);
    index->size = size;
    for (size_t i = 0; i < old.size; i++) {
        for (struct fire *fire = old.slots[i], *next; fire != NULL; fire = next) {
            next = fire->hash_next;
            index_put(index, fire);
        }
    }
    free(old.slots);
}

void fire_index_add(struct fire_index *index, struct fire *fire)
{
    if (index->count == index->size)
        index_resize(index, index->size == 0 ? INDEX_MIN : 2 * index->size);
    index_put(index, fire);
    index->count++;
}

void fire_index_remove(struct fire_index *index, struct fire *fire)
{
    if (index->count == 0)
        return;
    for (struct fire **at = slot_of(index, fire->job_id); *at != NULL; at = &(*at)->hash_next) {
        if (*at == fire) {
            *at = fire->hash_next;
            index->count--;
            break;
        }
    }
    /* A peak is not paid for until the end of days. */
    if (index->size > INDEX_MIN && index->count < index->size / 8)
        index_resize(index, index->size / 2);
}

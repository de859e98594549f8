/* See job_table.h. */
#include "job_table.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum { FIRST_CAP = 64 };

/* FNV-1a from a random start, as ids come from outside. */
static uint32_t hash_of(const struct job_table *table, const char *id)
{
    uint64_t hash = table->seed;

    for (; *id != '\0'; id++)
        hash = (hash ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
    return (uint32_t)(hash ^ hash >> 29 ^ hash >> 47);
}

/* Linear hashing: of 2^n to 2^(n+1) buckets the first ones have been split already. */
static uint32_t bucket_of(uint32_t hash, uint32_t buckets)
{
    uint32_t mask = (1U << (32 - __builtin_clz(buckets))) - 1; /* 2^(n+1) - 1 */

    return (hash & mask) < buckets ? hash & mask : hash & mask >> 1;
}

static void grow(void *array, uint32_t *cap, uint32_t need, size_t size)
{
    void **p = array;

    if (need <= *cap)
        return;
    *cap = *cap == 0 ? FIRST_CAP : *cap * 2;
    *p = mem_grow(*p, *cap, size);
}

/* One more bucket: the jobs of the one that it is split from are told apart by one more bit. */
static void add_bucket(struct job_table *table)
{
    uint32_t fresh = table->buckets, from, *link;

    grow((void *)&table->heads, &table->heads_cap, fresh + 1, sizeof *table->heads);
    table->heads[fresh] = JOB_NONE;
    table->buckets++;
    if (fresh == 0)
        return;
    from = fresh - (1U << (31 - __builtin_clz(fresh)));
    for (link = &table->heads[from]; *link != JOB_NONE;) {
        struct timed_job *job = table->jobs[*link];
        uint32_t number = *link;

        if (bucket_of(job->hash, table->buckets) == from) {
            link = &job->in_chain;
            continue;
        }
        *link = job->in_chain;
        job->in_chain = table->heads[fresh];
        table->heads[fresh] = number;
    }
}

void job_table_init(struct job_table *table)
{
    *table = (struct job_table){0};
    arc4random_buf(&table->seed, sizeof table->seed);
    add_bucket(table);
}

static void drop_times(struct job_table *table, struct timed_job *job)
{
    if ((job->flags & TIMED_PROBLEM) != 0) {
        table->problems--;
        table->bytes -= malloc_usable_size(job->problem);
        free(job->problem);
    } else {
        job_timing_done(&job->timing);
    }
    memset(&job->timing, 0, sizeof job->timing);
    job->flags &= ~(uint32_t)TIMED_PROBLEM;
}

void job_table_done(struct job_table *table)
{
    for (uint32_t i = 0; i < table->top; i++) {
        if (table->jobs[i] != NULL)
            drop_times(table, table->jobs[i]);
        free(table->jobs[i]);
    }
    free((void *)table->jobs);
    free(table->free);
    free(table->heads);
    *table = (struct job_table){0};
}

struct timed_job *job_table_get(const struct job_table *table, uint32_t number)
{
    return number < table->top ? table->jobs[number] : NULL;
}

uint32_t job_table_find(const struct job_table *table, const char *id)
{
    uint32_t hash = hash_of(table, id), number = table->heads[bucket_of(hash, table->buckets)];

    while (number != JOB_NONE) {
        const struct timed_job *job = table->jobs[number];

        if (job->hash == hash && strcmp(job->id, id) == 0)
            return number;
        number = job->in_chain;
    }
    return JOB_NONE;
}

uint32_t job_table_add(struct job_table *table, const char *id)
{
    size_t len = strlen(id);
    struct timed_job *job = mem_alloc(sizeof *job + len + 1);
    uint32_t number, *head;

    memcpy(job->id, id, len + 1);
    job->hash = hash_of(table, id);
    if (table->free_count > 0) {
        number = table->free[--table->free_count];
    } else {
        grow((void *)&table->jobs, &table->jobs_cap, table->top + 1, sizeof *table->jobs);
        number = table->top++;
    }
    assert(number < JOB_NONE);
    table->jobs[number] = job;
    head = &table->heads[bucket_of(job->hash, table->buckets)];
    job->in_chain = *head;
    *head = number;
    table->count++;
    table->bytes += malloc_usable_size(job) + sizeof(size_t); /* and the allocator's own */
    if (table->count > table->buckets)
        add_bucket(table);
    return number;
}

void job_table_remove(struct job_table *table, uint32_t number)
{
    struct timed_job *job = table->jobs[number];
    uint32_t *link = &table->heads[bucket_of(job->hash, table->buckets)];

    while (*link != number)
        link = &table->jobs[*link]->in_chain;
    *link = job->in_chain;
    table->jobs[number] = NULL;
    drop_times(table, job);
    table->count--;
    table->bytes -= malloc_usable_size(job) + sizeof(size_t);
    free(job);
    grow((void *)&table->free, &table->free_cap, table->free_count + 1, sizeof *table->free);
    table->free[table->free_count++] = number;
}

void job_table_set_timing(struct job_table *table, struct timed_job *job, const struct job_timing *timing)
{
    drop_times(table, job);
    job->timing = *timing;
}

void job_table_set_problem(struct job_table *table, struct timed_job *job, const char *problem)
{
    drop_times(table, job);
    job->problem = mem_strdup(problem);
    job->flags |= TIMED_PROBLEM;
    table->problems++;
    table->bytes += malloc_usable_size(job->problem);
}

size_t job_table_bytes(const struct job_table *table)
{
    return table->bytes + table->jobs_cap * sizeof(struct timed_job *) +
           ((size_t)table->free_cap + table->heads_cap) * sizeof(uint32_t);
}

/*
 * The timer wheel beside a 4-ary heap, in one run: nanoseconds an operation, bytes an entry, and the longest
 * single step.
 *
 *     build/release/tests/bench/bench_wheel [ENTRIES]     default 1000000
 */
#include "wheel.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "attr.h"
#include "mem.h"

enum { ARITY = 4, SECONDS = 600, BATCH = 64 };

static const int64_t START = 1764000000;

/* --- the heap: time and number in order of time, and where each number is --- */

struct node { /* 12 bytes of 16 */
    int64_t due;
    uint32_t entry;
};

struct heap {
    struct node *nodes;
    uint32_t *places;
    uint32_t count;
};

static void place(struct heap *heap, uint32_t at, struct node node)
{
    heap->nodes[at] = node;
    heap->places[node.entry] = at;
}

static void up(struct heap *heap, uint32_t at, struct node node)
{
    while (at > 0 && heap->nodes[(at - 1) / ARITY].due > node.due) {
        place(heap, at, heap->nodes[(at - 1) / ARITY]);
        at = (at - 1) / ARITY;
    }
    place(heap, at, node);
}

static void down(struct heap *heap, struct node node)
{
    uint32_t at = 0;

    for (;;) {
        uint32_t first = at * ARITY + 1, least = first;

        for (uint32_t i = first + 1; i < first + ARITY && i < heap->count; i++)
            if (heap->nodes[i].due < heap->nodes[least].due)
                least = i;
        if (first >= heap->count || heap->nodes[least].due >= node.due)
            break;
        place(heap, at, heap->nodes[least]);
        at = least;
    }
    place(heap, at, node);
}

/* --- the load --- */

static uint64_t dice;

static uint32_t throw(uint32_t below)
{
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((dice >> 33) % below);
}

/* Most jobs are due within the hour, some within the day, a few within months. */
static int64_t period_of(uint32_t entry)
{
    static const int64_t periods[] = {300, 900, 900, 3600, 3600, 3600, 3600, 86400, 86400, 2592000};

    return periods[entry % ARRAY_LEN(periods)];
}

static int64_t first_of(uint32_t entry)
{
    return START + 1 + throw((uint32_t)period_of(entry));
}

struct figures {
    double insert_ns, fire_ns, cancel_ns, bytes;
    int64_t fires, worst_us;
};

/* Of this thread's CPU: what other processes take is no step of ours. */
static int64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void took(int64_t begun_ns, struct figures *f)
{
    int64_t us = (cpu_ns() - begun_ns) / 1000;

    if (us > f->worst_us)
        f->worst_us = us;
}

static void run_wheel(uint32_t n, struct figures *f)
{
    struct wheel *wheel = wheel_new(START);
    int64_t begun = cpu_ns(), step;
    uint32_t out[BATCH];

    for (uint32_t i = 0; i < n; i++)
        wheel_set(wheel, i, first_of(i));
    f->insert_ns = (double)(cpu_ns() - begun) / n;
    f->bytes = (double)wheel_bytes(wheel) / n;
    begun = cpu_ns();
    for (int64_t now = START; now < START + SECONDS; now++) {
        do {
            size_t taken;

            step = cpu_ns();
            taken = wheel_take(wheel, now, out, BATCH);
            for (size_t i = 0; i < taken; i++)
                wheel_set(wheel, out[i], now + period_of(out[i]));
            f->fires += (int64_t)taken;
            took(step, f);
        } while (wheel_next(wheel) <= now);
    }
    f->fire_ns = (double)(cpu_ns() - begun) / (double)f->fires;
    for (int64_t now = START + SECONDS; now < START + 20000; now += 100) /* over the edges of blocks */
        do {
            step = cpu_ns();
            for (size_t i = wheel_take(wheel, now, out, BATCH); i > 0; i--)
                wheel_set(wheel, out[i - 1], now + period_of(out[i - 1]));
            took(step, f);
        } while (wheel_next(wheel) <= now);
    begun = cpu_ns();
    for (uint32_t i = 0; i < n; i++)
        wheel_clear(wheel, throw(n));
    f->cancel_ns = (double)(cpu_ns() - begun) / n;
    wheel_free(wheel);
}

static void run_heap(uint32_t n, struct figures *f)
{
    struct heap heap = {mem_array(n, sizeof(struct node)), mem_array(n, sizeof(uint32_t)), 0};
    int64_t begun = cpu_ns();

    for (uint32_t i = 0; i < n; i++)
        up(&heap, heap.count++, (struct node){first_of(i), i});
    f->insert_ns = (double)(cpu_ns() - begun) / n;
    f->bytes = sizeof(struct node) + sizeof(uint32_t);
    begun = cpu_ns();
    for (int64_t now = START; now < START + SECONDS; now++) {
        while (heap.nodes[0].due <= now) {
            struct node top = heap.nodes[0];

            top.due = now + period_of(top.entry);
            down(&heap, top);
            f->fires++;
        }
    }
    f->fire_ns = (double)(cpu_ns() - begun) / (double)f->fires;
    free(heap.nodes);
    free(heap.places);
}

int main(int argc, char **argv)
{
    uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    struct figures wheel = {0}, heap = {0};

    mallopt(M_MMAP_THRESHOLD, 256 * 1024); /* as the agenda does */
    dice = 1;
    run_heap(n, &heap);
    dice = 1;
    run_wheel(n, &wheel);
    printf(
        "%u entries     insert ns   fire and re-arm ns   cancel ns   bytes each   fires   longest step us\n",
        n);
    printf("wheel          %9.0f   %18.0f   %9.0f   %10.1f   %" PRId64 "   %" PRId64 "\n", wheel.insert_ns,
           wheel.fire_ns, wheel.cancel_ns, wheel.bytes, wheel.fires, wheel.worst_us);
    printf("4-ary heap     %9.0f   %18.0f   %9s   %10.1f   %" PRId64 "\n", heap.insert_ns, heap.fire_ns, "-",
           heap.bytes, heap.fires);
    printf("wheel / heap: fire and re-arm %.2f, bytes %.2f\n", wheel.fire_ns / heap.fire_ns,
           wheel.bytes / heap.bytes);
    return 0;
}

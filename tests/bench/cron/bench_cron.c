/*
 * How long cron_next() takes, a line of JSON for each schedule and zone; see README.md. The times are asked
 * for one after the other from 2026 on, as a scheduler does; after some centuries from the start again.
 *
 * Usage: bench_cron ZONEINFO-FOLDER
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cron.h"
#include "mem.h"
#include "tz.h"

enum { ROUNDS = 31, FILE_MAX = 1 << 20, TEXT_MAX = 1024 };

static const int64_t begin = 1767225600;  /* 2026-01-01 */
static const int64_t end = 16725225600;   /* 2500-01-01 */
static const int64_t round_ns = 10000000; /* about how long a round takes */

static const char *const schedules[] = {
    "*", "0 */5", "0 0 4", "0 0 0 * * last", "0 0 0 * * 29 2", "0 0 0 * * 5th_fri 2",
};

static const char *const impossible[] = {
    "0 0 0 * * 30 2",
    "* * * mon 53 31 dec */2",
    "0 0 0 * 53 1-27,1st_mon,last_sun 12 *",
};

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_cron: %s: %s\n", what, why);
    exit(1);
}

static struct tz *load(const char *folder, const char *name)
{
    static unsigned char bytes[FILE_MAX];
    char path[4096];
    struct err err;
    struct tz *tz;
    FILE *file;
    size_t len;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (file == NULL)
        fail(path, "cannot be opened");
    len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (!tz_parse(bytes, len, &tz, &err))
        fail(path, err.text);
    return tz;
}

/* Nanoseconds a call, in `calls` calls. */
static double time_next(const struct cron *cron, const struct tz *tz, int64_t calls)
{
    int64_t t = begin, from = now_ns();

    for (int64_t i = 0; i < calls; i++) {
        if (!cron_next(cron, tz, t, &t))
            fail("cron_next", "nothing is due");
        t = t < end ? t + 1 : begin;
    }
    return (double)(now_ns() - from) / (double)calls;
}

static double median_next(const struct cron *cron, const struct tz *tz)
{
    int64_t calls = (int64_t)((double)round_ns / time_next(cron, tz, 1000)) + 1;
    double rounds[ROUNDS];

    for (int i = 0; i < ROUNDS; i++)
        rounds[i] = time_next(cron, tz, calls);
    qsort(rounds, ROUNDS, sizeof *rounds, by_value);
    return rounds[ROUNDS / 2];
}

/* Nanoseconds to parse, or to refuse, a text. */
static double median_parse(const char *text)
{
    enum { CALLS = 200 };
    double rounds[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        int64_t from = now_ns();

        for (int n = 0; n < CALLS; n++) {
            AUTO_CRON struct cron cron = {0};

            cron_parse(text, &cron, NULL, NULL);
        }
        rounds[i] = (double)(now_ns() - from) / CALLS;
    }
    qsort(rounds, ROUNDS, sizeof *rounds, by_value);
    return rounds[ROUNDS / 2];
}

static void bench_next(const struct tz *tz, const char *zone)
{
    for (size_t i = 0; i < ARRAY_LEN(schedules); i++) {
        AUTO_CRON struct cron cron = {0};
        struct err err;

        if (!cron_parse(schedules[i], &cron, NULL, &err))
            fail(schedules[i], err.text);
        printf("{\"what\": \"next\", \"schedule\": \"%s\", \"zone\": \"%s\", \"ns\": %.1f}\n", schedules[i],
               zone, median_next(&cron, tz));
    }
}

static void bench_parse(const char *what, const char *text)
{
    printf("{\"what\": \"%s\", \"schedule\": \"%.40s%s\", \"ns\": %.1f}\n", what, text,
           strlen(text) > 40 ? "..." : "", median_parse(text));
}

/* The worst that fits into a schedule: as many years as possible, none of which has such a day. */
static void bench_long_list(void)
{
    char text[TEXT_MAX + 1] = "0 0 0 * * 29 2 ";

    for (int year = 2101; strlen(text) + 5 < TEXT_MAX; year += 2) {
        size_t len = strlen(text);

        snprintf(text + len, sizeof text - len, year > 2101 ? ",%d" : "%d", year);
    }
    bench_parse("refuse", text);
}

int main(int argc, char **argv)
{
    AUTO_TZ struct tz *new_york = NULL;

    if (argc != 2)
        fail("usage", "bench_cron ZONEINFO-FOLDER");
    new_york = load(argv[1], "America/New_York");
    bench_next(tz_utc(), "UTC");
    bench_next(new_york, "America/New_York");
    for (size_t i = 0; i < ARRAY_LEN(schedules); i++)
        bench_parse("parse", schedules[i]);
    for (size_t i = 0; i < ARRAY_LEN(impossible); i++)
        bench_parse("refuse", impossible[i]);
    bench_long_list();
    return 0;
}

/* See cron_set.h. */
#include "cron_set.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

static bool has(const uint64_t *bits, int n)
{
    return (bits[n / CRON_WORD_BITS] >> (n % CRON_WORD_BITS) & 1) != 0;
}

/* The lowest member from n on, or -1. */
static int find(const uint64_t *bits, int words, int n)
{
    int i = n / CRON_WORD_BITS;
    uint64_t word;

    if (i >= words)
        return -1;
    word = bits[i] & UINT64_MAX << n % CRON_WORD_BITS;
    while (word == 0) {
        if (++i == words)
            return -1;
        word = bits[i];
    }
    return i * CRON_WORD_BITS + __builtin_ctzll(word);
}

void cron_set_add(uint64_t *bits, int first, int last, int step)
{
    if (step > 1) {
        for (int n = first; n <= last; n += step)
            bits[n / CRON_WORD_BITS] |= UINT64_C(1) << n % CRON_WORD_BITS;
        return;
    }
    for (int i = first / CRON_WORD_BITS; i <= last / CRON_WORD_BITS; i++) {
        int low = i == first / CRON_WORD_BITS ? first % CRON_WORD_BITS : 0;
        int high = i == last / CRON_WORD_BITS ? last % CRON_WORD_BITS : CRON_WORD_BITS - 1;

        bits[i] |= UINT64_MAX << low & UINT64_MAX >> (CRON_WORD_BITS - 1 - high);
    }
}

bool cron_set_take(uint64_t *bits, int words, struct cron_span *ret)
{
    int first = find(bits, words, 0), last = first, step = 1, next;

    if (first < 0)
        return false;
    next = find(bits, words, first + 1);
    if (next >= 0) {
        step = next - first;
        while (last + step < words * CRON_WORD_BITS && has(bits, last + step))
            last += step;
    }
    if (last < first + 2 * step) {
        last = first;
        step = 1;
    }
    for (int n = first; n <= last; n += step)
        bits[n / CRON_WORD_BITS] &= ~(UINT64_C(1) << n % CRON_WORD_BITS);
    *ret = (struct cron_span){(uint16_t)first, (uint16_t)last, (uint16_t)step};
    return true;
}

void cron_years_store(struct cron *cron, uint64_t *bits)
{
    uint64_t all[CRON_YEAR_WORDS];
    struct cron_span years[CRON_YEAR_SPANS + 1] = {{0, 0, 0}};
    size_t count = 0;

    memcpy(all, bits, sizeof all);
    while (count < ARRAY_LEN(years) && cron_set_take(bits, CRON_YEAR_WORDS, &years[count])) {
        years[count].first = (uint16_t)(years[count].first + CRON_YEAR_MIN);
        years[count].last = (uint16_t)(years[count].last + CRON_YEAR_MIN);
        count++;
    }
    if (count <= CRON_YEAR_SPANS) {
        memcpy(cron->years, years, sizeof cron->years);
        return;
    }
    cron->flags |= CRON_YEAR_SET;
    cron->year_set = mem_array(CRON_YEAR_WORDS, sizeof *cron->year_set);
    memcpy(cron->year_set, all, sizeof all);
}

void cron_years_load(const struct cron *cron, uint64_t *bits)
{
    if (cron->flags & CRON_YEAR_SET) {
        memcpy(bits, cron->year_set, CRON_YEAR_WORDS * sizeof *bits);
        return;
    }
    memset(bits, 0, CRON_YEAR_WORDS * sizeof *bits);
    for (size_t i = 0; i < CRON_YEAR_SPANS && cron->years[i].first != 0; i++)
        cron_set_add(bits, cron->years[i].first - CRON_YEAR_MIN, cron->years[i].last - CRON_YEAR_MIN,
                     cron->years[i].step);
}

int cron_year_next(const struct cron *cron, int year)
{
    int best = 0;

    if (year < CRON_YEAR_MIN)
        year = CRON_YEAR_MIN;
    if (year > CRON_YEAR_MAX)
        return 0;
    if (cron->flags & CRON_YEAR_SET) {
        int found = find(cron->year_set, CRON_YEAR_WORDS, year - CRON_YEAR_MIN);

        return found < 0 ? 0 : found + CRON_YEAR_MIN;
    }
    for (size_t i = 0; i < CRON_YEAR_SPANS && cron->years[i].first != 0; i++) {
        const struct cron_span *span = &cron->years[i];
        int next = year <= span->first ? span->first : year;

        if (next > span->last)
            continue;
        if (span->step > 1)
            next += (span->step - (next - span->first) % span->step) % span->step;
        if (best == 0 || next < best)
            best = next;
    }
    return best;
}

void cron_done(struct cron *cron)
{
    if (cron->flags & CRON_YEAR_SET)
        free(cron->year_set);
    *cron = (struct cron){0};
}

/*
 * Reads TZif (RFC 9636): a header and a block with 32-bit times, then for version 2 and later a second
 * header, a block with 64-bit times, and a POSIX rule for what comes after them, between newlines. Only the
 * last block is used. Whatever the bytes are, no byte beyond len is read, and what is made of them is
 * bounded.
 */
#include "tz_internal.h"

#include <stdlib.h>
#include <string.h>

#include "civil.h"
#include "mem.h"

enum {
    HEADER_SIZE = 44,
    TYPE_SIZE = 6,
    TYPES_MAX = 256,
    TRANSITIONS_MAX = 8192, /* the most there are today is 242 */
    NAMES_MAX = 4096,       /* bytes of abbreviations */
    LEAPS_MAX = 4096,
    OFFSET_LOWEST = -89999, /* RFC 9636: between -25 and 26 hours, exclusive */
    OFFSET_HIGHEST = 93599,
    FIRST_YEAR = 1800, /* from which on a rule is written out if the file gives no transition before */
    LAST_YEAR = 10000,
    MARGIN_YEARS =
        10, /* more than a rule can go without a change that it makes at all (8 years, by leap days) */
    YEAR_CHANGES = 2,
};

struct counts {
    uint32_t is_ut, is_std, leaps, times, types, names;
};

struct block {
    struct counts counts;
    size_t time_size;
    const uint8_t *times, *indices, *types, *names; /* lent */
};

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t read_time(const uint8_t *p, size_t size)
{
    if (size == 4)
        return (int32_t)read_u32(p);
    return (int64_t)((uint64_t)read_u32(p) << 32 | read_u32(p + 4));
}

static bool read_counts(const uint8_t *header, struct counts *ret, struct err *err)
{
    const struct counts c = {
        .is_ut = read_u32(header + 20),
        .is_std = read_u32(header + 24),
        .leaps = read_u32(header + 28),
        .times = read_u32(header + 32),
        .types = read_u32(header + 36),
        .names = read_u32(header + 40),
    };

    if (c.times > TRANSITIONS_MAX || c.types > TYPES_MAX || c.names > NAMES_MAX || c.leaps > LEAPS_MAX ||
        c.is_ut > TYPES_MAX || c.is_std > TYPES_MAX)
        return err_set(err, ERR_INVALID, "a count in its header is absurd");
    *ret = c;
    return true;
}

static size_t block_size(const struct counts *c, size_t time_size)
{
    return c->times * (time_size + 1) + c->types * (size_t)TYPE_SIZE + c->names + c->leaps * (time_size + 4) +
           c->is_std + c->is_ut;
}

/* A header and its block at *at, which is moved behind them. */
static bool read_block(const uint8_t **at, const uint8_t *end, size_t time_size, struct block *ret,
                       struct err *err)
{
    struct block block = {.time_size = time_size};

    if (end - *at < HEADER_SIZE || memcmp(*at, "TZif", 4) != 0)
        return err_set(err, ERR_INVALID, "it is not a TZif file");
    if (!read_counts(*at, &block.counts, err))
        return false;
    if ((size_t)(end - *at) - HEADER_SIZE < block_size(&block.counts, time_size))
        return err_set(err, ERR_INVALID, "it is cut off");
    block.times = *at + HEADER_SIZE;
    block.indices = block.times + block.counts.times * time_size;
    block.types = block.indices + block.counts.times;
    block.names = block.types + block.counts.types * (size_t)TYPE_SIZE;
    *at += HEADER_SIZE + block_size(&block.counts, time_size);
    *ret = block;
    return true;
}

static int64_t time_of(const struct block *block, size_t i)
{
    return read_time(block->times + i * block->time_size, block->time_size);
}

static int32_t offset_of_type(const struct block *block, size_t type)
{
    return (int32_t)read_u32(block->types + type * TYPE_SIZE);
}

static bool check_types(const struct block *block, struct err *err)
{
    if (block->counts.types == 0)
        return err_set(err, ERR_INVALID, "it has no local time type");
    for (size_t i = 0; i < block->counts.types; i++) {
        const uint8_t *type = block->types + i * TYPE_SIZE;
        int32_t offset = offset_of_type(block, i);

        if (offset < OFFSET_LOWEST || offset > OFFSET_HIGHEST)
            return err_set(err, ERR_INVALID, "its offset of %d seconds is out of range", offset);
        if (type[4] > 1)
            return err_set(err, ERR_INVALID, "a DST flag is neither 0 nor 1");
        if (type[5] >= block->counts.names)
            return err_set(err, ERR_INVALID, "an abbreviation is out of range");
    }
    return true;
}

static bool check_block(const struct block *block, struct err *err)
{
    const struct counts *c = &block->counts;

    if (!check_types(block, err))
        return false;
    if (c->leaps > 0)
        return err_set(err, ERR_INVALID, "it counts leap seconds");
    if ((c->is_ut != 0 && c->is_ut != c->types) || (c->is_std != 0 && c->is_std != c->types))
        return err_set(err, ERR_INVALID, "its counts of types contradict each other");
    for (size_t i = 0; i < c->times; i++) {
        if (block->indices[i] >= c->types)
            return err_set(err, ERR_INVALID, "transition %zu has an unknown local time type", i);
        if (i > 0 && time_of(block, i) <= time_of(block, i - 1))
            return err_set(err, ERR_INVALID, "transition %zu is not later than the one before", i);
    }
    return true;
}

static bool read_rule(const uint8_t *at, const uint8_t *end, struct tz_rule *ret, bool *has_rule,
                      struct err *err)
{
    const uint8_t *newline =
        end - at > 1 && *at == '\n' ? memchr(at + 1, '\n', (size_t)(end - at) - 1) : NULL;

    if (newline == NULL)
        return err_set(err, ERR_INVALID, "the POSIX rule at its end is missing");
    *has_rule = newline > at + 1;
    return !*has_rule || tz_rule_parse((const char *)at + 1, (size_t)(newline - at) - 1, ret, err);
}

/* A table with room for the file's transitions, and for a rule that is written out. */
static struct tz *table_new(int32_t first_offset, size_t times, bool has_rule)
{
    size_t size = times + 1 + (has_rule ? YEAR_CHANGES * (400 + 4 * MARGIN_YEARS) : 0);
    struct tz *tz = mem_alloc(sizeof *tz);

    tz->begin = mem_array(size, sizeof *tz->begin);
    tz->offset = mem_array(size, sizeof *tz->offset);
    tz->begin[0] = INT64_MIN;
    tz->offset[0] = first_offset;
    tz->count = 1;
    tz->cycle_start = tz->cycle_end = INT64_MAX;
    return tz;
}

static void table_cut(struct tz *tz, int64_t at)
{
    while (tz->count > 1 && tz->begin[tz->count - 1] >= at)
        tz->count--;
}

/* From at on, offset holds; what was said about later instants is void. */
static void table_put(struct tz *tz, int64_t at, int32_t offset)
{
    table_cut(tz, at);
    if (at == INT64_MIN) {
        tz->offset[0] = offset;
    } else if (tz->offset[tz->count - 1] != offset) {
        tz->begin[tz->count] = at;
        tz->offset[tz->count++] = offset;
    }
}

static void table_shrink(struct tz *tz)
{
    tz->begin = mem_grow(tz->begin, tz->count, sizeof *tz->begin);
    tz->offset = mem_grow(tz->offset, tz->count, sizeof *tz->offset);
}

struct change {
    int64_t at;
    int32_t offset;
};

/* A year's two changes, in order. If both are due at once, there is no DST in between. */
static void changes_in(const struct tz_rule *rule, int64_t year, struct change ret[static YEAR_CHANGES])
{
    const struct change begin = {tz_rule_day_in(&rule->dst_begin, year) - rule->std_offset, rule->dst_offset};
    const struct change end = {tz_rule_day_in(&rule->dst_end, year) - rule->dst_offset, rule->std_offset};

    ret[0] = end.at < begin.at ? end : begin;
    ret[1] = end.at < begin.at ? begin : end;
}

static int64_t year_start(int64_t year)
{
    return civil_to_days(year, 1, 1) * SECONDS_PER_DAY;
}

static double changes_between(const struct tz *tz, int64_t begin, int64_t end)
{
    double count = 0;

    for (size_t i = 0; i < tz->count; i++)
        count += tz->begin[i] >= begin && tz->begin[i] < end;
    return count;
}

/* Writes out a rule that holds from `since` on, INT64_MIN for ever. */
static void table_put_rule(struct tz *tz, const struct tz_rule *rule, int64_t since)
{
    int64_t first = FIRST_YEAR, cycle_year, end_year;

    if (since > year_start(LAST_YEAR))
        return;
    if (!rule->has_dst) {
        table_put(tz, since, rule->std_offset);
        return;
    }
    if (since > year_start(FIRST_YEAR))
        first = civil_from_days(civil_day_of(since)).year;
    cycle_year = first + MARGIN_YEARS;
    end_year = cycle_year + 400 + MARGIN_YEARS;
    table_put(tz, since, rule->std_offset);
    for (int64_t year = first - 1; year <= end_year; year++) {
        struct change changes[YEAR_CHANGES];

        changes_in(rule, year, changes);
        for (size_t i = 0; i < YEAR_CHANGES; i++)
            table_put(tz, changes[i].at > since ? changes[i].at : since, changes[i].offset);
    }
    table_cut(tz, year_start(end_year)); /* the last year's changes may be taken back by the next one's */
    if (tz->begin[tz->count - 1] >= year_start(cycle_year)) { /* not so if it means DST all the year */
        tz->cycle_start = year_start(cycle_year);
        tz->cycle_end = year_start(cycle_year + 400);
        tz->changes_per_s =
            changes_between(tz, tz->cycle_start, tz->cycle_end) / (double)(tz->cycle_end - tz->cycle_start);
    }
}

static struct tz *make(const struct block *block, const struct tz_rule *rule)
{
    size_t n = block->counts.times;
    struct tz *tz = table_new(offset_of_type(block, 0), n, rule != NULL);

    for (size_t i = 0; i < n; i++)
        table_put(tz, time_of(block, i), offset_of_type(block, block->indices[i]));
    if (rule != NULL)
        table_put_rule(tz, rule, n > 0 ? time_of(block, n - 1) : INT64_MIN);
    table_shrink(tz);
    return tz;
}

bool tz_parse(const void *bytes, size_t len, struct tz **ret, struct err *err)
{
    const uint8_t *at = bytes, *end = at + len;
    struct block block = {0};
    struct tz_rule rule = {0};
    bool has_rule = false;

    if (!read_block(&at, end, 4, &block, err))
        return false;
    if (((const uint8_t *)bytes)[4] >= '2') { /* versions beyond 4 must be readable as 4 */
        if (!read_block(&at, end, 8, &block, err) || !check_block(&block, err) ||
            !read_rule(at, end, &rule, &has_rule, err))
            return false;
    } else if (!check_block(&block, err)) {
        return false;
    }
    *ret = make(&block, has_rule ? &rule : NULL);
    return true;
}

/* See cron.h. */
#include "cron_field.h"

#include <string.h>

#include "cron_set.h"

static void put_comma(struct buf *buf, size_t begin)
{
    if (buf->len > begin)
        buf_putc(buf, ',');
}

static void put_value(struct buf *buf, const struct cron_field_info *info, int value)
{
    if (info->names != NULL)
        buf_puts(buf, info->names[value - info->min]);
    else
        buf_printf(buf, "%d", value);
}

/* The parts of a set whose bit 0 is the value `base`. The set is used up. */
static void put_set(struct buf *buf, const struct cron_field_info *info, uint64_t *bits, int words, int base,
                    size_t begin)
{
    struct cron_span span;

    while (cron_set_take(bits, words, &span)) {
        int first = span.first + base, last = span.last + base;

        put_comma(buf, begin);
        if (span.step > 1) {
            buf_printf(buf, "%d-%d/%d", first, last, span.step);
        } else {
            put_value(buf, info, first);
            if (last > first) {
                buf_putc(buf, '-');
                put_value(buf, info, last);
            }
        }
    }
}

static uint64_t steps_from_min(const struct cron_field_info *info, int step)
{
    uint64_t bits = 0;

    cron_set_add(&bits, info->min, info->max, step);
    return bits;
}

/* A set as `*` or as `*` with a step, if it is one. */
static bool put_star(struct buf *buf, const struct cron_field_info *info, uint64_t bits)
{
    for (int step = 1; step <= info->max - info->min; step++) {
        if (bits == steps_from_min(info, step)) {
            buf_printf(buf, step == 1 ? "*" : "*/%d", step);
            return true;
        }
    }
    return false;
}

static void put_mask(struct buf *buf, enum cron_field field, uint64_t bits)
{
    const struct cron_field_info *info = &cron_fields[field];

    if (!put_star(buf, info, bits))
        put_set(buf, info, &bits, 1, 0, buf->len);
}

/* Whether there is a `*` among the minutes matters, see cron.h. So it is kept where it was, and put nowhere
 * else. */
static void put_minutes(struct buf *buf, const struct cron *cron)
{
    const struct cron_field_info *info = &cron_fields[CRON_MINUTE];
    uint64_t bits = cron->minute;
    size_t begin = buf->len;

    for (int step = 1; (cron->flags & CRON_MINUTE_FREE) && step <= info->max; step++) {
        uint64_t steps = steps_from_min(info, step);

        if ((bits & steps) == steps) {
            buf_printf(buf, step == 1 ? "*" : "*/%d", step);
            bits &= ~steps;
            break;
        }
    }
    put_set(buf, info, &bits, 1, 0, begin);
}

static void put_days(struct buf *buf, const struct cron *cron)
{
    size_t begin = buf->len;

    if (cron->day != 0)
        put_mask(buf, CRON_DAY, cron->day);
    for (int bit = 0; bit < CRON_NTH_POSITIONS * CRON_WEEKDAYS; bit++) {
        if ((cron->nth_weekday >> bit & 1) == 0)
            continue;
        put_comma(buf, begin);
        buf_printf(buf, "%s_%s", cron_nth_names[bit / CRON_WEEKDAYS],
                   cron_weekday_names[bit % CRON_WEEKDAYS]);
    }
    if (cron->flags & CRON_DAY_LAST) {
        put_comma(buf, begin);
        buf_puts(buf, "last");
    }
}

static void put_years(struct buf *buf, const struct cron *cron)
{
    const struct cron_span *all = &cron->years[0];
    uint64_t bits[CRON_YEAR_WORDS];

    if (!(cron->flags & CRON_YEAR_SET) && all->first == CRON_YEAR_MIN && all->last == CRON_YEAR_MAX &&
        all->step == 1) {
        buf_putc(buf, '*');
        return;
    }
    cron_years_load(cron, bits);
    put_set(buf, &cron_fields[CRON_YEAR], bits, CRON_YEAR_WORDS, CRON_YEAR_MIN, buf->len);
}

static void put_field(struct buf *buf, const struct cron *cron, enum cron_field field)
{
    switch (field) {
    case CRON_SECOND:
        put_mask(buf, field, cron->second);
        break;
    case CRON_MINUTE:
        put_minutes(buf, cron);
        break;
    case CRON_HOUR:
        put_mask(buf, field, cron->hour);
        break;
    case CRON_DAY_OF_WEEK:
        put_mask(buf, field, cron->day_of_week);
        break;
    case CRON_WEEK:
        put_mask(buf, field, cron->week);
        break;
    case CRON_DAY:
        put_days(buf, cron);
        break;
    case CRON_MONTH:
        put_mask(buf, field, cron->month);
        break;
    case CRON_YEAR:
        put_years(buf, cron);
        break;
    case CRON_FIELDS:
        break;
    }
}

void cron_print(const struct cron *cron, struct buf *ret)
{
    size_t stars = 0; /* of the last fields, not yet written */

    for (int field = 0; field < CRON_FIELDS; field++) {
        AUTO_BUF struct buf text = {0};

        buf_init(&text, ret->max);
        put_field(&text, cron, (enum cron_field)field);
        if (field > 0 && strcmp(text.data, "*") == 0) {
            stars++;
            continue;
        }
        for (; stars > 0; stars--)
            buf_puts(ret, " *");
        if (field > 0)
            buf_putc(ret, ' ');
        buf_put(ret, text.data, text.len);
    }
}

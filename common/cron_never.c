/*
 * See cron_never.h.
 *
 * The time of day can always be met, so only the fields of the date can contradict each other. Which of them
 * do is found by letting one after the other match everything: if there is still no day, it is not to blame.
 */
#include "cron_never.h"

#include "cron_calendar.h"
#include "cron_field.h"
#include "cron_set.h"

static bool has_day(const struct cron *cron)
{
    return (cron_matching_kinds(cron) & cron_given_kinds(cron)) != 0;
}

/* The schedule with one field of the date matching everything. It lends the set of years. */
static struct cron without(const struct cron *cron, enum cron_field field)
{
    struct cron other = *cron;
    uint64_t all = 0;

    if (field != CRON_YEAR)
        cron_set_add(&all, cron_fields[field].min, cron_fields[field].max, 1);
    switch (field) {
    case CRON_YEAR:
        other.flags &= (uint8_t)~CRON_YEAR_SET;
        for (int i = 0; i < CRON_YEAR_SPANS; i++)
            other.years[i] = (struct cron_span){0, 0, 0};
        other.years[0] = (struct cron_span){CRON_YEAR_MIN, CRON_YEAR_MAX, 1};
        break;
    case CRON_MONTH:
        other.month = (uint16_t)all;
        break;
    case CRON_DAY:
        other.day = (uint32_t)all;
        break;
    case CRON_WEEK:
        other.week = all;
        break;
    case CRON_DAY_OF_WEEK:
        other.day_of_week = (uint8_t)all;
        break;
    case CRON_HOUR:
    case CRON_MINUTE:
    case CRON_SECOND:
    case CRON_FIELDS:
        break;
    }
    return other;
}

static bool complain(const struct cron *cron, const struct cron_words *words, struct err *err)
{
    struct cron left = *cron;
    AUTO_BUF struct buf why = {0};

    buf_init(&why, ERR_TEXT_SIZE);
    for (int field = CRON_YEAR; field >= CRON_DAY_OF_WEEK; field--) {
        struct cron other = without(&left, (enum cron_field)field);

        if (!has_day(&other)) {
            left = other;
            continue;
        }
        buf_printf(&why, "%s%s \"%.*s\"", why.len > 0 ? " and " : "", cron_fields[field].name,
                   (int)words->word[field].len, words->word[field].text);
    }
    return err_set(err, ERR_INVALID, "Schedule can never fire: no date matches %s", why.data);
}

bool cron_never_check(const struct cron *cron, const struct cron_words *words, struct err *err)
{
    if ((cron->year_kinds & cron_given_kinds(cron)) != 0)
        return true;
    return complain(cron, words, err);
}

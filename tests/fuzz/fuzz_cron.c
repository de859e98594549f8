/* What the parser of schedules accepts it prints, takes back as the same, and finds times for that match. The
 * first four bytes say where the search begins. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "civil.h"
#include "cron.h"
#include "mem.h"
#include "tz.h"

enum { TEXT_MAX = 2048, PRINTED_MAX = 1 << 17 };

/* A TZif file without transitions, but with a rule: New York's. */
#define BLOCK                                                                                                \
    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\xFF\xFF\xB9\xB0\0"  \
    "\0EST"
static const char new_york[] = BLOCK "\0" BLOCK "\0\nEST5EDT,M3.2.0,M11.1.0\n";

static uint32_t below(uint32_t n)
{
    return n - 1;
}

static void check(bool good)
{
    if (!good)
        abort();
}

static const struct tz *zone(void)
{
    static struct tz *tz; /* for the whole run; kept reachable */

    if (tz == NULL)
        check(tz_parse(new_york, sizeof new_york - 1, &tz, NULL));
    return tz;
}

static void check_same(const struct cron *a, const struct cron *b)
{
    check(memcmp(a, b, offsetof(struct cron, years)) == 0);
    if (a->flags & CRON_YEAR_SET)
        check(memcmp(a->year_set, b->year_set, (CRON_YEAR_MAX - CRON_YEAR_MIN + 1) / 8) == 0);
    else
        check(memcmp(a->years, b->years, sizeof a->years) == 0);
}

static void check_printed(const struct cron *cron)
{
    AUTO_CRON struct cron again = {0};
    AUTO_BUF struct buf first = {0}, second = {0};

    buf_init(&first, PRINTED_MAX);
    buf_init(&second, PRINTED_MAX);
    cron_print(cron, &first);
    check(!buf_full(&first) && cron_parse(first.data, &again, NULL, NULL));
    check_same(cron, &again);
    cron_print(&again, &second);
    check(strcmp(first.data, second.data) == 0);
}

static void check_matches(const struct cron *cron, int64_t t)
{
    int64_t days = civil_day_of(t);
    int time = (int)(t - days * SECONDS_PER_DAY);
    struct civil_date date = civil_from_days(days);

    check((cron->hour >> time / 3600 & 1) && (cron->minute >> time / 60 % 60 & 1) &&
          (cron->second >> time % 60 & 1));
    check((cron->month >> date.month & 1) && (cron->day_of_week >> civil_weekday(days) & 1));
    if (cron->nth_weekday == 0 && !(cron->flags & CRON_DAY_LAST))
        check(cron->day >> date.day & 1);
}

static void check_next(const struct cron *cron, const struct tz *tz, int64_t from)
{
    int64_t t = from, again;

    for (int i = 0; i < 4 && cron_next(cron, tz, t, &again); i++) {
        check(again >= t);
        t = again;
        check(cron_next(cron, tz, t, &again) && again == t);
        if (tz == tz_utc())
            check_matches(cron, t);
        t++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_CRON struct cron cron = {0};
    AUTO_BUF struct buf resolved = {0};
    AUTO_FREE char *text = NULL;
    struct cron_notes notes;
    struct err err = {0};
    uint32_t from = 0;

    if (size < sizeof from || size > TEXT_MAX)
        return 0;
    memcpy(&from, data, sizeof from);
    text = mem_strndup((const char *)data + sizeof from, size - sizeof from);
    buf_init(&resolved, TEXT_MAX + 16);
    cron_resolve(text, below, &resolved);
    check(!buf_full(&resolved));
    if (!cron_parse(resolved.data, &cron, &notes, &err)) {
        check(err.kind == ERR_INVALID && err.text[0] != '\0');
        return 0;
    }
    check_printed(&cron);
    check_next(&cron, tz_utc(), (int64_t)from * 64); /* up to year 10680 */
    check_next(&cron, zone(), (int64_t)from * 64);
    return 0;
}

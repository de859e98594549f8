/*
 * A schedule in words says what the schedule is: random ones are put into words, the words are read back as a
 * schedule, and that must be the same. So no two schedules share a sentence, and no sentence says something
 * else.
 */
#include "schedule_text.h"

#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cron.h"
#include "cron_oracle.h"
#include "mem.h"

enum { CASES = 20000, FIELD_SIZE = 1024, MINUTES = 60, SECONDS = 60, HOURS_ALL = 0xFFFFFF };

/* A sentence as it is read: the fields of a schedule, as text. */
struct reading {
    const char *at; /* what is left of the sentence */
    char field[CRON_FIELDS][FIELD_SIZE];
    bool both;          /* "both times where the clock repeats an hour" */
    bool years_counted; /* too many to be named */
};

static bool take(struct reading *r, const char *text)
{
    size_t len = strlen(text);

    if (strncmp(r->at, text, len) != 0)
        return false;
    r->at += len;
    return true;
}

static PRINTF(3, 4) void put(struct reading *r, enum cron_field field, const char *fmt, ...)
{
    char *text = r->field[field];
    size_t len = strlen(text);
    va_list ap;

    if (len > 0 && text[0] != '*')
        text[len++] = ',';
    else
        len = 0;
    va_start(ap, fmt);
    vsnprintf(text + len, FIELD_SIZE - len, fmt, ap);
    va_end(ap);
}

static bool take_number(struct reading *r, int *ret)
{
    char *end;

    if (!isdigit((unsigned char)*r->at))
        return false;
    *ret = (int)strtol(r->at, &end, 10);
    r->at = end;
    return true;
}

/* A number, or a name of a month or weekday, of which three letters are what a schedule has. */
static bool take_value(struct reading *r, char ret[static 8])
{
    static const char *const names[] = {
        "Monday",  "Tuesday",   "Wednesday", "Thursday", "Friday",   "Saturday", "Sunday",
        "January", "February",  "March",     "April",    "May",      "June",     "July",
        "August",  "September", "October",   "November", "December",
    };
    int number;

    if (take_number(r, &number)) {
        snprintf(ret, 8, "%d", number);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!take(r, names[i]))
            continue;
        snprintf(ret, 4, "%s", names[i]);
        return true;
    }
    return false;
}

/* "the 2nd Tuesday", "the last day". */
static bool take_named_day(struct reading *r)
{
    static const char *const positions[] = {"1st", "2nd", "3rd", "4th", "5th", "last"};
    char weekday[8];

    if (!take(r, "the "))
        return false;
    if (take(r, "last day")) {
        put(r, CRON_DAY, "last");
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(positions); i++) {
        if (!take(r, positions[i]))
            continue;
        if (!take(r, " ") || !take_value(r, weekday))
            return false;
        put(r, CRON_DAY, "%s_%s", positions[i], weekday);
        return true;
    }
    return false;
}

/* "5", "5 to 10", "5 to 10 in steps of 2", "Monday". */
static bool take_item(struct reading *r, enum cron_field field)
{
    char first[8], last[8];
    int step;

    if (field == CRON_DAY) {
        if (take_named_day(r))
            return true;
        if (!take(r, "days "))
            take(r, "day ");
    }
    if (!take_value(r, first))
        return false;
    if (!take(r, " to ")) {
        put(r, field, "%s", first);
        return true;
    }
    if (!take_value(r, last))
        return false;
    if (!take(r, " in steps of "))
        put(r, field, "%s-%s", first, last);
    else if (take_number(r, &step))
        put(r, field, "%s-%s/%d", first, last, step);
    else
        return false;
    return true;
}

static bool take_list(struct reading *r, enum cron_field field)
{
    if (!take_item(r, field))
        return false;
    for (;;) {
        const char *before = r->at;

        if ((take(r, ", ") || take(r, " and ") || take(r, " or ")) && take_item(r, field))
            continue;
        r->at = before;
        return true;
    }
}

/* "second 5", "seconds 5 and 10". */
static bool take_values(struct reading *r, const char *noun, enum cron_field field)
{
    if (!take(r, noun))
        return false;
    take(r, "s");
    return take(r, " ") && take_list(r, field);
}

/* "Every second", "Every 5 seconds". */
static bool take_every(struct reading *r, const char *noun, enum cron_field field)
{
    const char *before = r->at;
    int step = 1;

    if (take(r, "Every ")) {
        if (take_number(r, &step))
            take(r, " ");
        if (take(r, noun) && (step == 1 || take(r, "s"))) {
            put(r, field, "*/%d", step);
            return true;
        }
    }
    r->at = before;
    return false;
}

static bool take_time(struct reading *r, bool *hours, bool *minutes, bool *seconds)
{
    int hour, minute, second;

    if (!take_number(r, &hour) || !take(r, ":") || !take_number(r, &minute) || !take(r, ":") ||
        !take_number(r, &second))
        return false;
    hours[hour] = minutes[minute] = seconds[second] = true;
    return true;
}

static int put_members(struct reading *r, enum cron_field field, const bool *set, int size)
{
    int count = 0;

    for (int i = 0; i < size; i++) {
        if (!set[i])
            continue;
        put(r, field, "%d", i);
        count++;
    }
    return count;
}

/* "02:30:00 and 14:30:00": every hour with every minute and second, so their numbers must agree. */
static bool take_times(struct reading *r)
{
    bool hours[24] = {false}, minutes[MINUTES] = {false}, seconds[SECONDS] = {false};
    int count = 0;

    do {
        if (!take_time(r, hours, minutes, seconds))
            return false;
        count++;
    } while (isdigit((unsigned char)r->at[strspn(r->at, ", and")]) && (take(r, ", ") || take(r, " and ")));
    return put_members(r, CRON_HOUR, hours, 24) * put_members(r, CRON_MINUTE, minutes, MINUTES) *
               put_members(r, CRON_SECOND, seconds, SECONDS) ==
           count;
}

static bool take_points(struct reading *r)
{
    return take_values(r, "second", CRON_SECOND) && take(r, " of ") && take_values(r, "minute", CRON_MINUTE);
}

/* ", between 09:00 and 17:59", ", in hours 1 and 5", or nothing. */
static bool take_hours(struct reading *r)
{
    int first, last;

    if (take(r, ", in hour")) {
        take(r, "s");
        return take(r, " ") && take_list(r, CRON_HOUR);
    }
    if (!take(r, ", between "))
        return true;
    if (!take_number(r, &first) || !take(r, ":00 and ") || !take_number(r, &last) || !take(r, ":59"))
        return false;
    put(r, CRON_HOUR, "%d-%d", first, last);
    return true;
}

static bool take_clock(struct reading *r)
{
    if (take(r, "At "))
        return isdigit((unsigned char)*r->at) ? take_times(r) : take_points(r) && take_hours(r);
    if (take_every(r, "hour", CRON_HOUR))
        return take(r, ", at ") && take_points(r);
    if (take_every(r, "minute", CRON_MINUTE))
        return take(r, ", at ") && take_values(r, "second", CRON_SECOND) && take_hours(r);
    if (!take_every(r, "second", CRON_SECOND))
        return false;
    if (take(r, " in minute")) {
        take(r, "s");
        if (!take(r, " ") || !take_list(r, CRON_MINUTE))
            return false;
        if (take(r, " of every hour"))
            return true;
    }
    return take_hours(r);
}

static void take_joint(struct reading *r)
{
    if (!take(r, ", "))
        take(r, " ");
}

/* "on day 15 of every month, if that is a Monday"; "on" has been taken. */
static bool take_days(struct reading *r)
{
    if (!take_list(r, CRON_DAY) || !take(r, " of "))
        return false;
    if (!take(r, "every month") && !take_list(r, CRON_MONTH))
        return false;
    return !take(r, ", if that is a ") || take_list(r, CRON_DAY_OF_WEEK);
}

static bool take_date(struct reading *r)
{
    const char *before = r->at;

    take_joint(r);
    if (take(r, "on ")) {
        if (strncmp(r->at, "day", 3) == 0 || strncmp(r->at, "the ", 4) == 0)
            return take_days(r);
        if (!take_list(r, CRON_DAY_OF_WEEK))
            return false;
    } else if (take(r, "from ") && isalpha((unsigned char)*r->at)) {
        if (!take_list(r, CRON_DAY_OF_WEEK))
            return false;
    } else if (!take(r, "every day")) {
        r->at = before;
    }
    before = r->at;
    take_joint(r);
    if (take(r, "in ") && take_list(r, CRON_MONTH) && isalpha((unsigned char)r->field[CRON_MONTH][0]))
        return true;
    r->at = before;
    strcpy(r->field[CRON_MONTH], "*");
    return true;
}

static bool take_years(struct reading *r)
{
    int year;

    if (take(r, ", from ")) {
        if (!take_number(r, &year) || !take(r, " on"))
            return false;
        put(r, CRON_YEAR, "%d-9999", year);
        return true;
    }
    if (take(r, ", in the years "))
        return take_list(r, CRON_YEAR);
    if (!take(r, ", in "))
        return true;
    if (!take_number(r, &year))
        return false;
    r->years_counted = take(r, " of the years 1970 to 9999");
    if (!r->years_counted)
        put(r, CRON_YEAR, "%d", year);
    return true;
}

static bool read_back(const char *text, struct reading *r)
{
    *r = (struct reading){.at = text};
    for (int field = 0; field < CRON_FIELDS; field++)
        strcpy(r->field[field], "*");
    if (!take_clock(r) || !take_date(r))
        return false;
    if (take(r, ", in ISO ") && !take_values(r, "week", CRON_WEEK))
        return false;
    if (!take_years(r))
        return false;
    r->both = take(r, ", both times where the clock repeats an hour");
    return *r->at == '\0';
}

/* The schedule in its one form. That it goes on when the clock repeats an hour is compared apart, as there
 * are several ways to say so. */
static bool goes_on(struct cron *cron)
{
    bool both = (cron->flags & CRON_MINUTE_FREE) != 0 || cron->hour == HOURS_ALL;

    cron->flags &= (uint8_t)~CRON_MINUTE_FREE;
    return both;
}

static void check_words(const char *schedule, struct cron *cron, int *counted)
{
    struct reading *r = mem_alloc(sizeof *r);
    AUTO_BUF struct buf words = {0}, first = {0}, second = {0}, said = {0};
    AUTO_CRON struct cron again = {0};
    struct err err = {0};

    buf_init(&words, SCHEDULE_TEXT_MAX);
    buf_init(&said, CRON_FIELDS * FIELD_SIZE);
    buf_init(&first, 1 << 17);
    buf_init(&second, 1 << 17);
    schedule_text_put(&words, cron);
    if (buf_full(&words) || !read_back(words.data, r))
        fail_msg("\"%s\" is \"%s\", which cannot be read from \"%s\" on", schedule, words.data, r->at);
    for (int field = 0; field < (r->years_counted ? CRON_YEAR : CRON_FIELDS); field++)
        buf_printf(&said, "%s ", r->field[field]);
    if (!cron_parse(said.data, &again, NULL, &err))
        fail_msg("\"%s\" is \"%s\", read as \"%s\": %s", schedule, words.data, said.data, err.text);
    if (goes_on(cron) != (goes_on(&again) || r->both))
        fail_msg("\"%s\" is \"%s\": wrong where the clock repeats an hour", schedule, words.data);
    cron_print(cron, &first);
    cron_print(&again, &second);
    if (r->years_counted) {
        first.data[strlen(second.data)] = '\0';
        (*counted)++;
    }
    if (strcmp(first.data, second.data) != 0)
        fail_msg("\"%s\" is \"%s\", read as \"%s\": \"%s\", not \"%s\"", schedule, words.data, said.data,
                 second.data, first.data);
    free(r);
}

static void words_lead_back(void **unused UNUSED)
{
    uint64_t state = 3;
    int refused = 0, counted = 0;

    for (int i = 0; i < CASES; i++) {
        AUTO_CRON struct cron cron = {0};
        struct oracle_aim aim = {
            .hour = (int)oracle_below(&state, 24),
            .weekday = (int)oracle_below(&state, 7),
            .week = 1 + (int)oracle_below(&state, 53),
            .day = 1 + (int)oracle_below(&state, 31),
            .month = 1 + (int)oracle_below(&state, 12),
            .year = 1970 + (int)oracle_below(&state, 8030),
        };
        struct oracle clock, date;
        AUTO_FREE char *schedule = NULL;

        oracle_make(&clock, &state, &aim);
        aim.dates_only = oracle_below(&state, 3) > 0;
        oracle_make(&date, &state, &aim);
        if (aim.dates_only) { /* the clock of the one with the date of the other */
            char *end = clock.text;

            for (int field = CRON_SECOND; field <= CRON_HOUR; field++)
                end = strchr(end, ' ') + 1;
            *end = '\0';
            schedule = mem_printf("%s%s", clock.text, date.text + strlen("0 0 0 "));
        } else {
            schedule = mem_strdup(date.text);
        }
        if (cron_parse(schedule, &cron, NULL, NULL))
            check_words(schedule, &cron, &counted);
        else
            refused++;
    }
    print_message("%d schedules; %d of them can never fire, %d have too many years to name\n", CASES, refused,
                  counted);
    assert_true(refused + counted < CASES / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"the words of a schedule lead back to it", words_lead_back, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests_name("schedule_words", tests, NULL, NULL);
}

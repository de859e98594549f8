/*
 * cron against APScheduler: 5,000 schedules with what its cron trigger 3.9.1 made of them ("expect": fire
 * times or an error), and what our rules for changes of clock ask for where that differs ("best").
 *
 * Where we mean to differ, the case is an exception; the exceptions of each kind are counted, said and
 * asserted.
 */
#include "test.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "civil.h"
#include "cron.h"
#include "mem.h"
#include "zone_set.h"

enum outcome {
    DIFFERENT,
    SAME_FIRES,
    SAME_ERROR,
    ASCII_ONLY,   /* digits of other alphabets are refused */
    BLANK,        /* refused, where APScheduler fires every second */
    NEVER_FIRES,  /* refused, where APScheduler searches to year 9999 */
    UNKNOWN_ZONE, /* which is not cron's business */
    LEFT_OUT,     /* a case that the vectors say is not good */
    OUTCOMES,
};

static const int wanted[OUTCOMES] = {
    [SAME_FIRES] = 4416, [SAME_ERROR] = 460,  [ASCII_ONLY] = 8, [BLANK] = 22,
    [NEVER_FIRES] = 83,  [UNKNOWN_ZONE] = 10, [LEFT_OUT] = 1,
};

static struct zone_set zones;
static int counts[OUTCOMES];
static uint32_t chosen_hour;

static uint32_t below(uint32_t n)
{
    return n == 24 ? chosen_hour : 0;
}

static struct json_object *member(struct json_object *object, const char *key)
{
    return json_object_object_get(object, key);
}

static const char *string(struct json_object *object, const char *key)
{
    struct json_object *value = member(object, key);

    return value == NULL ? NULL : json_object_get_string(value);
}

/* An ISO 8601 time to whole seconds, rounded up or down. Without an offset it is the zone's time: in an
 * overlap the first pass if rounded up (a start), the second if rounded down (an end). */
static int64_t instant(const char *text, const struct tz *tz, bool up)
{
    int year, month, day, hour, minute, second, used = 0, offset_hour, offset_minute;
    double fraction = 0;
    int64_t local;
    char sign;

    if (text == NULL)
        abort();
    assert_int_equal(sscanf(text, "%d-%d-%dT%d:%d:%d%n", &year, &month, &day, &hour, &minute, &second, &used),
                     6);
    text += used;
    if (*text == '.') {
        char *end;

        fraction = strtod(text, &end);
        text = end;
    }
    local = civil_to_days(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    if (up && fraction > 0)
        local++;
    if (sscanf(text, "%c%d:%d", &sign, &offset_hour, &offset_minute) == 3) {
        int offset = offset_hour * 3600 + offset_minute * 60;

        return sign == '-' ? local + offset : local - offset;
    } else {
        struct tz_instants at;

        tz_instants_of(tz, local, &at);
        return up ? at.first : at.second;
    }
}

/* No zone is UTC; and pytz reads Etc/GMT_plus_5 as Etc/GMT+5. */
static const struct tz *zone_of(const char *name)
{
    if (name == NULL || *name == '\0')
        return tz_utc();
    return zone_set_find(&zones, strcmp(name, "Etc/GMT_plus_5") == 0 ? "Etc/GMT+5" : name);
}

static bool has_flag(struct json_object *vector, const char *flag)
{
    struct json_object *flags = member(vector, "flags");

    for (size_t i = 0; i < json_object_array_length(flags); i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(flags, i)), flag) == 0)
            return true;
    return false;
}

static bool is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

/* An hour given by `?` is the one of the first time expected. */
static void choose(const struct tz *tz, struct json_object *fires)
{
    int64_t first =
        json_object_array_length(fires) > 0 ? json_object_get_int64(json_object_array_get_idx(fires, 0)) : 0;

    first += tz_offset_at(tz, first);
    chosen_hour = (uint32_t)(first % SECONDS_PER_DAY / 3600);
}

/* Whether the schedule's fire times are those expected. */
static bool fires_as(struct json_object *vector, const struct cron *cron, const struct tz *tz,
                     struct json_object *fires)
{
    const char *start = string(vector, "start"), *end = string(vector, "end");
    int64_t t = instant(string(vector, "after"), tz, true), last = INT64_MAX;
    size_t n = (size_t)json_object_get_int(member(vector, "n")), found = 0;

    if (start != NULL && instant(start, tz, true) > t)
        t = instant(start, tz, true);
    if (end != NULL)
        last = instant(end, tz, false);
    for (; found < n && cron_next(cron, tz, t, &t) && t <= last; found++, t++)
        if (found >= json_object_array_length(fires) ||
            t != json_object_get_int64(json_object_array_get_idx(fires, found)))
            return false;
    return found == json_object_array_length(fires);
}

static enum outcome check(struct json_object *vector)
{
    struct json_object *expect =
        member(vector, "best") != NULL ? member(vector, "best") : member(vector, "expect");
    struct json_object *fires = member(expect, "fires");
    const struct tz *tz = zone_of(string(vector, "timezone"));
    const char *error = string(expect, "error"), *kind = string(expect, "kind");
    AUTO_CRON struct cron cron = {0};
    AUTO_BUF struct buf text = {0};
    struct err err;

    if (has_flag(vector, "post2500"))
        return LEFT_OUT;
    if (error != NULL && strcmp(kind, "timezone") == 0) {
        return tz == NULL ? UNKNOWN_ZONE : DIFFERENT;
    }
    if (tz == NULL)
        return DIFFERENT;
    if (fires != NULL)
        choose(tz, fires);
    buf_init(&text, 4096);
    cron_resolve(string(vector, "schedule"), below, &text);
    if (cron_parse(text.data, &cron, NULL, &err))
        return fires != NULL && fires_as(vector, &cron, tz, fires) ? SAME_FIRES : DIFFERENT;
    if (!is_ascii(text.data))
        return ASCII_ONLY;
    if (strspn(text.data, " \t\n") == text.len)
        return BLANK;
    if (strncmp(err.text, "Schedule can never fire: ", 25) == 0)
        return fires != NULL && json_object_array_length(fires) == 0 ? NEVER_FIRES : DIFFERENT;
    return err.kind == ERR_INVALID && error != NULL && strcmp(err.text, error) == 0 ? SAME_ERROR : DIFFERENT;
}

static void check_all(void **state UNUSED)
{
    FILE *file = fopen(TEST_DATA_DIR "/schedule-vectors.jsonl", "r");
    AUTO_FREE char *line = NULL;
    size_t size = 0;

    assert_non_null(file);
    while (getline(&line, &size, file) > 0) {
        enum outcome outcome;
        struct json_object *vector = json_tokener_parse(line);

        if (vector == NULL)
            fail_msg("not JSON: %s", line);
        outcome = check(vector);
        counts[outcome]++;
        if (outcome == DIFFERENT)
            print_error("differs: %s", line);
        json_object_put(vector);
    }
    fclose(file);
    print_message("fire times equal: %d; error texts equal: %d; exceptions: %d ASCII only, %d blank, "
                  "%d never fire and "
                  "are refused, "
                  "%d unknown zones, %d left out (beyond year 2500)\n",
                  counts[SAME_FIRES], counts[SAME_ERROR], counts[ASCII_ONLY], counts[BLANK],
                  counts[NEVER_FIRES], counts[UNKNOWN_ZONE], counts[LEFT_OUT]);
    assert_memory_equal(counts, wanted, sizeof counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"5,000 schedules fire, or fail, as APScheduler's cron trigger says", check_all, NULL, NULL, NULL},
    };
    int failed;

    zone_set_load(&zones, TEST_TZDATA_DIR);
    failed = cmocka_run_group_tests_name("cron_vectors", tests, NULL, NULL);
    zone_set_done(&zones);
    return failed;
}

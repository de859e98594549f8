/* job_timing: the four fields together: complaints, bounds, and zones that change. Zones are made here. */
#include "job_timing.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "job_report.h"
#include "mem.h"
#include "tz.h"
#include "tzif.h"
#include "zone.h"

static char folder[64];
static const char new_york[] = "EST5EDT,M3.2.0,M11.1.0";

static char *zone_path(const char *name)
{
    return mem_printf("%s/%s", folder, name);
}

static void write_zone(const char *name, const char *rule)
{
    static const struct tzif_type type = {0, 0};
    const struct tzif tzif = {.version = '2', .types = &type, .types_count = 1, .rule = rule};
    AUTO_FREE char *path = zone_path(name);
    unsigned char bytes[TZIF_MAX];
    size_t len = tzif_write(&tzif, bytes);
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static int make_folder(void **state)
{
    const char *temporary = getenv("TMPDIR");

    (void)state;
    snprintf(folder, sizeof folder, "%s/timing-XXXXXX", temporary != NULL ? temporary : "/tmp");
    assert_non_null(mkdtemp(folder));
    write_zone("NY", new_york);
    return 0;
}

static int remove_folder(void **state)
{
    AUTO_FREE char *path = zone_path("NY");

    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* The instant that a text means, in UTC. */
static int64_t instant(const char *text)
{
    struct timestamp time;

    assert_true(timestamp_parse(text, &time, NULL));
    return timestamp_start_s(&time, tz_utc());
}

struct next_case {
    const char *name;
    struct job_timing_texts texts;
    const char *from, *next; /* next NULL: none */
};

static struct next_case next_cases[] = {
    {"no zone is UTC", {"0 0 12", NULL, NULL, NULL}, "2026-11-25T12:00:00Z", "2026-11-25T12:00:00Z"},
    {"an empty zone is UTC", {"0 0 12", "", NULL, NULL}, "2026-11-25T12:00:01Z", "2026-11-26T12:00:00Z"},
    {"the zone's clock counts", {"0 0 12", "NY", NULL, NULL}, "2026-11-25T12:00:00Z", "2026-11-25T17:00:00Z"},
    {"start is inclusive",
     {"0 0 12", NULL, "2030-01-01T12:00:00Z", NULL},
     "2026-01-01T00:00Z",
     "2030-01-01T12:00Z"},
    {"a fraction of a start counts",
     {"*", NULL, "2030-01-01T12:00:00.1Z", NULL},
     "2026-01-01T00:00Z",
     "2030-01-01T12:00:01Z"},
    {"start lies behind",
     {"0 0 12", NULL, "2020-01-01T12:00:00Z", NULL},
     "2026-01-01T00:00Z",
     "2026-01-01T12:00Z"},
    {"end is inclusive",
     {"0 0 12", NULL, NULL, "2026-11-25T12:00:00Z"},
     "2026-11-25T00:00Z",
     "2026-11-25T12:00Z"},
    {"end is the last", {"0 0 12", NULL, NULL, "2026-11-25T11:59:59.9Z"}, "2026-11-25T00:00Z", NULL},
    {"end lies behind", {"*", NULL, NULL, "1999-01-01T00:00:00Z"}, "2026-11-25T00:00Z", NULL},
    {"end before start", {"*", NULL, "2030-01-01T00:00Z", "2029-01-01T00:00Z"}, "2026-11-25T00:00Z", NULL},
    {"bounds are the zone's",
     {"0 0 0", "NY", "2030-01-01T00:00:00", NULL},
     "2026-01-01T00:00Z",
     "2030-01-01T05:00Z"},
    {"a repeated start is the first",
     {"0", "NY", "2026-11-01T01:30", NULL},
     "2026-01-01T00:00Z",
     "2026-11-01T05:30Z"},
    {"a repeated end is the second",
     {"0", "NY", NULL, "2026-11-01T01:30"},
     "2026-11-01T06:29:01Z",
     "2026-11-01T06:30Z"},
    {"a skipped start is read as before",
     {"0", "NY", "2026-03-08T02:30", NULL},
     "2026-01-01T00:00Z",
     "2026-03-08T07:30Z"},
    {"there may be no more", {"0 0 0 * * 1 1 2020", NULL, NULL, NULL}, "2026-11-25T00:00Z", NULL},
};

static void check_next(void **state)
{
    const struct next_case *c = *state;
    AUTO_ZONES struct zones *zones = zones_new(folder);
    AUTO_JOB_TIMING struct job_timing timing = {0};
    struct err err = {0};
    int64_t next = 0;

    if (!job_timing_compile(&c->texts, zones, &timing, &err))
        fail_msg("%s: %s", err.field, err.text);
    assert_int_equal(job_timing_next(&timing, instant(c->from), &next), c->next != NULL);
    assert_int_equal(next, c->next != NULL ? instant(c->next) : 0);
}

struct bad_case {
    const char *name;
    struct job_timing_texts texts;
    const char *messages; /* as JSON; keys in the order of the complaints */
    const char *field, *text;
};

static struct bad_case bad_cases[] = {
    {"no schedule",
     {0},
     "{\"schedule\":[\"Missing data for required field.\"]}",
     "schedule",
     "Missing data for required field."},
    {"all four at once",
     {"61", "Mars/Olympus", "tomorrow", "2099-02-30T00:00"},
     "{\"schedule\":[\"Invalid schedule syntax: Error validating expression '61': the last value (61) is "
     "higher than "
     "the maximum value (59)\"],\"timezone\":[\"Invalid timezone format: Mars/Olympus\"],"
     "\"scheduleStart\":[\"Not a valid datetime.\"],\"scheduleEnd\":[\"Not a valid datetime.\"]}",
     "schedule",
     "Invalid schedule syntax: Error validating expression '61': the last value (61) is higher than the "
     "maximum value "
     "(59)"},
    {"the end alone",
     {"0", NULL, NULL, ""},
     "{\"scheduleEnd\":[\"Not a valid datetime.\"]}",
     "scheduleEnd",
     "Not a valid datetime."},
    {"a blank schedule",
     {"  ", NULL, NULL, NULL},
     "{\"schedule\":[\"Schedule is blank; it needs at least the field \\\"second\\\"\"]}",
     "schedule",
     "Schedule is blank; it needs at least the field \"second\""},
};

static void check_bad(void **state)
{
    const struct bad_case *c = *state;
    AUTO_ZONES struct zones *zones = zones_new(folder);
    AUTO_JOB_REPORT struct job_report report = {0};
    struct job_timing timing;
    struct err err = {0};

    assert_false(job_timing_check(&c->texts, zones, &timing, &report));
    assert_string_equal(json_object_to_json_string_ext(report.messages, JSON_C_TO_STRING_PLAIN |
                                                                            JSON_C_TO_STRING_NOSLASHESCAPE),
                        c->messages);
    assert_false(job_timing_compile(&c->texts, zones, &timing, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.field, c->field);
    assert_string_equal(err.text, c->text);
}

static void never_firing_is_refused_in_words(void **state)
{
    const struct job_timing_texts texts = {.schedule = "0 0 0 * * 30 2"};
    AUTO_ZONES struct zones *zones = zones_new(folder);
    struct job_timing timing;
    struct err err = {0};

    (void)state;
    assert_false(job_timing_compile(&texts, zones, &timing, &err));
    assert_int_equal(strncmp(err.text, "Schedule can never fire", 23), 0);
}

static void oddities_are_warned_of(void **state)
{
    const struct job_timing_texts texts = {"0 0 0 mon/2", "NY", "2030-01-01T00:00Z", "2029-01-01T00:00Z"};
    AUTO_ZONES struct zones *zones = zones_new(folder);
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JOB_TIMING struct job_timing timing = {0};
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, 4096);
    assert_true(job_timing_check(&texts, zones, &timing, &report));
    assert_true(job_report_clean(&report));
    assert_true(job_report_put_warnings(&buf, &report));
    assert_non_null(strstr(buf.data, "schedule: In "));
    assert_non_null(strstr(buf.data, "scheduleEnd: is before scheduleStart, so the job never fires"));
}

static void on_event(void *arg, const struct zone *zone, enum zone_event event)
{
    struct job_timing *timing = arg;

    assert_ptr_equal(zone, timing->zone);
    assert_int_equal(event, ZONE_CHANGED);
    job_timing_zone_changed(timing);
}

static void bounds_move_with_their_zone(void **state)
{
    const struct job_timing_texts texts = {"0 0 0", "ny", "2030-01-01T00:00", "2030-01-01T00:00"},
                                  fixed = {"0 0 0", "ny", "2030-01-01T00:00Z", NULL};
    AUTO_ZONES struct zones *zones = zones_new(folder);
    AUTO_JOB_TIMING struct job_timing timing = {0}, other = {0};
    int64_t next;

    (void)state;
    assert_true(job_timing_compile(&texts, zones, &timing, NULL));
    assert_true(job_timing_compile(&fixed, zones, &other, NULL));
    assert_true(job_timing_next(&timing, 0, &next));
    assert_int_equal(next, instant("2030-01-01T05:00Z"));
    write_zone("NY", "AST4");
    zones_check(zones, on_event, &timing);
    write_zone("NY", new_york);
    assert_true(job_timing_next(&timing, 0, &next));
    assert_int_equal(next, instant("2030-01-01T04:00Z"));
    assert_int_equal(timing.end_s, next);
    job_timing_zone_changed(&other);
    assert_int_equal(other.start_s, instant("2030-01-01T00:00Z"));
    assert_int_equal(other.end_s, INT64_MAX);
}

static void it_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct job_timing) <= 144);
}

int main(void)
{
    enum { REST = 4 };
    struct CMUnitTest tests[REST + ARRAY_LEN(next_cases) + ARRAY_LEN(bad_cases)] = {
        cmocka_unit_test(never_firing_is_refused_in_words),
        cmocka_unit_test(oddities_are_warned_of),
        cmocka_unit_test(bounds_move_with_their_zone),
        cmocka_unit_test(it_is_small),
    };
    size_t n = REST;

    for (size_t i = 0; i < ARRAY_LEN(next_cases); i++)
        tests[n++] = (struct CMUnitTest){next_cases[i].name, check_next, NULL, NULL, &next_cases[i]};
    for (size_t i = 0; i < ARRAY_LEN(bad_cases); i++)
        tests[n++] = (struct CMUnitTest){bad_cases[i].name, check_bad, NULL, NULL, &bad_cases[i]};
    return cmocka_run_group_tests_name("job_timing", tests, make_folder, remove_folder);
}

/* zone: names, and folders that change under the registry. The zones are made here, in a temporary folder. */
#include "zone.h"

#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "tz.h"
#include "tzif.h"

enum { SCRIPT_SIZE = 512 };

/* A folder outer/zoneinfo, and what outer/ has beside it. */
struct place {
    char outer[64];
    char folder[80];
};

static char *path_in(const struct place *place, const char *name)
{
    return mem_printf("%s/%s", place->folder, name);
}

/* By another file under the same name, as a package's update does it. */
static void write_bytes(const struct place *place, const char *name, const void *bytes, size_t len)
{
    AUTO_FREE char *path = path_in(place, name);
    AUTO_FREE char *temporary = mem_printf("%s.new", path);
    FILE *file = fopen(temporary, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(temporary, path), 0);
}

static void write_zone(const struct place *place, const char *name, int32_t offset)
{
    const struct tzif_type type = {offset, 0};
    const struct tzif tzif = {.version = '2', .types = &type, .types_count = 1, .rule = ""};
    unsigned char bytes[TZIF_MAX];

    write_bytes(place, name, bytes, tzif_write(&tzif, bytes));
}

static void make_folder(const struct place *place, const char *name)
{
    AUTO_FREE char *path = path_in(place, name);

    assert_int_equal(mkdir(path, 0700), 0);
}

static void make_link(const struct place *place, const char *target, const char *name)
{
    AUTO_FREE char *path = path_in(place, name);

    assert_int_equal(symlink(target, path), 0);
}

static void delete_file(const struct place *place, const char *name)
{
    AUTO_FREE char *path = path_in(place, name);

    assert_int_equal(unlink(path), 0);
}

static int make_place(void **state)
{
    struct place *place = mem_alloc(sizeof *place);
    const char *temporary = getenv("TMPDIR");

    snprintf(place->outer, sizeof place->outer, "%s/zones-XXXXXX", temporary != NULL ? temporary : "/tmp");
    assert_non_null(mkdtemp(place->outer));
    snprintf(place->folder, sizeof place->folder, "%s/zoneinfo", place->outer);
    assert_int_equal(mkdir(place->folder, 0700), 0);
    make_folder(place, "Europe");
    make_folder(place, "posix");
    make_folder(place, "right");
    write_zone(place, "Europe/Berlin", 3600);
    write_zone(place, "Europe/Paris", 3600);
    write_zone(place, "EST5EDT", -18000);
    write_zone(place, "Factory", 0);
    write_zone(place, "localtime", 0);
    write_zone(place, "posixrules", 0);
    write_zone(place, "posix/Zulu", 0);
    write_zone(place, "right/Zulu", 0);
    write_zone(place, "zone.tab", 0);
    write_zone(place, "../outside", 7200);
    write_bytes(place, "leapseconds", "# text", 6);
    write_bytes(place, "Europe/Empty", "", 0);
    write_bytes(place, "Europe/Broken", "TZif2 and no more", 17);
    make_link(place, "Europe/Berlin", "GB");
    make_link(place, "../EST5EDT", "Europe/Rome");
    make_link(place, "../outside", "Outside");
    make_link(place, "../../outside", "Europe/Outside");
    make_link(place, "/etc/passwd", "Passwd");
    make_link(place, "nowhere", "Dangling");
    make_link(place, "Loop", "Loop");
    make_link(place, "..", "Up");
    make_link(place, ".", "Here");
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    char command[SCRIPT_SIZE];

    snprintf(command, sizeof command, "rm -rf '%s'", place->outer);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder made here */
    free(place);
    return 0;
}

static void known_names(void **state)
{
    static const struct {
        const char *asked, *name;
        int32_t offset;
    } cases[] = {
        {NULL, "UTC", 0},
        {"", "UTC", 0},
        {"utc", "UTC", 0}, /* also where the folder has none */
        {"Europe/Berlin", "Europe/Berlin", 3600},
        {"eUROPE/bERLIN", "Europe/Berlin", 3600},
        {"EST5EDT", "EST5EDT", -18000},
        {"gb", "GB", 3600},
        {"europe/rome", "Europe/Rome", -18000},
    };
    struct place *place = *state;
    AUTO_ZONES struct zones *zones = zones_new(place->folder);

    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            const struct zone *zone, *again;
            struct err err = {0};

            if (!zones_find(zones, cases[i].asked, &zone, &err))
                fail_msg("%s: %s", cases[i].asked, err.text);
            assert_string_equal(zone_name(zone), cases[i].name);
            assert_int_equal(tz_offset_at(zone_tz(zone), 0), cases[i].offset);
            assert_false(zone_has_vanished(zone));
            assert_true(zones_find(zones, cases[i].name, &again, NULL));
            assert_ptr_equal(zone, again);
        }
    }
}

static void unknown_names(void **state)
{
    static const char *const names[] = {
        "Europe/Nowhere", "Europe",       "Europe/",        "/Europe/Berlin",
        "Europe//Berlin", "Factory",      "factory",        "localtime",
        "posixrules",     "posix/Zulu",   "right/Zulu",     "zone.tab",
        "leapseconds",    "EST5",         "+01:00",         "GMT+5",
        "../outside",     "Europe/../GB", "./GB",           "Europe/Empty",
        "Outside",        "Passwd",       "Europe/Outside", "Dangling",
        "Loop",           "Up/outside",   "Here/GB",        "Up",
        " UTC",           "UTC ",         "Am\xC3\xA9rica", "/etc/passwd",
    };
    struct place *place = *state;
    AUTO_ZONES struct zones *zones = zones_new(place->folder);

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct zone *zone = NULL;
        struct err err = {0};
        char text[SCRIPT_SIZE];

        snprintf(text, sizeof text, "Invalid timezone format: %s", names[i]);
        if (zones_find(zones, names[i], &zone, &err))
            fail_msg("\"%s\" is known", names[i]);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_string_equal(err.text, text);
        assert_null(zone);
    }
}

static void corrupt_file_is_said(void **state)
{
    struct place *place = *state;
    AUTO_ZONES struct zones *zones = zones_new(place->folder);
    const struct zone *zone;
    struct err err = {0};

    assert_false(zones_find(zones, "Europe/Broken", &zone, &err));
    assert_int_equal(err.kind, ERR_INTERNAL);
    assert_non_null(strstr(err.text, "the time zone Europe/Broken cannot be read: "));
    assert_non_null(strstr(err.text, "TZif"));
}

static void folder_that_is_not_there_has_utc(void **state)
{
    AUTO_ZONES struct zones *zones = zones_new("/nonexistent/zoneinfo");
    const struct zone *zone;

    (void)state;
    assert_true(zones_find(zones, "UTC", &zone, NULL));
    assert_false(zones_find(zones, "Europe/Berlin", &zone, NULL));
}

static void tzdir_names_the_folder(void **state)
{
    struct place *place = *state;
    const struct zone *zone;
    struct zones *zones;

    setenv("TZDIR", place->folder, 1);
    zones = zones_new(NULL);
    unsetenv("TZDIR");
    assert_true(zones_find(zones, "Europe/Rome", &zone, NULL));
    assert_int_equal(tz_offset_at(zone_tz(zone), 0), -18000);
    zones_free(zones);
    zones = zones_new(NULL); /* the system's */
    assert_true(zones_find(zones, "", &zone, NULL));
    zones_free(zones);
}

/* What zones_check() told, in one line: "+Europe/Berlin=7200 -GB". */
static char told[SCRIPT_SIZE];

static void on_event(void *arg, const struct zone *zone, enum zone_event event)
{
    size_t len = strlen(told);
    const struct zone *other;

    assert_int_equal(event == ZONE_VANISHED, zone_has_vanished(zone));
    snprintf(told + len, sizeof told - len, "%s%c%s=%d", len > 0 ? " " : "",
             event == ZONE_CHANGED ? '+' : '-', zone_name(zone), tz_offset_at(zone_tz(zone), 0));
    (void)zones_find(arg, "Europe/Paris", &other, NULL); /* may be asked for from here */
}

static const char *check(struct zones *zones)
{
    told[0] = '\0';
    zones_check(zones, on_event, zones);
    return told;
}

static void changes_are_noticed(void **state)
{
    struct place *place = *state;
    AUTO_ZONES struct zones *zones = zones_new(place->folder);
    const struct zone *berlin, *gb, *fresh;

    assert_true(zones_find(zones, "Europe/Berlin", &berlin, NULL));
    assert_true(zones_find(zones, "GB", &gb, NULL));
    assert_string_equal(check(zones), "");
    write_zone(place, "Europe/Berlin", 3600); /* another file that says the same */
    assert_string_equal(check(zones), "");
    write_zone(place, "Europe/Berlin", 7200);
    assert_int_equal(tz_offset_at(zone_tz(berlin), 0), 3600);
    assert_string_equal(check(zones), "+Europe/Berlin=7200 +GB=7200"); /* GB is a link to it */
    assert_string_equal(check(zones), "");

    write_bytes(place, "Europe/Berlin", "TZif2 and no more", 17);
    assert_string_equal(check(zones), "");
    write_bytes(place, "Europe/Berlin", "", 0);
    assert_string_equal(check(zones), "");
    assert_int_equal(tz_offset_at(zone_tz(berlin), 0), 7200);
    write_zone(place, "Europe/Berlin", 10800);
    assert_string_equal(check(zones), "+Europe/Berlin=10800 +GB=10800");

    assert_false(zones_find(zones, "Europe/Bonn", &fresh, NULL));
    write_zone(place, "Europe/Bonn", 1);
    assert_string_equal(check(zones), "");
    assert_true(zones_find(zones, "Europe/Bonn", &fresh, NULL));
}

static void vanished_zones_come_back(void **state)
{
    struct place *place = *state;
    AUTO_ZONES struct zones *zones = zones_new(place->folder);
    const struct zone *gb, *again;
    AUTO_FREE char *away = mem_printf("%s/away", place->outer);

    assert_true(zones_find(zones, "GB", &gb, NULL));
    delete_file(place, "GB");
    assert_string_equal(check(zones), "-GB=3600");
    assert_string_equal(check(zones), "");
    assert_false(zones_find(zones, "GB", &again, NULL));
    make_link(place, "../outside", "GB"); /* out of the folder: as good as none */
    assert_string_equal(check(zones), "");
    delete_file(place, "GB");
    write_zone(place, "GB", 3600);
    assert_string_equal(check(zones), "+GB=3600"); /* back, so it is told */
    assert_true(zones_find(zones, "GB", &again, NULL));
    assert_ptr_equal(gb, again);

    assert_int_equal(rename(place->folder, away), 0);
    assert_string_equal(check(zones), "-Europe/Paris=3600 -GB=3600");
    assert_int_equal(rename(away, place->folder), 0);
    assert_string_equal(check(zones), "+Europe/Paris=3600 +GB=3600");
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        IN_PLACE(known_names),
        IN_PLACE(unknown_names),
        IN_PLACE(corrupt_file_is_said),
        cmocka_unit_test(folder_that_is_not_there_has_utc),
        IN_PLACE(tzdir_names_the_folder),
        IN_PLACE(changes_are_noticed),
        IN_PLACE(vanished_zones_come_back),
    };

    log_init(LOG_LEVEL_CRITICAL, LOG_FORMAT_TEXT); /* what is said of corrupt files is meant */
    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}

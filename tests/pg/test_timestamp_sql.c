/* sql/'s job_time_valid() takes the same texts as timestamp_parse(): times with a few characters changed. */
#include "pg.h"

#include <stdio.h>
#include <string.h>

#include "timestamp.h"

enum { TEXT_SIZE = 96, TEXTS = 30000 };

static uint32_t state_of_dice = 20261125;

static uint32_t dice(uint32_t sides)
{
    state_of_dice = state_of_dice * 1664525U + 1013904223U;
    return (state_of_dice >> 8) % sides;
}

/* Any day, also some that there are not. */
static void make_time(char text[static TEXT_SIZE])
{
    static const char *const zones[] = {"", "Z", "+05", "-0830", "+05:30", "-00:09:21", "+000921", "+24:00"};
    static const char *const clocks[] = {"T00:00:00", " 9:30", "T23:59:59.5", "T12:00:00.123456789012",
                                         "T24:00"};
    static const int years[] = {0, 1, 1900, 2000, 2026, 2028, 2100, 9999};

    snprintf(text, TEXT_SIZE, dice(2) == 0 ? "%04d-%02u-%02u%s%s" : "%04d-%u-%u%s%s",
             years[dice(ARRAY_LEN(years))], dice(13), dice(33), clocks[dice(ARRAY_LEN(clocks))],
             zones[dice(ARRAY_LEN(zones))]);
}

static void change(char text[static TEXT_SIZE])
{
    static const char letters[] = "0123456789-:T Z+.tz,\n";
    size_t len = strlen(text), at = dice((uint32_t)len);
    char letter = letters[dice(sizeof letters - 1)];

    switch (dice(4)) {
    case 0:
        memmove(text + at, text + at + 1, len - at);
        break;
    case 1:
        memmove(text + at + 1, text + at, len - at + 1);
        text[at] = letter;
        break;
    case 2:
        text[at] = letter;
        break;
    default:
        break;
    }
}

static void database_and_program_agree(void **state)
{
    AUTO_DB_ARRAY struct db_array texts, verdicts;
    struct pg *pg = pg_open(NULL);
    int valid = 0;

    (void)state;
    db_array_init(&texts);
    db_array_init(&verdicts);
    for (int i = 0; i < TEXTS; i++) {
        struct timestamp time;
        char text[TEXT_SIZE];
        bool good;

        make_time(text);
        change(text);
        change(text);
        good = timestamp_parse(text, &time, NULL);
        valid += good;
        db_array_text(&texts, text);
        db_array_bool(&verdicts, good);
    }
    pg_holds_for_all(pg, "job_time_valid(t) = verdict", &texts, &verdicts);
    assert_in_range(valid, TEXTS / 20, TEXTS / 2); /* enough of both */
    pg_close(pg);
}

static int migrated(void **state)
{
    (void)state;
    pg_migrate();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(database_and_program_agree)};

    return cmocka_run_group_tests_name("timestamp in SQL", tests, migrated, NULL);
}

/* The constraints of jobs.schedule see the words that cron_words_split() sees: texts of a few words, with all
 * that is white space between them, and what only looks like it. */
#include "pg.h"

#include "cron_text.h"

enum { TEXTS = 30000, TEXT_MAX = 200 };

static uint32_t state_of_dice = 20261126;

static uint32_t dice(uint32_t sides)
{
    state_of_dice = state_of_dice * 1664525U + 1013904223U;
    return (state_of_dice >> 8) % sides;
}

/* One of U+0001 to U+3001, mostly near what is white space. */
static void put_odd(struct buf *text)
{
    static const uint32_t near[] = {0x0B, 0x1E, 0x85, 0xA0, 0x1680, 0x2005, 0x2029, 0x202F, 0x205F, 0x3000};
    uint32_t c = dice(8) == 0 ? 1 + dice(0x3001) : near[dice(ARRAY_LEN(near))] - 8 + dice(17);

    if (c < 0x80) {
        buf_putc(text, (char)c);
    } else if (c < 0x800) {
        buf_putc(text, (char)(0xC0 | c >> 6));
        buf_putc(text, (char)(0x80 | (c & 0x3F)));
    } else {
        buf_putc(text, (char)(0xE0 | c >> 12));
        buf_putc(text, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_putc(text, (char)(0x80 | (c & 0x3F)));
    }
}

static void put_text(struct buf *text)
{
    static const char *const words[] = {"?", "?", "*", "0", "?,5", "mon", "_"};

    buf_init(text, TEXT_MAX);
    for (uint32_t i = dice(6); i > 0; i--) {
        if (dice(2) == 0)
            buf_puts(text, words[dice(ARRAY_LEN(words))]);
        if (dice(2) == 0)
            buf_putc(text, ' ');
        else
            put_odd(text);
    }
    if (dice(2) == 0)
        buf_puts(text, words[dice(ARRAY_LEN(words))]);
}

/* Neither blank nor with a ? for which a number is still to be chosen. */
static bool can_be_stored(const char *text)
{
    struct cron_words words;

    cron_words_split(text, &words);
    for (size_t i = 0; i < words.count && i <= CRON_HOUR; i++)
        if (words.word[i].len == 1 && *words.word[i].text == '?')
            return false;
    return words.count > 0;
}

/* As the table says it, whatever it says. */
static void make_verdict_of_the_table(struct pg *pg)
{
    struct answer answer = pg_run(
        pg,
        "DO $$ BEGIN EXECUTE (SELECT format("
        "'CREATE FUNCTION pg_temp.can_be_stored(schedule text) RETURNS boolean LANGUAGE sql AS %L',"
        " 'SELECT ' || string_agg(pg_get_expr(conbin, conrelid), ' AND ')) FROM pg_constraint WHERE conname"
        " IN ('jobs_schedule_is_not_blank', 'jobs_schedule_has_no_open_wildcard')); END $$");

    assert_string_equal(answer.text, "");
}

static void database_and_program_agree(void **state)
{
    AUTO_DB_ARRAY struct db_array texts, verdicts;
    struct pg *pg = pg_open(NULL);
    int good = 0;

    (void)state;
    make_verdict_of_the_table(pg);
    db_array_init(&texts);
    db_array_init(&verdicts);
    for (int i = 0; i < TEXTS; i++) {
        AUTO_BUF struct buf text = {0};

        put_text(&text);
        good += can_be_stored(text.data);
        db_array_text(&texts, text.data);
        db_array_bool(&verdicts, can_be_stored(text.data));
    }
    pg_holds_for_all(pg, "pg_temp.can_be_stored(t) = verdict", &texts, &verdicts);
    assert_in_range(good, TEXTS / 4, TEXTS * 3 / 4); /* enough of both */
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

    return cmocka_run_group_tests_name("schedules in SQL", tests, migrated, NULL);
}

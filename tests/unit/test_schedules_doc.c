/* docs/schedules.md: each example is what the program does, in words, times and messages. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "cron.h"
#include "job_report.h"
#include "job_timing.h"
#include "schedule_text.h"
#include "timestamp.h"
#include "tz.h"
#include "zone.h"

enum { LINE_SIZE = 1024, CELLS_MAX = 6, NEXT_TIMES = 3, THEN_TIMES = 4 };

enum table { TABLE_OTHER, TABLE_EXAMPLES, TABLE_CLOCK_CHANGES, TABLE_ERRORS };

struct reading {
    enum table table;
    struct zones *zones; /* owned */
    int64_t from;        /* of the examples */
    int line, rows[TABLE_ERRORS + 1], wrong;
};

/* Cuts "| `a` | b | c |" into its cells, without the blanks and the ` around them; the rest are empty. */
static int cut(char *line, char *cells[static CELLS_MAX])
{
    static char nothing[] = "";
    int count = 0;
    char *save = NULL;

    for (int i = 0; i < CELLS_MAX; i++)
        cells[i] = nothing;
    for (char *cell = strtok_r(line, "|\n", &save); cell != NULL && count < CELLS_MAX;
         cell = strtok_r(NULL, "|\n", &save)) {
        cell += strspn(cell, " `");
        for (size_t len = strlen(cell); len > 0 && strchr(" `", cell[len - 1]) != NULL; len--)
            cell[len - 1] = '\0';
        cells[count++] = cell;
    }
    return count;
}

static int64_t instant(const char *text)
{
    struct timestamp time;

    if (!timestamp_parse(text, &time, NULL))
        fail_msg("%s is no time", text);
    return timestamp_start_s(&time, tz_utc());
}

static void compile(struct reading *in, const char *schedule, const char *zone, struct job_timing *ret)
{
    const struct job_timing_texts texts = {.schedule = schedule, .timezone = zone};
    struct err err = {0};

    if (!job_timing_compile(&texts, in->zones, ret, &err))
        fail_msg("line %d: %s: %s", in->line, schedule, err.text);
}

/* The next times, without the offset where that is UTC. */
static void put_times(struct buf *buf, const struct job_timing *timing, int64_t from, int count)
{
    const struct tz *tz = zone_tz(timing->zone);
    int64_t t;

    for (int i = 0; i < count && job_timing_next(timing, from, &t); i++, from = t + 1) {
        buf_puts(buf, i > 0 ? ", " : "");
        timestamp_put_instant(buf, t, tz);
        if (tz == tz_utc())
            buf->data[buf->len -= strlen("+00:00")] = '\0';
        buf->data[buf->len - (tz == tz_utc() ? 9 : 15)] = ' '; /* the T */
    }
}

static void expect(struct reading *in, const char *right, const char *said)
{
    if (strcmp(right, said) == 0)
        return;
    in->wrong++;
    print_error("docs/schedules.md:%d: says \"%s\", but it is \"%s\"\n", in->line, said, right);
}

static void check_example(struct reading *in, char *const *cells)
{
    AUTO_JOB_TIMING struct job_timing timing = {0};
    AUTO_BUF struct buf words = {0}, times = {0};

    buf_init(&words, SCHEDULE_TEXT_MAX);
    buf_init(&times, LINE_SIZE);
    compile(in, cells[0], NULL, &timing);
    schedule_text_put(&words, &timing.cron);
    expect(in, words.data, cells[1]);
    put_times(&times, &timing, in->from, NEXT_TIMES);
    expect(in, times.data, cells[2]);
}

static void check_clock_change(struct reading *in, char *const *cells)
{
    AUTO_JOB_TIMING struct job_timing timing = {0};
    AUTO_BUF struct buf times = {0};

    buf_init(&times, LINE_SIZE);
    compile(in, cells[0], cells[1], &timing);
    put_times(&times, &timing, instant(cells[2]), THEN_TIMES);
    expect(in, times.data, cells[3]);
}

static void check_error(struct reading *in, char *const *cells)
{
    const struct job_timing_texts texts = {.schedule = cells[0]};
    struct job_timing timing;
    struct err err = {0};

    assert_false(job_timing_compile(&texts, in->zones, &timing, &err));
    expect(in, err.text, cells[1]);
}

static void check_row(struct reading *in, char *line)
{
    static const int cells_wanted[] = {0, 3, 4, 2};
    char *cells[CELLS_MAX];
    int count = cut(line, cells);

    if (in->table == TABLE_OTHER)
        return;
    if (count != cells_wanted[in->table])
        fail_msg("line %d has %d cells", in->line, count);
    in->rows[in->table]++;
    if (in->table == TABLE_EXAMPLES)
        check_example(in, cells);
    else if (in->table == TABLE_CLOCK_CHANGES)
        check_clock_change(in, cells);
    else
        check_error(in, cells);
}

static void check_line(struct reading *in, char *line)
{
    static const char examples[] = "<!-- examples from ";

    if (strncmp(line, examples, strlen(examples)) == 0) {
        line[strlen(examples) + strlen("2026-11-25T12:00:00Z")] = '\0';
        in->from = instant(line + strlen(examples));
        in->table = TABLE_EXAMPLES;
    } else if (strcmp(line, "<!-- clock changes -->\n") == 0) {
        in->table = TABLE_CLOCK_CHANGES;
    } else if (strcmp(line, "<!-- errors -->\n") == 0) {
        in->table = TABLE_ERRORS;
    } else if (strcmp(line, "\n") == 0) {
        in->table = TABLE_OTHER;
    } else if (strncmp(line, "| `", 3) == 0) {
        check_row(in, line);
    }
}

static void examples_are_what_happens(void **state)
{
    struct reading in = {.zones = zones_new(NULL)};
    FILE *file = fopen(TEST_SOURCE_DIR "/docs/schedules.md", "r");
    char line[LINE_SIZE];

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        in.line++;
        check_line(&in, line);
    }
    fclose(file);
    zones_free(in.zones);
    assert_true(in.rows[TABLE_EXAMPLES] > 30 && in.rows[TABLE_CLOCK_CHANGES] > 15 &&
                in.rows[TABLE_ERRORS] > 5);
    assert_int_equal(in.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples_are_what_happens)};

    return cmocka_run_group_tests_name("docs/schedules.md", tests, NULL, NULL);
}

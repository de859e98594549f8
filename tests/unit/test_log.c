/* log: names of levels, the quoting of what came from outside, and where a line goes. libsystemd's end of the
 * journal, and whether its socket is there, are this program's own (the linker's --wrap). */
#include "log.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static bool journal_there = true, journal_works = true;
static char journal[LOG_LINE_MAX * 4]; /* the fields of what it was given, a line each */

int __wrap_sd_journal_sendv(const struct iovec *fields, int count);
int __wrap_access(const char *path, int mode);

int __wrap_sd_journal_sendv(const struct iovec *fields, int count)
{
    size_t len = 0;

    if (!journal_works)
        return -1;
    for (int i = 0; i < count; i++) {
        memcpy(journal + len, fields[i].iov_base, fields[i].iov_len);
        len += fields[i].iov_len;
        journal[len++] = '\n';
    }
    journal[len] = '\0';
    return 0;
}

int __wrap_access(const char *path, int mode)
{
    assert_string_equal(path, "/run/systemd/journal/socket");
    assert_int_equal(mode, W_OK);
    return journal_there ? 0 : -1;
}

/* Standard error goes into a file while a line is written; returns what came there, and journal what came
 * there. */
static const char *written(enum log_format format, bool is_journal)
{
    static char text[LOG_LINE_MAX * 2];
    char stream[64];
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    struct stat at;

    journal[0] = '\0';
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &at), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)at.st_dev + !is_journal,
             (unsigned long long)at.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    dup2(fileno(file), STDERR_FILENO);
    log_init(LOG_LEVEL_INFO, format);
    log_debug("test.hidden", "a=%d", 1);
    log_warning("run.retrying", "job=%s tries=%d", LOGQ("two words"), 2);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void elsewhere_a_line_has_time_and_level(void **state)
{
    const char *line = written(LOG_FORMAT_TEXT, false);

    (void)state;
    assert_int_equal(strspn(line, "0123456789-T:.Z"), strlen("2026-11-24T10:30:42.123Z"));
    assert_string_equal(strchr(line, ' '), " warning run.retrying job=\"two words\" tries=2\n");
    assert_string_equal(journal, "");
}

static void json_is_a_line_as_well(void **state)
{
    const char *line = written(LOG_FORMAT_JSON, false);

    (void)state;
    assert_memory_equal(line, "{\"time\":\"", 9);
    assert_string_equal(
        strchr(line, ','),
        ",\"level\":\"warning\",\"event\":\"run.retrying\",\"job\":\"two words\",\"tries\":\"2\"}\n");
}

static void the_journal_gets_fields_and_standard_error_nothing(void **state)
{
    (void)state;
    assert_string_equal(written(LOG_FORMAT_JSON, true), "");
    assert_string_equal(journal, "MESSAGE=run.retrying job=\"two words\" tries=2\nPRIORITY=4\n"
                                 "ECSS_EVENT=run.retrying\nECSS_JOB=two words\nECSS_TRIES=2\n");
}

static void without_the_journals_socket_there_are_priorities(void **state)
{
    (void)state;
    journal_there = false;
    assert_string_equal(written(LOG_FORMAT_TEXT, true), "<4>run.retrying job=\"two words\" tries=2\n");
    journal_there = true;
}

static void what_the_journal_does_not_take_is_not_lost(void **state)
{
    (void)state;
    journal_works = false;
    assert_string_equal(written(LOG_FORMAT_TEXT, true), "<4>run.retrying job=\"two words\" tries=2\n");
    journal_works = true;
}

static void the_level_moves_within_its_bounds(void **state)
{
    (void)state;
    assert_string_equal(written(LOG_FORMAT_TEXT, true), ""); /* lines go to the journal now */
    assert_int_equal(log_shift_level(-1), LOG_LEVEL_DEBUG);
    assert_string_equal(strstr(journal, "ECSS_NOW"), "ECSS_NOW=debug\n");
    assert_true(log_enabled(LOG_LEVEL_DEBUG));
    assert_int_equal(log_shift_level(-1), LOG_LEVEL_DEBUG);
    for (int i = 0; i < 5; i++)
        log_shift_level(+1);
    assert_string_equal(strstr(journal, "ECSS_NOW"), "ECSS_NOW=critical\n");
    assert_false(log_enabled(LOG_LEVEL_ERROR));
    assert_true(log_enabled(LOG_LEVEL_CRITICAL));
}

struct quote_case {
    const char *name, *in, *out;
};

static struct quote_case quotes[] = {
    {"a plain word is left alone", "nightly-1", "nightly-1"},
    {"nothing is a dash", NULL, "-"},
    {"an empty value is quoted", "", "\"\""},
    {"a blank is quoted", "a b", "\"a b\""},
    {"an equals sign is quoted", "a=b", "\"a=b\""},
    {"a quote is escaped", "a\"b", "\"a\\\"b\""},
    {"a backslash is escaped", "a\\b", "\"a\\\\b\""},
    {"a line break cannot start a line of its own", "a\nb", "\"a?b\""},
};

static void check_quote(void **state)
{
    const struct quote_case *c = *state;

    assert_string_equal(LOGQ(c->in), c->out);
}

static void long_values_are_cut(void **state)
{
    char text[LOGQ_MAX * 2];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_true(strlen(LOGQ(text)) < LOGQ_MAX);
}

static void levels_have_names(void **state)
{
    enum log_level level;

    (void)state;
    assert_true(log_level_parse("WARNING", &level));
    assert_int_equal(level, LOG_LEVEL_WARNING);
    assert_true(log_level_parse("critical", &level));
    assert_false(log_level_parse("loud", &level));
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(elsewhere_a_line_has_time_and_level),
        cmocka_unit_test(json_is_a_line_as_well),
        cmocka_unit_test(the_journal_gets_fields_and_standard_error_nothing),
        cmocka_unit_test(without_the_journals_socket_there_are_priorities),
        cmocka_unit_test(what_the_journal_does_not_take_is_not_lost),
        cmocka_unit_test(the_level_moves_within_its_bounds),
    };
    struct CMUnitTest tests[ARRAY_LEN(quotes) + ARRAY_LEN(others)];

    for (size_t i = 0; i < ARRAY_LEN(quotes); i++)
        tests[i] = (struct CMUnitTest){quotes[i].name, check_quote, NULL, NULL, &quotes[i]};
    memcpy(tests + ARRAY_LEN(quotes), others, sizeof others);
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

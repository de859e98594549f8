/* log_form: what a line looks like in each form, also when it does not fit. */
#include "log_form.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "json.h"
#include "log.h"

struct form_case {
    const char *name, *pairs, *json, *journal; /* json: what follows the event's name */
};

static struct form_case forms[] = {
    {"nothing but the event", "", "}", ""},
    {"plain values", "job=a tasks=2", ",\"job\":\"a\",\"tasks\":\"2\"}", "ECSS_JOB=a|ECSS_TASKS=2|"},
    {"a quoted value", "error=\"no such \\\"queue\\\"\" n=1",
     ",\"error\":\"no such \\\"queue\\\"\",\"n\":\"1\"}", "ECSS_ERROR=no such \"queue\"|ECSS_N=1|"},
    {"an empty value", "a=\"\" b=", ",\"a\":\"\",\"b\":\"\"}", "ECSS_A=|ECSS_B=|"},
    {"a word that is no pair", "alone", ",\"alone\":\"\"}", "ECSS_ALONE=|"},
    {"a quote that never ends", "a=\"b c", ",\"a\":\"b c\"}", "ECSS_A=b c|"},
    {"a quote that ends with its escape", "a=\"b\\", ",\"a\":\"b\\\\\"}", "ECSS_A=b\\|"},
    {"bytes that are no UTF-8", "a=\xC3", ",\"a\":\"\xEF\xBF\xBD\"}", "ECSS_A=\xC3|"},
    {"a key that no journal takes", "request-id=x", ",\"request-id\":\"x\"}", "ECSS_REQUEST_ID=x|"},
    {"many blanks", "  a=1   b=2 ", ",\"a\":\"1\",\"b\":\"2\"}", "ECSS_A=1|ECSS_B=2|"},
};

static struct log_event event_of(const char *pairs)
{
    return (struct log_event){
        .level = "info", .priority = 6, .wall_us = 1795516242123456, .name = "run.started", .pairs = pairs};
}

static void check_form(void **state)
{
    static const char head[] =
        "{\"time\":\"2026-11-24T10:30:42.123Z\",\"level\":\"info\",\"event\":\"run.started\"";
    const struct form_case *c = *state;
    const struct log_event event = event_of(c->pairs);
    AUTO_BUF struct buf buf = {0};
    size_t ends[LOG_FIELDS_MAX], count;

    buf_init(&buf, LOG_LINE_MAX);
    log_form_json(&buf, &event);
    assert_memory_equal(buf.data, head, sizeof head - 1);
    assert_string_equal(buf.data + sizeof head - 1, c->json);

    buf_clear(&buf);
    count = log_form_journal(&buf, &event, ends);
    assert_true(count >= 3);
    for (size_t i = 3, from = ends[2]; i < count; from = ends[i++])
        assert_memory_equal(buf.data + from, c->journal + (from - ends[2]) + (i - 3), ends[i] - from);
    assert_int_equal(buf.len - ends[2] + (count - 3), strlen(c->journal));
}

static void text_has_no_blank_at_the_end(void **state)
{
    const struct log_event bare = event_of(""), full = event_of("a=1");
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, LOG_LINE_MAX);
    log_form_stamp(&buf, &bare);
    log_form_text(&buf, &bare);
    assert_string_equal(buf.data, "2026-11-24T10:30:42.123Z info run.started");
    buf_clear(&buf);
    log_form_text(&buf, &full);
    assert_string_equal(buf.data, "run.started a=1");
}

/* Whatever does not fit, the line is JSON, and says that there was more. */
static void json_that_is_cut_is_json(void **state)
{
    static char pairs[LOG_LINE_MAX];
    struct log_event event = event_of(pairs);

    (void)state;
    for (size_t len = 0; len + 16 < LOG_LINE_MAX; len += 37) {
        AUTO_BUF struct buf buf = {0};
        AUTO_JSON struct json_object *parsed = NULL;
        struct err err = {0};

        memcpy(pairs, "job=x error=", 12);
        memset(pairs + 12, 1, len); /* six bytes each, as JSON */
        pairs[12 + len] = '\0';
        buf_init(&buf, LOG_LINE_MAX);
        log_form_json(&buf, &event);
        assert_false(buf_full(&buf));
        if (!json_parse(buf.data, buf.len, &parsed, &err))
            fail_msg("%s", err.text);
        assert_string_equal(json_object_get_string(json_object_object_get(parsed, "job")), "x");
        assert_true(json_object_object_get_ex(parsed, "error", NULL) !=
                    json_object_object_get_ex(parsed, "cut", NULL));
    }
}

static void no_more_fields_than_there_is_room_for(void **state)
{
    char pairs[LOG_FIELDS_MAX * 8] = "";
    struct log_event event = event_of(pairs);
    AUTO_BUF struct buf buf = {0};
    size_t ends[LOG_FIELDS_MAX];

    (void)state;
    for (size_t i = 0; i < LOG_FIELDS_MAX; i++)
        snprintf(pairs + 4 * i, sizeof pairs - 4 * i, "k=v ");
    buf_init(&buf, 2 * LOG_LINE_MAX);
    assert_int_equal(log_form_journal(&buf, &event, ends), LOG_FIELDS_MAX);
    assert_int_equal(ends[LOG_FIELDS_MAX - 1], buf.len);
}

static void long_names_of_fields_are_cut(void **state)
{
    char pairs[2 * LOG_FIELD_NAME_MAX];
    struct log_event event = event_of(pairs);
    AUTO_BUF struct buf buf = {0};
    size_t ends[LOG_FIELDS_MAX];

    (void)state;
    memset(pairs, 'k', sizeof pairs - 3);
    memcpy(pairs + sizeof pairs - 3, "=v", 3);
    buf_init(&buf, LOG_LINE_MAX);
    assert_int_equal(log_form_journal(&buf, &event, ends), 4);
    assert_int_equal(ends[3] - ends[2], LOG_FIELD_NAME_MAX + strlen("=v"));
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(text_has_no_blank_at_the_end),
        cmocka_unit_test(json_that_is_cut_is_json),
        cmocka_unit_test(no_more_fields_than_there_is_room_for),
        cmocka_unit_test(long_names_of_fields_are_cut),
    };
    struct CMUnitTest tests[ARRAY_LEN(forms) + ARRAY_LEN(others)];

    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        tests[i] = (struct CMUnitTest){forms[i].name, check_form, NULL, NULL, &forms[i]};
    memcpy(tests + ARRAY_LEN(forms), others, sizeof others);
    return cmocka_run_group_tests_name("log_form", tests, NULL, NULL);
}

/* See job_report.h. The messages are a json-c tree, made as complaints come. */
#include "job_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "json.h"

enum { TEXT_SIZE = 1536, KEY_SHOWN_MAX = 64, KEY_SIZE = KEY_SHOWN_MAX + sizeof "..." };

void job_report_done(struct job_report *report)
{
    json_object_put(report->messages);
    json_object_put(report->warnings);
    *report = (struct job_report){0};
}

/* A name as it is shown: cut, where a character ends, so that a client cannot make us write its megabyte
 * back. */
static void show_key(const char *key, char ret[static KEY_SIZE])
{
    size_t len = strlen(key);
    bool cut = len > KEY_SHOWN_MAX;

    if (cut)
        len = KEY_SHOWN_MAX;
    while (cut && len > 0 && ((unsigned char)key[len] & 0xC0) == 0x80)
        len--;
    snprintf(ret, KEY_SIZE, "%.*s%s", (int)len, key, cut ? "..." : "");
}

/* The member of parent by this name, made by make() if it is not there. */
static struct json_object *child(struct json_object *parent, const char *name,
                                 struct json_object *(*make)(void))
{
    struct json_object *found = NULL;
    char key[KEY_SIZE];

    show_key(name, key);
    if (json_object_object_get_ex(parent, key, &found))
        return found;
    found = make();
    json_object_object_add(parent, key, found);
    return found;
}

/* The object that holds what is said about the place's siblings. */
static struct json_object *siblings(const struct job_at *at)
{
    if (at->up != NULL)
        return child(siblings(at->up), at->up->key, json_object_new_object);
    if (at->report->messages == NULL)
        at->report->messages = json_object_new_object();
    return at->report->messages;
}

/* Cut, if need be, where a character ends. */
static PRINTF(3, 0) void print(char *text, size_t size, const char *fmt, va_list ap)
{
    size_t len;

    vsnprintf(text, size, fmt, ap);
    len = strlen(text);
    if (len == size - 1) {
        while (len > 0 && ((unsigned char)text[len - 1] & 0xC0) == 0x80)
            len--;
        text[len > 0 ? len - 1 : 0] = '\0';
    }
}

/* Once. */
static void say_more(const struct job_report *report)
{
    struct json_object *texts = child(report->messages, "...", json_object_new_array);

    if (json_object_array_length(texts) == 0)
        json_object_array_add(texts,
                              json_object_new_string("There is more that is wrong than is shown here."));
}

bool job_complain(const struct job_at *at, const char *fmt, ...)
{
    char text[TEXT_SIZE];
    struct json_object *texts;
    va_list ap;

    va_start(ap, fmt);
    print(text, sizeof text, fmt, ap);
    va_end(ap);
    if (at->report->complaints == JOB_COMPLAINTS_MAX) {
        say_more(at->report);
        return false;
    }
    texts = child(siblings(at), at->key, json_object_new_array);
    for (size_t i = 0; i < json_object_array_length(texts); i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(texts, i)), text) == 0)
            return false;
    json_object_array_add(texts, json_object_new_string(text));
    at->report->complaints++;
    return false;
}

/* "overrides.0.environment" */
static void put_path(struct buf *buf, const struct job_at *at)
{
    char key[KEY_SIZE];

    if (at->up != NULL) {
        put_path(buf, at->up);
        buf_putc(buf, '.');
    }
    show_key(at->key, key);
    buf_puts(buf, key);
}

void job_warn(const struct job_at *at, const char *fmt, ...)
{
    struct job_report *report = at->report;
    AUTO_BUF struct buf sentence = {0};
    char text[TEXT_SIZE];
    va_list ap;

    if (report->warnings != NULL && json_object_array_length(report->warnings) == JOB_WARNINGS_MAX) {
        report->more_warnings++;
        return;
    }
    va_start(ap, fmt);
    print(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_init(&sentence, 4096);
    put_path(&sentence, at);
    buf_printf(&sentence, ": %s", text);
    if (report->warnings == NULL)
        report->warnings = json_object_new_array();
    json_object_array_add(report->warnings, json_object_new_string(sentence.data));
}

bool job_report_clean(const struct job_report *report)
{
    return report->messages == NULL;
}

bool job_report_put_warnings(struct buf *buf, const struct job_report *report)
{
    if (report->warnings == NULL)
        return false;
    buf_puts(buf, "\"warnings\":[");
    for (size_t i = 0; i < json_object_array_length(report->warnings); i++) {
        if (i > 0)
            buf_putc(buf, ',');
        json_put_value(buf, json_object_array_get_idx(report->warnings, i));
    }
    if (report->more_warnings > 0)
        buf_printf(buf, ",\"and %d more like these\"", report->more_warnings);
    buf_putc(buf, ']');
    return true;
}

bool job_report_to_err(const struct job_report *report, struct err *err)
{
    const struct json_object *node = report->messages;
    AUTO_BUF struct buf path = {0};

    buf_init(&path, ERR_FIELD_SIZE - 1);
    while (node != NULL && json_object_is_type(node, json_type_object)) {
        struct lh_entry *first = lh_table_head(json_object_get_object(node));

        if (first == NULL)
            break;
        if (path.len > 0)
            buf_putc(&path, '.');
        buf_puts(&path, lh_entry_k(first));
        node = lh_entry_v(first);
    }
    if (node == NULL || !json_object_is_type(node, json_type_array))
        return err_set(err, ERR_INVALID, "no reason is known");
    return err_field(err, path.data, "%s", json_object_get_string(json_object_array_get_idx(node, 0)));
}

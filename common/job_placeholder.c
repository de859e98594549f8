/* See job_placeholder.h. */
#include "job_placeholder.h"

#include <stddef.h>
#include <string.h>

enum { MARK_LEN = 2, MARKS_LEN = 4 /* both; and "{{{{" */, SHOWN_MAX = 64 };

static const struct {
    const char *name;
    size_t offset; /* in struct job_placeholders */
} known[] = {
    {"jobId", offsetof(struct job_placeholders, job_id)},
    {"fireTime", offsetof(struct job_placeholders, fire_time)},
    {"runId", offsetof(struct job_placeholders, run_id)},
    {"attempt", offsetof(struct job_placeholders, attempt)},
};

struct job_placeholders job_placeholders_longest(const char *job_id)
{
    return (struct job_placeholders){.job_id = job_id,
                                     .fire_time = "0000-00-00T00:00:00Z",
                                     .run_id = "9223372036854775807",
                                     .attempt = "2147483647"};
}

enum part_kind { PART_TEXT, PART_BRACES, PART_PLACEHOLDER };

/* A piece of a text: as it is; "{{{{"; or a placeholder, whose name begins at text. */
struct part {
    enum part_kind kind;
    const char *text;
    size_t len;
};

/* What is left of a text. */
struct scan {
    const char *rest;
    bool no_close; /* there is no "}}" in it: looked for once, so that a scan takes linear time */
};

static const char *find_close(struct scan *scan, const char *from)
{
    const char *close = scan->no_close ? NULL : strstr(from, "}}");

    scan->no_close = close == NULL;
    return close;
}

/* Takes the first piece off. False: there is none. */
static bool next_part(struct scan *scan, struct part *ret)
{
    const char *text = scan->rest, *open = strstr(text, "{{"), *close;

    if (*text == '\0')
        return false;
    if (open == NULL) {
        *ret = (struct part){PART_TEXT, text, strlen(text)};
        scan->rest += ret->len;
    } else if (open != text) {
        *ret = (struct part){PART_TEXT, text, (size_t)(open - text)};
        scan->rest = open;
    } else if (strncmp(text, "{{{{", MARKS_LEN) == 0) {
        *ret = (struct part){PART_BRACES, text, MARKS_LEN};
        scan->rest += ret->len;
    } else if ((close = find_close(scan, text + MARK_LEN)) != NULL) {
        *ret = (struct part){PART_PLACEHOLDER, text + MARK_LEN, (size_t)(close - text) - MARK_LEN};
        scan->rest = close + MARK_LEN;
    } else {
        *ret = (struct part){PART_TEXT, text, MARK_LEN};
        scan->rest += MARK_LEN;
    }
    return true;
}

/* Index in known; its size: none has this name. */
static size_t find(const struct part *part)
{
    size_t i = 0;

    while (i < ARRAY_LEN(known) &&
           !(strlen(known[i].name) == part->len && strncmp(known[i].name, part->text, part->len) == 0))
        i++;
    return i;
}

/* So much of an unknown name is shown: cut, if need be, where a character ends. */
static int shown_len(const struct part *part)
{
    size_t len = part->len < SHOWN_MAX ? part->len : SHOWN_MAX;

    while (len < part->len && len > 0 && ((unsigned char)part->text[len] & 0xC0) == 0x80)
        len--;
    return (int)len;
}

bool job_placeholders_check(const char *text, const struct job_at *at)
{
    struct scan scan = {.rest = text};
    struct part part;

    while (next_part(&scan, &part)) {
        if (part.kind == PART_PLACEHOLDER && find(&part) == ARRAY_LEN(known))
            return job_complain(
                at,
                "Unknown placeholder \"{{%.*s}}\"; there are {{jobId}}, {{fireTime}}, {{runId}} "
                "and {{attempt}}. Write \"{{{{\" for \"{{\".",
                shown_len(&part), part.text);
    }
    return true;
}

static void put_value(struct buf *buf, const struct part *part, const struct job_placeholders *values)
{
    size_t i = find(part);

    if (i < ARRAY_LEN(known))
        buf_puts(buf, *(const char *const *)((const char *)values + known[i].offset));
    else
        buf_put(buf, part->text - MARK_LEN, part->len + MARKS_LEN);
}

void job_placeholders_put(struct buf *buf, const char *text, const struct job_placeholders *values)
{
    struct scan scan = {.rest = text};
    struct part part;

    while (next_part(&scan, &part)) {
        switch (part.kind) {
        case PART_TEXT:
            buf_put(buf, part.text, part.len);
            break;
        case PART_BRACES:
            buf_puts(buf, "{{");
            break;
        case PART_PLACEHOLDER:
            put_value(buf, &part, values);
            break;
        }
    }
}

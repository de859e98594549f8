/* See cron_text.h; and cron_resolve(). */
#include "cron_text.h"

#include <string.h>

/* What Python calls white space, beyond ASCII, in UTF-8. */
static const char *const wide_spaces[] = {
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80",
};

/* How many bytes of white space s begins with: one character's, or 0. */
static size_t space_len(const char *s)
{
    if (*s == ' ' || (*s >= '\t' && *s <= '\r') || (*s >= 0x1C && *s <= 0x1F))
        return 1;
    if ((unsigned char)*s < 0x80)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(wide_spaces); i++) {
        size_t len = strlen(wide_spaces[i]);

        if (strncmp(s, wide_spaces[i], len) == 0)
            return len;
    }
    return 0;
}

static const char *skip_spaces(const char *s)
{
    size_t len;

    while ((len = space_len(s)) > 0)
        s += len;
    return s;
}

static const char *skip_word(const char *s)
{
    while (*s != '\0' && space_len(s) == 0)
        s++;
    return s;
}

void cron_words_split(const char *text, struct cron_words *ret)
{
    struct cron_words words = {0};
    const char *s = skip_spaces(text);

    while (*s != '\0') {
        const char *end = skip_word(s);

        if (words.count < CRON_FIELDS) {
            words.word[words.count++] = (struct cron_word){s, (size_t)(end - s)};
        } else {
            if (words.rest.text == NULL)
                words.rest.text = s;
            words.rest.len = (size_t)(end - words.rest.text);
        }
        s = skip_spaces(end);
    }
    *ret = words;
}

void cron_resolve(const char *text, uint32_t (*below)(uint32_t n), struct buf *ret)
{
    static const uint32_t ranges[] = {[CRON_SECOND] = 60, [CRON_MINUTE] = 60, [CRON_HOUR] = 24};
    struct cron_words words;
    const char *done = text;

    cron_words_split(text, &words);
    for (size_t i = 0; i < ARRAY_LEN(ranges) && i < words.count; i++) {
        struct cron_word word = words.word[i];

        if (word.len != 1 || *word.text != '?')
            continue;
        buf_put(ret, done, (size_t)(word.text - done));
        buf_printf(ret, "%u", below(ranges[i]));
        done = word.text + 1;
    }
    buf_puts(ret, done);
}

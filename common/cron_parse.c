/* See cron.h. */
#include "cron_part.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cron_calendar.h"
#include "cron_never.h"
#include "cron_set.h"
#include "cron_text.h"
#include "mem.h"

/* A field while its parts are read. */
struct parsing {
    struct cron *cron;
    uint64_t values;          /* of every field but the year */
    uint64_t *years;          /* lent: CRON_YEAR_WORDS */
    struct cron_notes *notes; /* lent; may be NULL */
};

static PRINTF(2, 3) void note(struct cron_notes *notes, const char *fmt, ...)
{
    va_list ap;

    if (notes == NULL)
        return;
    if (notes->count == CRON_NOTES_MAX) {
        snprintf(notes->text[CRON_NOTES_MAX - 1], CRON_NOTE_SIZE, "There are more oddities of this kind.");
        return;
    }
    va_start(ap, fmt);
    vsnprintf(notes->text[notes->count++], CRON_NOTE_SIZE, fmt, ap);
    va_end(ap);
}

/* How much of a text a note quotes. */
static int quoted(size_t len)
{
    enum { QUOTED_MAX = 60 };

    return len < QUOTED_MAX ? (int)len : QUOTED_MAX;
}

static void apply(struct parsing *p, enum cron_field field, const struct cron_part *part)
{
    switch (part->form) {
    case CRON_PART_VALUES:
        if (field == CRON_YEAR)
            cron_set_add(p->years, part->first - CRON_YEAR_MIN, part->last - CRON_YEAR_MIN, part->step);
        else
            cron_set_add(&p->values, part->first, part->last, part->step);
        if (field == CRON_MINUTE && part->star)
            p->cron->flags |= CRON_MINUTE_FREE;
        break;
    case CRON_PART_NTH:
        p->cron->nth_weekday |= UINT64_C(1) << part->first;
        break;
    case CRON_PART_LAST:
        p->cron->flags |= CRON_DAY_LAST;
        break;
    }
}

static bool parse_part(struct parsing *p, enum cron_field field, const char *text, size_t len,
                       struct err *err)
{
    struct cron_part part;

    if (!cron_part_parse(field, text, len, &part, err))
        return false;
    if (part.used < len)
        note(p->notes, "In \"%.*s\" for field \"%s\" only \"%.*s\" counts; what follows it is ignored.",
             quoted(len), text, cron_fields[field].name, quoted(part.used), text);
    apply(p, field, &part);
    return true;
}

static void trim(const char **text, size_t *len)
{
    for (; *len > 0 && **text == ' '; (*len)--)
        (*text)++;
    while (*len > 0 && (*text)[*len - 1] == ' ')
        (*len)--;
}

static bool parse_parts(struct parsing *p, enum cron_field field, const char *text, size_t len,
                        struct err *err)
{
    const char *end = text + len;

    for (;;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *part = text;
        size_t part_len = (size_t)((comma != NULL ? comma : end) - text);

        trim(&part, &part_len);
        if (!parse_part(p, field, part, part_len, err))
            return false;
        if (comma == NULL)
            return true;
        text = comma + 1;
    }
}

/* In the day field `_` stands for a space. */
static bool parse_days(struct parsing *p, struct cron_word word, struct err *err)
{
    AUTO_FREE char *text = mem_strndup(word.text, word.len);

    for (size_t i = 0; i < word.len; i++)
        if (text[i] == '_')
            text[i] = ' ';
    return parse_parts(p, CRON_DAY, text, word.len, err);
}

static void store(struct parsing *p, enum cron_field field)
{
    struct cron *cron = p->cron;

    switch (field) {
    case CRON_SECOND:
        cron->second = p->values;
        break;
    case CRON_MINUTE:
        cron->minute = p->values;
        break;
    case CRON_HOUR:
        cron->hour = (uint32_t)p->values;
        break;
    case CRON_DAY_OF_WEEK:
        cron->day_of_week = (uint8_t)p->values;
        break;
    case CRON_WEEK:
        cron->week = p->values;
        break;
    case CRON_DAY:
        cron->day = (uint32_t)p->values;
        break;
    case CRON_MONTH:
        cron->month = (uint16_t)p->values;
        break;
    case CRON_YEAR:
        cron_years_store(cron, p->years);
        break;
    case CRON_FIELDS:
        break;
    }
}

/* A field that is not given matches everything. */
static bool parse_field(struct cron *cron, enum cron_field field, const struct cron_words *words,
                        struct cron_notes *notes, struct err *err)
{
    struct cron_word word = field < words->count ? words->word[field] : (struct cron_word){"*", 1};
    uint64_t years[CRON_YEAR_WORDS];
    struct parsing p = {.cron = cron, .years = years, .notes = notes};

    if (field == CRON_YEAR) {
        if (word.len == 1 && *word.text == '*') { /* as most are: no need for a set */
            cron->years[0] = (struct cron_span){CRON_YEAR_MIN, CRON_YEAR_MAX, 1};
            return true;
        }
        memset(years, 0, sizeof years);
    }
    if (field == CRON_DAY && memchr(word.text, '_', word.len) != NULL) {
        if (!parse_days(&p, word, err))
            return false;
    } else if (!parse_parts(&p, field, word.text, word.len, err)) {
        return false;
    }
    store(&p, field);
    return true;
}

static uint64_t all_of(enum cron_field field)
{
    uint64_t bits = 0;

    cron_set_add(&bits, cron_fields[field].min, cron_fields[field].max, 1);
    return bits;
}

/* What follows from the masks; and one form for what means the same. */
static void settle(struct cron *cron)
{
    if (cron->minute == all_of(CRON_MINUTE))
        cron->flags |= CRON_MINUTE_FREE;
    if (cron->day == all_of(CRON_DAY)) {
        cron->flags &= (uint8_t)~CRON_DAY_LAST;
        cron->nth_weekday = 0;
        if (cron->month == all_of(CRON_MONTH) && cron->week == all_of(CRON_WEEK) &&
            cron->day_of_week == all_of(CRON_DAY_OF_WEEK) && !(cron->flags & CRON_YEAR_SET) &&
            cron->years[0].last - cron->years[0].first == CRON_YEAR_MAX - CRON_YEAR_MIN &&
            cron->years[0].step == 1)
            cron->flags |= CRON_ANY_DATE;
    }
    cron->year_kinds = cron_matching_kinds(cron);
}

bool cron_parse(const char *text, struct cron *ret, struct cron_notes *notes, struct err *err)
{
    AUTO_CRON struct cron cron = {0};
    struct cron_notes found = {0};
    struct cron_words words;

    cron_words_split(text, &words);
    if (words.count == 0)
        return err_set(err, ERR_INVALID, "Schedule is blank; it needs at least the field \"second\"");
    /* The most significant field comes first, as its error is the one that is told. */
    for (int field = CRON_FIELDS - 1; field >= 0; field--)
        if (!parse_field(&cron, (enum cron_field)field, &words, notes == NULL ? NULL : &found, err))
            return false;
    if (words.rest.len > 0)
        note(notes == NULL ? NULL : &found, "Only the first 8 fields count; \"%.*s\" is ignored.",
             quoted(words.rest.len), words.rest.text);
    settle(&cron);
    if (!cron_never_check(&cron, &words, err))
        return false;
    if (notes != NULL)
        *notes = found;
    *ret = cron;
    cron = (struct cron){0}; /* the caller's now */
    return true;
}

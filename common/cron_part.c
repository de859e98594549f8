/*
 * See cron_part.h.
 *
 * The order of forms and checks is APScheduler's, because it decides which message comes. A form that
 * recognises the part decides; numeric forms must cover the whole part, forms with names only its beginning.
 */
#include "cron_part.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DIGITS_MAX = 18, RANGE_SIZE = 1100 };

/* A number as it is written, of any length; leading zeros are skipped. */
struct number {
    const char *digits; /* lent */
    int len;
    int64_t value; /* INT64_MAX if it has more than DIGITS_MAX digits */
    bool given;
};

/* What is left of a part while it is read. */
struct cursor {
    const char *at, *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters of other alphabets count, so that a name with one in it is refused as a whole. */
static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t span(const struct cursor *c, bool (*is)(char))
{
    const char *s = c->at;

    while (s < c->end && is(*s))
        s++;
    return (size_t)(s - c->at);
}

static bool take_char(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_number(struct cursor *c, struct number *ret)
{
    size_t len = span(c, is_digit);

    if (len == 0)
        return false;
    ret->given = true;
    ret->digits = c->at;
    c->at += len;
    for (; len > 1 && *ret->digits == '0'; len--)
        ret->digits++;
    ret->len = (int)len;
    ret->value = 0;
    for (int i = 0; i < ret->len; i++)
        ret->value = ret->len > DIGITS_MAX ? INT64_MAX : ret->value * 10 + (ret->digits[i] - '0');
    return true;
}

static bool is_greater(const struct number *a, const struct number *b)
{
    if (a->len != b->len)
        return a->len > b->len;
    return memcmp(a->digits, b->digits, (size_t)a->len) > 0;
}

/* Writes max - first, where first may be too long for an integer. */
static void print_range(char *out, size_t size, int max, const struct number *first)
{
    int borrow = max;

    if (first->len <= DIGITS_MAX) {
        snprintf(out, size, "%" PRId64, max - first->value);
        return;
    }
    snprintf(out, size, "-%.*s", first->len, first->digits);
    for (size_t i = (size_t)first->len; i > 0 && borrow > 0; i--) {
        int digit;

        if (i >= size)
            continue;
        digit = out[i] - '0' - borrow % 10;
        borrow = borrow / 10 + (digit < 0);
        out[i] = (char)('0' + (digit < 0 ? digit + 10 : digit));
    }
    if (out[1] == '0')
        memmove(out + 1, out + 2, strlen(out + 1));
}

static bool step_too_high(const char *text, size_t len, const struct number *step, const char *range,
                          struct err *err)
{
    return err_set(
        err, ERR_INVALID,
        "Error validating expression '%.*s': the step value (%.*s) is higher than the total range of the "
        "expression (%s)",
        (int)len, text, step->len, step->digits, range);
}

/* The checks of a part with numbers, in APScheduler's order. A lone number is its own last. */
static bool check_numbers(const struct cron_field_info *info, const char *text, size_t len,
                          const struct number *first, const struct number *last, const struct number *step,
                          struct err *err)
{
    char range[RANGE_SIZE];

    if (step->given && step->value == 0)
        return err_set(err, ERR_INVALID, "Increment must be higher than 0");
    if (first->given && last->given && is_greater(first, last))
        return err_set(err, ERR_INVALID, "The minimum value in a range must not be higher than the maximum");
    if (step->given && step->value > info->max - info->min) {
        snprintf(range, sizeof range, "%d", info->max - info->min);
        return step_too_high(text, len, step, range, err);
    }
    if (first->given && first->value < info->min)
        return err_set(
            err, ERR_INVALID,
            "Error validating expression '%.*s': the first value (%.*s) is lower than the minimum value (%d)",
            (int)len, text, first->len, first->digits, info->min);
    if (last->given && last->value > info->max)
        return err_set(
            err, ERR_INVALID,
            "Error validating expression '%.*s': the last value (%.*s) is higher than the maximum value (%d)",
            (int)len, text, last->len, last->digits, info->max);
    if (first->given && step->given) {
        int max = last->given && last->value != 0 ? (int)last->value : info->max;

        if (step->value > max - first->value) {
            print_range(range, sizeof range, max, first);
            return step_too_high(text, len, step, range, err);
        }
    }
    return true;
}

/* The forms with numbers and `*`. Sets *known if the part has one of them; else nothing is wrong yet. */
static bool parse_numbers(const struct cron_field_info *info, const char *text, size_t len, bool *known,
                          struct cron_part *ret, struct err *err)
{
    struct cursor c = {text, text + len};
    struct number first = {0}, last = {0}, step = {0};
    bool star = take_char(&c, '*');

    *known = false;
    if (!star && !take_number(&c, &first))
        return true;
    if (!star && take_char(&c, '-') && !take_number(&c, &last))
        return true;
    if (take_char(&c, '/') && !take_number(&c, &step))
        return true;
    if (c.at != c.end)
        return true;
    *known = true;
    if (!star && !last.given && !step.given)
        last = first;
    if (!check_numbers(info, text, len, &first, &last, &step, err))
        return false;
    *ret = (struct cron_part){
        .form = CRON_PART_VALUES,
        .first = star ? info->min : (int)first.value,
        .last = last.given ? (int)last.value : info->max,
        .step = step.given ? (int)step.value : 1,
        .star = star,
        .used = len,
    };
    return true;
}

static bool take_name(struct cursor *c, const struct cron_field_info *info, bool (*is)(char), int *ret,
                      struct err *err)
{
    size_t len = span(c, is);
    int found = cron_name_find(info->names, info->max - info->min + 1, c->at, len);

    if (found < 0)
        return err_set(err, ERR_INVALID, "Invalid %s name \"%.*s\"", info->names_are_for, (int)len, c->at);
    c->at += len;
    *ret = info->min + found;
    return true;
}

/* NAME or NAME-NAME; what follows is ignored. */
static bool parse_names(const struct cron_field_info *info, const char *text, size_t len,
                        struct cron_part *ret, struct err *err)
{
    struct cursor c = {text, text + len}, second;
    int first = 0, last;

    if (!take_name(&c, info, is_letter, &first, err))
        return false;
    last = first;
    second = c;
    if (take_char(&second, '-') && span(&second, is_letter) > 0) {
        if (!take_name(&second, info, is_letter, &last, err))
            return false;
        c = second;
    }
    if (first > last)
        return err_set(err, ERR_INVALID, "The minimum value in a range must not be higher than the maximum");
    *ret = (struct cron_part){
        .form = CRON_PART_VALUES, .first = first, .last = last, .step = 1, .used = (size_t)(c.at - text)};
    return true;
}

/* Takes "1st" to "5th" or "last" and the spaces behind it, if a word comes then. */
static bool take_position(struct cursor *c, int *ret)
{
    for (int i = 0; i < CRON_NTH_POSITIONS; i++) {
        size_t len = strlen(cron_nth_names[i]);
        struct cursor next = {c->at + len, c->end};

        if (len >= (size_t)(c->end - c->at) || cron_name_find(&cron_nth_names[i], 1, c->at, len) < 0)
            continue;
        if (!take_char(&next, ' '))
            return false;
        while (take_char(&next, ' '))
            continue;
        if (span(&next, is_word) == 0)
            return false;
        c->at = next.at;
        *ret = i;
        return true;
    }
    return false;
}

/* POS NAME and `last`; what follows is ignored. */
static bool parse_day_names(const char *text, size_t len, bool *known, struct cron_part *ret, struct err *err)
{
    const struct cron_field_info *weekdays = &cron_fields[CRON_DAY_OF_WEEK];
    struct cursor c = {text, text + len};
    size_t last_len = strlen(cron_nth_names[CRON_NTH_LAST]);
    int position = 0, weekday = 0;

    *known = true;
    if (take_position(&c, &position)) {
        if (!take_name(&c, weekdays, is_digit(*c.at) ? is_digit : is_word, &weekday, err))
            return false;
        *ret = (struct cron_part){.form = CRON_PART_NTH,
                                  .first = CRON_WEEKDAYS * position + weekday,
                                  .used = (size_t)(c.at - text)};
        return true;
    }
    *known = len >= last_len && cron_name_find(&cron_nth_names[CRON_NTH_LAST], 1, text, last_len) == 0;
    if (*known)
        *ret = (struct cron_part){.form = CRON_PART_LAST, .used = last_len};
    return true;
}

bool cron_part_parse(enum cron_field field, const char *text, size_t len, struct cron_part *ret,
                     struct err *err)
{
    const struct cron_field_info *info = &cron_fields[field];
    bool known;

    if (!parse_numbers(info, text, len, &known, ret, err))
        return false;
    if (known)
        return true;
    if (info->names != NULL && len > 0 && is_letter(*text))
        return parse_names(info, text, len, ret, err);
    if (field == CRON_DAY && !parse_day_names(text, len, &known, ret, err))
        return false;
    return known || err_set(err, ERR_INVALID, "Unrecognized expression \"%.*s\" for field \"%s\"", (int)len,
                            text, info->name);
}

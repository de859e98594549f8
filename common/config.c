/* See config.h. Text is substituted first, then split (lists), then checked, so that `{NAME}` can be any
 * part. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"

static const struct {
    const char *name;
    bool value;
} bool_words[] = {
    {"1", true},  {"true", true},   {"yes", true}, {"on", true},
    {"0", false}, {"false", false}, {"no", false}, {"off", false},
};

const char *config_getenv(const char *name, void *arg UNUSED)
{
    return getenv(name);
}

static void *field(const struct setting *setting, void *settings)
{
    return (char *)settings + setting->offset;
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Replaces one {NAME}, whose brace is at text; *ret is what comes after it. */
static bool substitute_one(const char *text, config_getenv_fn *getenv_fn, void *arg, struct buf *out,
                           const char **ret, struct err *err)
{
    AUTO_FREE char *name = NULL;
    const char *end = text + 1, *value;

    while (is_name_char(*end))
        end++;
    if (*end != '}' || end == text + 1)
        return err_set(
            err, ERR_INVALID,
            "a { is not followed by the name of an environment variable and a }; write {{ for a brace");
    name = mem_strndup(text + 1, (size_t)(end - text - 1));
    value = getenv_fn(name, arg);
    if (value == NULL)
        return err_set(err, ERR_INVALID, "refers to {%s}, but the environment variable %s is not set", name,
                       name);
    buf_puts(out, value);
    *ret = end + 1;
    return true;
}

static bool substitute(const char *text, config_getenv_fn *getenv_fn, void *arg, struct buf *out,
                       struct err *err)
{
    while (*text != '\0') {
        if (text[0] == text[1] && (*text == '{' || *text == '}')) {
            buf_putc(out, *text);
            text += 2;
        } else if (*text == '{') {
            if (!substitute_one(text, getenv_fn, arg, out, &text, err))
                return false;
        } else if (*text == '}') {
            return err_set(err, ERR_INVALID, "a } has no { before it; write }} for a brace");
        } else {
            buf_putc(out, *text++);
        }
    }
    return !buf_full(out) || err_set(err, ERR_INVALID, "is longer than %d bytes", CONFIG_VALUE_MAX);
}

static bool check(const struct setting *setting, const char *value, struct err *err)
{
    return setting->check == NULL || setting->check(value, err);
}

static bool read_int(const struct setting *setting, const char *text, int64_t *ret, struct err *err)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (*end != '\0' || end == text || isspace((unsigned char)text[0]) || text[0] == '+' || errno != 0 ||
        value < setting->min || value > setting->max)
        return err_set(err, ERR_INVALID, "must be a number between %" PRId64 " and %" PRId64, setting->min,
                       setting->max);
    *ret = value;
    return true;
}

static bool read_bool(const char *text, bool *ret, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(bool_words); i++) {
        if (strcasecmp(text, bool_words[i].name) == 0) {
            *ret = bool_words[i].value;
            return true;
        }
    }
    return err_set(err, ERR_INVALID, "must be one of 1, true, yes, on, 0, false, no, off");
}

static void put_names(struct buf *buf, const struct setting *setting)
{
    for (size_t i = 0; setting->names[i] != NULL; i++)
        buf_printf(buf, "%s%s", i == 0 ? "" : ", ", setting->names[i]);
}

static bool read_enum(const struct setting *setting, const char *text, int *ret, struct err *err)
{
    AUTO_BUF struct buf names = {0};

    for (int i = 0; setting->names[i] != NULL; i++) {
        if (strcasecmp(text, setting->names[i]) == 0) {
            *ret = i;
            return true;
        }
    }
    buf_init(&names, CONFIG_VALUE_MAX);
    put_names(&names, setting);
    return err_set(err, ERR_INVALID, "must be one of %s", names.data);
}

static void list_free(char **items)
{
    for (size_t i = 0; items != NULL && items[i] != NULL; i++)
        free(items[i]);
    free(items);
}

static void list_free_scoped(char ***items)
{
    list_free(*items);
}

/* The next item of a list, without the white space around it; *text moves past it. */
static char *next_item(const char **text)
{
    const char *start = *text, *end = strchrnul(start, ',');

    *text = *end == ',' ? end + 1 : NULL;
    while (start < end && isspace((unsigned char)*start))
        start++;
    while (end > start && isspace((unsigned char)end[-1]))
        end--;
    return mem_strndup(start, (size_t)(end - start));
}

static bool read_list(const struct setting *setting, const char *text, char ***ret, struct err *err)
{
    CLEANUP(list_free_scoped) char **items = mem_array(1, sizeof *items);
    size_t count = 0;

    while (text != NULL && text[0] != '\0') {
        items = mem_grow(items, count + 2, sizeof *items);
        items[count] = next_item(&text);
        items[++count] = NULL;
        if (items[count - 1][0] == '\0')
            return err_set(err, ERR_INVALID, "has an empty item; items are separated by one comma");
        if (!check(setting, items[count - 1], err))
            return err_wrap(err, "\"%s\"", items[count - 1]);
    }
    if (setting->max > 0 && ((int64_t)count < setting->min || (int64_t)count > setting->max))
        return err_set(err, ERR_INVALID, "must have %" PRId64 " to %" PRId64 " items", setting->min,
                       setting->max);
    *ret = items;
    items = NULL;
    return true;
}

static bool read_value(const struct setting *setting, const char *text, void *settings, struct err *err)
{
    void *into = field(setting, settings);

    switch (setting->type) {
    case SETTING_LIST:
        return read_list(setting, text, into, err); /* checks each item */
    case SETTING_INT:
        return read_int(setting, text, into, err) && check(setting, text, err);
    case SETTING_BOOL:
        return read_bool(text, into, err) && check(setting, text, err);
    case SETTING_ENUM:
        return read_enum(setting, text, into, err) && check(setting, text, err);
    case SETTING_STRING:
    case SETTING_SECRET:
    case SETTING_URL:
        if (!check(setting, text, err))
            return false;
        *(char **)into = mem_strdup(text);
        return true;
    }
    return err_set(err, ERR_INTERNAL, "has an unknown type");
}

static bool read_one(const struct setting *setting, config_getenv_fn *getenv_fn, void *arg, void *settings,
                     struct err *err)
{
    AUTO_BUF struct buf text = {0};
    const char *given = getenv_fn(setting->name, arg);

    if (given == NULL || given[0] == '\0') {
        if (setting->required)
            return err_set(err, ERR_INVALID, "is required: %s", setting->help);
        if (setting->def == NULL)
            return true;
        return read_value(setting, setting->def, settings, err) || err_wrap(err, "its default");
    }
    if (setting->verbatim)
        return read_value(setting, given, settings, err);
    buf_init(&text, CONFIG_VALUE_MAX);
    return substitute(given, getenv_fn, arg, &text, err) && read_value(setting, text.data, settings, err);
}

bool config_read(const struct config *config, config_getenv_fn *getenv_fn, void *arg, void *ret,
                 struct buf *mistakes)
{
    bool good = true;

    for (size_t i = 0; i < config->count; i++) {
        struct err err = {0};

        if (!read_one(&config->table[i], getenv_fn, arg, ret, &err)) {
            buf_printf(mistakes, "%s %s\n", config->table[i].name, err.text);
            good = false;
        }
    }
    return good;
}

void config_done(const struct config *config, void *settings)
{
    for (size_t i = 0; i < config->count; i++) {
        void *at = field(&config->table[i], settings);

        switch (config->table[i].type) {
        case SETTING_STRING:
        case SETTING_SECRET:
        case SETTING_URL:
            mem_free_scoped(at);
            break;
        case SETTING_LIST:
            list_free(*(char ***)at);
            *(char ***)at = NULL;
            break;
        case SETTING_INT:
        case SETTING_BOOL:
        case SETTING_ENUM:
            break;
        }
    }
}

static bool is_known(const struct config *config, const char *const *others, const char *name, size_t len)
{
    for (size_t i = 0; i < config->count; i++)
        if (strncmp(config->table[i].name, name, len) == 0 && config->table[i].name[len] == '\0')
            return true;
    for (; others != NULL && *others != NULL; others++)
        if (strncmp(*others, name, len) == 0 && (*others)[len] == '\0')
            return true;
    return false;
}

void config_unknown(const struct config *config, const char *const *others, char *const *env, struct buf *ret)
{
    for (; *env != NULL; env++) {
        size_t len = strcspn(*env, "=");

        if (strncmp(*env, "ECSS_", 5) == 0 && !is_known(config, others, *env, len))
            buf_printf(ret, "%.*s\n", (int)len, *env);
    }
}

/* See aws_ini.h. */
#include "aws_ini.h"

#include "buf.h"
#include "mem.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct pair {
    char *key;        /* owned */
    struct buf value; /* lines joined by \n */
};

struct aws_ini_section {
    char *name; /* owned */
    struct pair *pairs;
    size_t count;
};

struct aws_ini {
    struct aws_ini_section *sections;
    size_t count;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* A stretch of text, without the blanks around it. */
struct span {
    const char *at;
    size_t len;
};

static struct span trim(const char *at, size_t len)
{
    while (len > 0 && is_blank(*at)) {
        at++;
        len--;
    }
    while (len > 0 && is_blank(at[len - 1]))
        len--;
    return (struct span){at, len};
}

static bool span_is(struct span span, const char *text)
{
    return strlen(text) == span.len && strncasecmp(span.at, text, span.len) == 0;
}

/* Where reading is: what a line means hangs on the lines before. */
struct reader {
    struct aws_ini *ini;
    struct aws_ini_section *section; /* NULL: before the first one */
    struct pair *pair;               /* whose value the next line may go on with; NULL: none */
    size_t indent;                   /* of the last line that began something */
    int line;
};

static bool begin_section(struct reader *rd, struct span text, struct err *err)
{
    const char *end = memrchr(text.at, ']', text.len);
    struct aws_ini *ini = rd->ini;
    AUTO_FREE char *name = NULL;

    if (end == NULL || end == text.at + 1)
        return err_set(err, ERR_INVALID, "line %d: a section is written [name]", rd->line);
    name = mem_strndup(text.at + 1, (size_t)(end - text.at - 1));
    if (aws_ini_section(ini, name) != NULL)
        return err_set(err, ERR_INVALID, "line %d: this section is in the file twice", rd->line);
    ini->sections = mem_grow(ini->sections, ini->count + 1, sizeof *ini->sections);
    rd->section = &ini->sections[ini->count++];
    *rd->section = (struct aws_ini_section){.name = name};
    name = NULL;
    rd->pair = NULL;
    return true;
}

static bool begin_pair(struct reader *rd, struct span text, struct err *err)
{
    size_t key_len = 0;
    struct span key, value;
    struct aws_ini_section *section = rd->section;

    while (key_len < text.len && text.at[key_len] != '=' && text.at[key_len] != ':')
        key_len++;
    key = trim(text.at, key_len);
    if (key_len == text.len || key.len == 0)
        return err_set(err, ERR_INVALID, "line %d: this is neither [section] nor key = value", rd->line);
    if (section == NULL)
        return err_set(err, ERR_INVALID, "line %d: there is a key before the first [section]", rd->line);
    for (size_t i = 0; i < section->count; i++)
        if (span_is(key, section->pairs[i].key))
            return err_set(err, ERR_INVALID, "line %d: this key is in its section twice", rd->line);
    section->pairs = mem_grow(section->pairs, section->count + 1, sizeof *section->pairs);
    rd->pair = &section->pairs[section->count++];
    rd->pair->key = mem_strndup(key.at, key.len);
    buf_init(&rd->pair->value, AWS_INI_MAX);
    value = trim(text.at + key_len + 1, text.len - key_len - 1);
    buf_put(&rd->pair->value, value.at, value.len);
    return true;
}

static bool read_line(struct reader *rd, const char *line, size_t len, struct err *err)
{
    struct span text = trim(line, len);
    size_t indent = (size_t)(text.at - line);

    if (text.len > 0 && (*text.at == '#' || *text.at == ';'))
        return true;
    if (text.len == 0 || (rd->pair != NULL && indent > rd->indent)) {
        if (rd->pair != NULL) {
            buf_putc(&rd->pair->value, '\n');
            buf_put(&rd->pair->value, text.at, text.len);
        }
        return true;
    }
    rd->indent = indent;
    return *text.at == '[' ? begin_section(rd, text, err) : begin_pair(rd, text, err);
}

static void drop_last_lines(struct buf *value)
{
    while (value->len > 0 && value->data[value->len - 1] == '\n')
        value->data[--value->len] = '\0';
}

bool aws_ini_parse(const char *text, size_t len, struct aws_ini **ret, struct err *err)
{
    struct reader rd = {.ini = mem_alloc(sizeof *rd.ini)};
    bool good = true;

    if (len > AWS_INI_MAX)
        good = err_set(err, ERR_INVALID, "it is longer than %d bytes", AWS_INI_MAX);
    else if (memchr(text, '\0', len) != NULL)
        good = err_set(err, ERR_INVALID, "there is a NUL byte in it");
    for (size_t at = 0; good && at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end == NULL ? len - at : (size_t)(end - text) - at;

        rd.line++;
        good = read_line(&rd, text + at, n, err);
        at += n + 1;
    }
    if (!good) {
        aws_ini_free(rd.ini);
        return false;
    }
    for (size_t i = 0; i < rd.ini->count; i++)
        for (size_t k = 0; k < rd.ini->sections[i].count; k++)
            drop_last_lines(&rd.ini->sections[i].pairs[k].value);
    *ret = rd.ini;
    return true;
}

void aws_ini_free(struct aws_ini *ini)
{
    if (ini == NULL)
        return;
    for (size_t i = 0; i < ini->count; i++) {
        struct aws_ini_section *section = &ini->sections[i];

        for (size_t k = 0; k < section->count; k++) {
            free(section->pairs[k].key);
            OPENSSL_cleanse(section->pairs[k].value.data, section->pairs[k].value.len);
            buf_done(&section->pairs[k].value);
        }
        free(section->name);
        free(section->pairs);
    }
    free(ini->sections);
    free(ini);
}

const struct aws_ini_section *aws_ini_section(const struct aws_ini *ini, const char *name)
{
    for (size_t i = 0; i < ini->count; i++)
        if (strcmp(ini->sections[i].name, name) == 0)
            return &ini->sections[i];
    return NULL;
}

/* Whether a section's name is of two words, kind and name, the way a shell reads words. */
static bool is_named(const char *text, const char *kind, const char *name)
{
    size_t kind_len = strlen(kind);
    AUTO_BUF struct buf word = {0};
    char quote = '\0';

    if (strncmp(text, kind, kind_len) != 0 || !is_blank(text[kind_len]))
        return false;
    buf_init(&word, AWS_INI_MAX);
    for (struct span rest = trim(text + kind_len, strlen(text) - kind_len); rest.len > 0;
         rest.at++, rest.len--) {
        char c = *rest.at;

        if (c == quote)
            quote = '\0';
        else if (quote == '\0' && (c == '"' || c == '\''))
            quote = c;
        else if (quote == '\0' && is_blank(c))
            return false; /* a third word */
        else
            buf_putc(&word, c);
    }
    return quote == '\0' && strcmp(word.data, name) == 0;
}

const struct aws_ini_section *aws_ini_section_of(const struct aws_ini *ini, const char *kind,
                                                 const char *name)
{
    for (size_t i = 0; i < ini->count; i++)
        if (is_named(ini->sections[i].name, kind, name))
            return &ini->sections[i];
    return NULL;
}

const char *aws_ini_get(const struct aws_ini_section *section, const char *key)
{
    for (size_t i = 0; i < section->count; i++)
        if (strcasecmp(section->pairs[i].key, key) == 0)
            return section->pairs[i].value.len > 0 ? section->pairs[i].value.data : NULL;
    return NULL;
}

char *aws_ini_get_nested(const struct aws_ini_section *section, const char *key, const char *nested)
{
    const char *line = aws_ini_get(section, key);

    if (line == NULL || *line != '\n')
        return NULL;
    for (; line != NULL; line = strchr(line + 1, '\n')) {
        size_t len = strcspn(line + 1, "\n");
        size_t key_len = strcspn(line + 1, "=\n");
        struct span value;

        if (key_len == len || !span_is(trim(line + 1, key_len), nested))
            continue;
        value = trim(line + 1 + key_len + 1, len - key_len - 1);
        return value.len > 0 ? mem_strndup(value.at, value.len) : NULL;
    }
    return NULL;
}

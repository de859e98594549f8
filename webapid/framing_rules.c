/* See framing_rules.h. */
#include "framing_rules.h"

#include <string.h>
#include <strings.h>

/* By hand: <ctype.h> depends on the locale, and takes what no grammar of HTTP does. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_one_of(char c, const char *chars)
{
    return c != '\0' && strchr(chars, c) != NULL;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool rules_is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_letter(text[i]) && !is_digit(text[i]) && !is_one_of(text[i], "!#$%&'*+-.^_`|~"))
            return false;
    return len > 0;
}

bool rules_is_value(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < ' ' && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

bool rules_is_target(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7F || text[i] == '#')
            return false;
    return len > 0;
}

static bool is_port(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_digit(text[i]))
            return false;
    return len <= 5;
}

bool rules_is_host(const char *text, size_t len)
{
    size_t i = 0;

    if (len > 0 && text[0] == '[') {
        for (i = 1; i < len && text[i] != ']'; i++)
            if (hex_value(text[i]) < 0 && !is_one_of(text[i], ":."))
                return false;
        if (i == len || i == 1)
            return false;
        i++;
    } else {
        for (; i < len && text[i] != ':'; i++)
            if (!is_letter(text[i]) && !is_digit(text[i]) && !is_one_of(text[i], "-._~!$&'()*+,;=%"))
                return false;
        if (i == 0 && len > 0)
            return false;
    }
    return i == len || (text[i] == ':' && is_port(text + i + 1, len - i - 1));
}

bool rules_read_length(const char *text, size_t max, size_t *ret)
{
    size_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (!is_digit(*text))
            return false;
        value = value > max ? value : value * 10 + (size_t)(*text - '0');
    }
    *ret = value > max ? max + 1 : value;
    return true;
}

bool rules_read_chunk_size(const char *line, size_t len, size_t max, size_t *ret)
{
    size_t value = 0, i = 0;

    for (; i < len && hex_value(line[i]) >= 0; i++)
        value = value > max ? value : value * 16 + (size_t)hex_value(line[i]);
    if (i == 0)
        return false;
    *ret = value > max ? max + 1 : value;
    while (i < len && (line[i] == ' ' || line[i] == '\t'))
        i++;
    return i == len || (line[i] == ';' && rules_is_value(line + i, len - i));
}

bool rules_list_has(const char *list, const char *word)
{
    size_t len = strlen(word);

    while (*list != '\0') {
        size_t item;

        list += strspn(list, ", \t");
        item = strcspn(list, ",");
        while (item > 0 && (list[item - 1] == ' ' || list[item - 1] == '\t'))
            item--;
        if (item == len && strncasecmp(list, word, len) == 0)
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

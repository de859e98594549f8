/* See aws_words.h. */
#include "aws_words.h"

#include "buf.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

void aws_words_free(char **words)
{
    if (words == NULL)
        return;
    for (size_t i = 0; words[i] != NULL; i++)
        free(words[i]);
    free(words);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What a backslash before c stands for, outside of quotes or within "...". */
static bool is_escaped(char quote, char c)
{
    return c != '\0' && (quote == '\0' || strchr("$`\"\\\n", c) != NULL);
}

/* Reads one word at *p; false: a quote does not end. */
static bool read_word(const char **p, struct buf *word)
{
    char quote = '\0';

    for (; **p != '\0' && (quote != '\0' || !is_space(**p)); (*p)++) {
        char c = **p;

        if (c == '\\' && quote != '\'' && is_escaped(quote, (*p)[1]))
            buf_putc(word, *++*p);
        else if (c == quote)
            quote = '\0';
        else if (quote == '\0' && (c == '"' || c == '\''))
            quote = c;
        else
            buf_putc(word, c);
    }
    return quote == '\0';
}

bool aws_words_split(const char *line, char ***ret, struct err *err)
{
    char **words = mem_array(1, sizeof *words);
    size_t count = 0;

    for (line += strspn(line, " \t\r\n"); *line != '\0'; line += strspn(line, " \t\r\n")) {
        AUTO_BUF struct buf word;

        buf_init(&word, strlen(line));
        if (!read_word(&line, &word)) {
            aws_words_free(words);
            return err_set(err, ERR_INVALID, "a quote in it does not end");
        }
        words = mem_grow(words, count + 2, sizeof *words);
        words[count++] = buf_steal(&word);
        words[count] = NULL;
    }
    if (count == 0) {
        aws_words_free(words);
        return err_set(err, ERR_INVALID, "there is no command in it");
    }
    *ret = words;
    return true;
}

/* See guess.h. */
#include "guess.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 32, TOO_FAR = WORD_MAX };

/* Lower case, without _ and -; the length, or WORD_MAX if it is too long to be meant. */
static size_t plain(const char *word, char out[static WORD_MAX])
{
    size_t len = 0;

    for (; *word != '\0'; word++) {
        if (*word == '_' || *word == '-')
            continue;
        if (len == WORD_MAX - 1)
            return WORD_MAX;
        out[len++] = (char)tolower((unsigned char)*word);
    }
    out[len] = '\0';
    return len;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Letters to insert, drop or replace (Levenshtein), one row of the table at a time. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned row[WORD_MAX + 1];

    for (unsigned k = 0; k <= b_len; k++)
        row[k] = k;
    for (unsigned i = 0; i < a_len; i++) {
        unsigned diagonal = row[0];

        row[0] = i + 1;
        for (size_t k = 0; k < b_len; k++) {
            unsigned up = row[k + 1];

            row[k + 1] = least(up + 1, row[k] + 1, diagonal + (a[i] != b[k]));
            diagonal = up;
        }
    }
    return row[b_len];
}

const char *guess(const char *word, const char *const *names, size_t count)
{
    char mine[WORD_MAX], theirs[WORD_MAX];
    size_t mine_len = plain(word, mine);
    unsigned best = TOO_FAR;
    const char *found = NULL;

    if (mine_len == WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t len = plain(names[i], theirs);
        unsigned slips = len == WORD_MAX ? TOO_FAR : distance(mine, mine_len, theirs, len);

        /* A short word is a slip or two away from anything. */
        if (slips < best && (size_t)slips * 4 <= len && slips <= 2) {
            best = slips;
            found = names[i];
        }
    }
    return found;
}

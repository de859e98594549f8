/* A command line in words, as a POSIX shell reads it without substitutions. Pure. */
#pragma once

#include "err.h"

#include <stdbool.h>

/* *ret: NULL at the end, all of it owned; aws_words_free(). ERR_INVALID: a quote does not end, or there is no
 * word. */
bool aws_words_split(const char *line, char ***ret, struct err *err);
void aws_words_free(char **words); /* NULL is fine */

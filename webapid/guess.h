/* Which of the known names somebody meant who wrote another one. */
#pragma once

#include <stddef.h>

/* The closest of count names: the same but for case and `_` or `-`, or one or two slips away. NULL: none is.
 */
const char *guess(const char *word, const char *const *names, size_t count);

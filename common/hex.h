/* Bytes as text: two small hexadecimal digits each. */
#pragma once

#include <stddef.h>

/* out has room for two digits a byte and the NUL at its end. */
void hex_put(const unsigned char *bytes, size_t len, char *out);

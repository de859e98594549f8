/* See request_id.h. */
#include "request_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

bool request_id_is_valid(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= REQUEST_ID_MAX &&
           len == strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.");
}

void request_id_make(char ret[static REQUEST_ID_SIZE])
{
    uint64_t number;

    /* So few bytes are never cut short once the kernel's pool is filled, which it waits for. */
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        abort();
    snprintf(ret, REQUEST_ID_SIZE, "%016" PRIx64, number);
}

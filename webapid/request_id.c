/* See request_id.h. */
#include "request_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { NUMBERS = 32 }; /* at most 256 bytes */

bool request_id_is_valid(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= REQUEST_ID_MAX &&
           len == strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.");
}

void request_id_make(char ret[static REQUEST_ID_SIZE])
{
    static _Thread_local uint64_t numbers[NUMBERS]; /* a system call for each request is felt */
    static _Thread_local size_t left;

    /* So few bytes are never cut short once the kernel's pool is filled, which it waits for. */
    if (left == 0 && getrandom(numbers, sizeof numbers, 0) != sizeof numbers)
        abort();
    left = (left == 0 ? NUMBERS : left) - 1;
    snprintf(ret, REQUEST_ID_SIZE, "%016" PRIx64, numbers[left]);
}

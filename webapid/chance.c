/* See chance.h. */
#include "chance.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static uint32_t random_32(void)
{
    uint32_t value;

    /* So few bytes come whole; only before the kernel has its first entropy can a signal interrupt. */
    while (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        if (errno != EINTR)
            abort();
    return value;
}

uint32_t chance_below(uint32_t n)
{
    /* The first 2^32 mod n values would make some remainders likelier than others. */
    uint32_t unfair = (UINT32_MAX - n + 1) % n;
    uint32_t value = random_32();

    while (value < unfair)
        value = random_32();
    return value % n;
}

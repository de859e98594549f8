/* See cors.h. */
#include "cors.h"

#include <stddef.h>
#include <string.h>

const char *cors_allow(const char *const *origins, const char *origin)
{
    for (; origins != NULL && *origins != NULL; origins++) {
        if (strcmp(*origins, "*") == 0)
            return "*";
        /* Browsers send scheme and host in lower case and without a default port, so bytes are compared. */
        if (origin != NULL && strcmp(*origins, origin) == 0)
            return *origins;
    }
    return NULL;
}

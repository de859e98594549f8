/* See api.h. */
#include "api.h"

#include "attr.h"
#include "root_api.h"

const struct route api_routes[] = {
    {METHOD_GET, "/", root_get, 0},
    {METHOD_GET, "/spec", spec_get, 0},
};
const size_t api_route_count = ARRAY_LEN(api_routes);

void *api_open(struct worker *worker UNUSED)
{
    return NULL;
}

void api_close(struct worker *worker UNUSED)
{
}

/* Where a service of AWS is reached: by region and partition, or by an address that was configured. Pure. */
#pragma once

#include "attr.h"
#include "err.h"

#include <stdbool.h>

enum { AWS_REGION_SIZE = 64 };

/* A region's name goes into host names and signatures: 1 to 63 of a-z A-Z 0-9 -, not - at an end. */
bool aws_region_check(const char *region, struct err *err);

/* "https://ecs.eu-central-1.amazonaws.com", of a service that follows the common rule (ECS, SQS, STS). */
char *aws_endpoint_for(const char *service, const char *region, bool fips, bool dualstack) RETURNS_NONNULL;

/* Whether a host's name is within one of AWS's domains, in any partition. */
bool aws_endpoint_is_aws(const char *host);

/* An address taken apart. */
struct aws_endpoint {
    char *url;        /* owned; scheme://host[:port]/path, to send to */
    char *host;       /* owned; for the Host header: no port if it is the scheme's own */
    const char *path; /* lent: within url, "/" at least; as signed */
};

void aws_endpoint_done(struct aws_endpoint *endpoint); /* zeroed memory is fine, too */

/* ERR_INVALID if it is not http://HOST[:PORT][/PATH] or https://...; user names, queries and fragments are
 * refused. */
bool aws_endpoint_parse(const char *url, struct aws_endpoint *ret, struct err *err);

/*
 * Where services are: a service in a region has an endpoint, and a clock that may be off. Found once and
 * kept, as many as there is room for.
 */
#pragma once

#include "aws_endpoint.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct aws_config;
struct aws_service;

struct aws_place {
    SLIST_ENTRY(aws_place) entry;
    const struct aws_service *service; /* lent */
    char *region;                      /* owned */
    struct aws_endpoint endpoint;
    int64_t skew_s; /* its time less ours, if that is too much; else 0 */
    size_t calls;   /* that it is lent to */
};

/* Of zeros but for config it is empty. */
struct aws_places {
    struct aws_config *config; /* lent */
    SLIST_HEAD(, aws_place) list;
};

/* The place is lent until it is given back. Region NULL: ours. */
struct aws_place *aws_places_lend(struct aws_places *places, const struct aws_service *service,
                                  const char *region);
void aws_place_return(struct aws_place *place);

void aws_places_done(struct aws_places *places);

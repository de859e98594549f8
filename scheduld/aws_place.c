/* See aws_place.h. */
#include "aws_place.h"

#include "aws_client.h"
#include "aws_config.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES_MAX = 64 };

static void place_free(struct aws_place *place)
{
    aws_endpoint_done(&place->endpoint);
    free(place->region);
    free(place);
}

static size_t count(const struct aws_places *places)
{
    const struct aws_place *place;
    size_t n = 0;

    SLIST_FOREACH(place, &places->list, entry)
    n++;
    return n;
}

/* Makes room for another, as whoever writes jobs may name any number of regions. Those of ours stay, and
 * those in use; they are as few as the calls. */
static void forget_one(struct aws_places *places)
{
    const char *home = aws_config_region(places->config);
    struct aws_place *place;

    SLIST_FOREACH(place, &places->list, entry)
    if (place->calls == 0 && strcmp(place->region, home) != 0)
        break;
    if (place == NULL)
        return;
    SLIST_REMOVE(&places->list, place, aws_place, entry);
    place_free(place);
}

static struct aws_place *find(const struct aws_places *places, const struct aws_service *service,
                              const char *region)
{
    struct aws_place *place;

    SLIST_FOREACH(place, &places->list, entry)
    if (place->service == service && strcmp(place->region, region) == 0)
        break;
    return place;
}

static struct aws_place *add(struct aws_places *places, const struct aws_service *service, const char *region)
{
    struct aws_place *place;

    if (count(places) >= PLACES_MAX)
        forget_one(places);
    place = mem_alloc(sizeof *place);
    place->service = service;
    place->region = mem_strdup(region);
    aws_config_endpoint(places->config, service->name, region, &place->endpoint);
    SLIST_INSERT_HEAD(&places->list, place, entry);
    return place;
}

struct aws_place *aws_places_lend(struct aws_places *places, const struct aws_service *service,
                                  const char *region)
{
    const char *where = region != NULL ? region : aws_config_region(places->config);
    struct aws_place *place = find(places, service, where);

    if (place == NULL)
        place = add(places, service, where);
    place->calls++;
    return place;
}

void aws_place_return(struct aws_place *place)
{
    place->calls--;
}

void aws_places_done(struct aws_places *places)
{
    struct aws_place *place;

    while ((place = SLIST_FIRST(&places->list)) != NULL) {
        SLIST_REMOVE_HEAD(&places->list, entry);
        place_free(place);
    }
}

/* aws_place: one place for each service and region, and room for a new one among those that nobody uses. */
#include "aws_place.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "aws_client.h"
#include "aws_config.h"

enum { MANY = 200 };

static const struct aws_service ecs = {.name = "ecs"}, sqs = {.name = "sqs"};

static const char *environment(const char *name, void *arg UNUSED)
{
    if (strcmp(name, "AWS_REGION") == 0)
        return "eu-central-1";
    return strcmp(name, "HOME") == 0 ? "/nonexistent" : NULL;
}

static int begins(void **state)
{
    static struct aws_places places;
    struct err err = {0};

    places = (struct aws_places){0};
    *state = &places;
    return aws_config_new(environment, NULL, &places.config, &err) ? 0 : -1;
}

static int ends(void **state)
{
    struct aws_places *places = *state;

    aws_places_done(places);
    aws_config_free(places->config);
    return 0;
}

/* As a call does; the place is good as long as it is kept. */
static const struct aws_place *visit(struct aws_places *places, const struct aws_service *service, int region)
{
    char name[32];
    struct aws_place *place;

    snprintf(name, sizeof name, "eu-west-%d", region);
    place = aws_places_lend(places, service, name);
    assert_string_equal(place->region, name);
    aws_place_return(place);
    return place;
}

static size_t kept(const struct aws_places *places)
{
    const struct aws_place *place;
    size_t n = 0;

    SLIST_FOREACH(place, &places->list, entry)
    n++;
    return n;
}

static void each_service_and_region_has_one(void **state)
{
    struct aws_places *places = *state;
    struct aws_place *ours = aws_places_lend(places, &ecs, NULL);

    assert_string_equal(ours->region, "eu-central-1");
    assert_string_equal(ours->endpoint.host, "ecs.eu-central-1.amazonaws.com");
    assert_ptr_equal(aws_places_lend(places, &ecs, "eu-central-1"), ours);
    assert_ptr_not_equal(visit(places, &ecs, 1), ours);
    assert_ptr_not_equal(aws_places_lend(places, &sqs, NULL), ours);
    assert_int_equal(ours->calls, 2);
    assert_int_equal(kept(places), 3);
}

static void any_number_of_regions_takes_so_much_room(void **state)
{
    struct aws_places *places = *state;

    for (int i = 0; i < MANY; i++)
        visit(places, &ecs, i);
    assert_int_equal(kept(places), 64);
}

static void ours_and_those_in_use_stay(void **state)
{
    struct aws_places *places = *state;
    struct aws_place *ours = aws_places_lend(places, &ecs, NULL);
    struct aws_place *used = aws_places_lend(places, &sqs, "eu-west-1");

    ours->skew_s = used->skew_s = 1000;
    aws_place_return(ours);
    for (int i = 0; i < MANY; i++)
        visit(places, &ecs, i);
    assert_int_equal(aws_places_lend(places, &ecs, NULL)->skew_s, 1000);
    assert_int_equal(aws_places_lend(places, &sqs, "eu-west-1")->skew_s, 1000);
}

static void all_in_use_are_more(void **state)
{
    struct aws_places *places = *state;
    char name[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "eu-west-%d", i);
        aws_places_lend(places, &ecs, name);
    }
    assert_int_equal(kept(places), MANY);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, begins, ends)
    const struct CMUnitTest tests[] = {
        TEST(each_service_and_region_has_one),
        TEST(any_number_of_regions_takes_so_much_room),
        TEST(ours_and_those_in_use_stay),
        TEST(all_in_use_are_more),
    };

    return cmocka_run_group_tests_name("aws_place", tests, NULL, NULL);
}

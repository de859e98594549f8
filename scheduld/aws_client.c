/* See aws_client.h. */
#include "aws_client_internal.h"

#include "aws_config.h"
#include "aws_creds.h"
#include "aws_creds_region.h"
#include "http.h"
#include "mem.h"
#include "meters.h"
#include "sigv4.h"

#include <math.h>
#include <stdlib.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    TIMEOUT_MS = 30000,
    MAX_IN_FLIGHT = 64,
};

static const char *const lane_names[] = {
    [AWS_LAUNCHES] = "launches", [AWS_READS] = "reads", [AWS_QUEUES] = "queues"};

static void start_lanes(struct aws_client *client, const struct aws_client_options *options)
{
    for (int i = 0; i < AWS_LANES; i++)
        aws_lane_init(&client->lanes[i],
                      &(struct aws_lane_options){.name = lane_names[i],
                                                 .base = client->base,
                                                 .clock = client->clock,
                                                 .per_s = options->rates[i].per_s,
                                                 .burst = options->rates[i].burst,
                                                 .slots = options->max_in_flight > 0 ? options->max_in_flight
                                                                                     : MAX_IN_FLIGHT});
}

static bool start_parts(struct aws_client *client, const struct aws_client_options *options, struct err *err)
{
    struct http_options http = {.base = options->base,
                                .user_agent = options->user_agent != NULL ? options->user_agent
                                                                          : "ecs-scheduler/" ECSS_VERSION};

    if (!aws_config_new(options->getenv_fn != NULL ? options->getenv_fn : config_getenv, options->getenv_arg,
                        &client->config, err))
        return false;
    client->places.config = client->config;
    if (aws_config_region(client->config) == NULL && !aws_region_ask(client->config, err))
        return false;
    http.ca_bundle = aws_config_ca_bundle(client->config);
    if (!http_new(&http, &client->http, err))
        return false;
    client->creds = aws_creds_new(&(struct aws_creds_options){
        .base = client->base, .clock = client->clock, .config = client->config, .http = client->http});
    client->signer = sigv4_new();
    return true;
}

bool aws_client_new(const struct aws_client_options *options, struct aws_client **ret, struct err *err)
{
    struct aws_client *client = mem_alloc(sizeof *client);

    client->base = options->base;
    client->clock = options->clock != NULL ? options->clock : &clock_system;
    client->metrics = options->metrics;
    client->connect_timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    client->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
    TAILQ_INIT(&client->calls);
    start_lanes(client, options);
    if (!start_parts(client, options, err)) {
        aws_client_free(client);
        return false;
    }
    *ret = client;
    return true;
}

size_t aws_client_pending(const struct aws_client *client)
{
    return client->pending;
}

const char *aws_client_region(const struct aws_client *client)
{
    return aws_config_region(client->config);
}

struct aws_creds *aws_client_creds(struct aws_client *client)
{
    return client->creds;
}

/* Credentials that have expired are not at hand: then it is still said when they did. */
static void measure_credentials(struct aws_client *client)
{
    const struct aws_keys *keys = aws_creds_keys(client->creds);

    if (keys != NULL)
        metrics_set(client->metrics, METER_CREDENTIALS, 0, 0,
                    keys->expires_s == 0 ? (double)NAN : (double)keys->expires_s);
}

void aws_client_measure(struct aws_client *client)
{
    metrics_set(client->metrics, METER_AWS_CALLS, 0, 0, (double)client->pending);
    for (size_t i = 0; i < AWS_LANES; i++) {
        struct aws_rate *rate = &client->lanes[i].rate;

        if (rate->max_rate <= 0)
            continue;
        metrics_set(client->metrics, METER_AWS_TOKENS, i, 0,
                    aws_rate_room(rate, clock_monotonic_ms(client->clock)));
        metrics_set(client->metrics, METER_AWS_RATE, i, 0, rate->rate);
    }
    measure_credentials(client);
}

size_t aws_client_room(struct aws_client *client, enum aws_lane_kind lane)
{
    return aws_lane_room(&client->lanes[lane]);
}

void aws_client_on_room(struct aws_client *client, enum aws_lane_kind lane, void (*on_room)(void *arg),
                        void *arg)
{
    client->lanes[lane].on_room = on_room;
    client->lanes[lane].on_room_arg = arg;
}

void aws_client_free(struct aws_client *client)
{
    struct aws_error error;
    struct aws_call *call;

    if (client == NULL)
        return;
    for (int i = 0; i < AWS_LANES; i++)
        aws_lane_close(&client->lanes[i]); /* not even for a call that a callback makes */
    aws_error_set(&error, AWS_CANCELLED, "cancelled", "the AWS client is shutting down");
    while ((call = TAILQ_FIRST(&client->calls)) != NULL)
        aws_call_end(call, &error);
    aws_creds_free(client->creds);
    http_free(client->http);
    sigv4_free(client->signer);
    for (int i = 0; i < AWS_LANES; i++)
        aws_lane_done(&client->lanes[i]);
    aws_places_done(&client->places);
    aws_config_free(client->config);
    free(client);
}

/* See api.h. */
#include "api.h"

#include <stdlib.h>

#include <event2/event.h>

#include "attr.h"
#include "etag.h"
#include "health_api.h"
#include "http_limits.h"
#include "job_json.h"
#include "jobs_api.h"
#include "json.h"
#include "log.h"
#include "mem.h"
#include "reply.h"
#include "root_api.h"
#include "schedule_api.h"
#include "zone.h"

enum { ZONES_CHECK_S = 60 };

struct api {
    struct zones *zones;
    struct event *zones_check;
};

const struct route api_routes[] = {
    {METHOD_GET, "/", root_get, 0},
    {METHOD_GET, "/spec", spec_get, 0},
    {METHOD_GET, "/jobs", jobs_list, ROUTE_DB},
    {METHOD_POST, "/jobs", jobs_create, ROUTE_DB | ROUTE_JSON},
    {METHOD_GET, "/jobs/export", jobs_export, ROUTE_DB},
    {METHOD_POST, "/jobs/import", jobs_import, ROUTE_DB | ROUTE_LARGE},
    {METHOD_GET, "/jobs/{id}", job_show, ROUTE_DB},
    {METHOD_PUT, "/jobs/{id}", job_change, ROUTE_DB | ROUTE_JSON},
    {METHOD_DELETE, "/jobs/{id}", job_delete, ROUTE_DB},
    {METHOD_GET, "/jobs/{id}/fire-times", job_fire_times, ROUTE_DB},
    {METHOD_GET, "/health/live", health_live, ROUTE_OPEN},
    {METHOD_GET, "/health/ready", health_ready, ROUTE_OPEN},
    {METHOD_GET, "/metrics", metrics_show, 0},
    {METHOD_POST, "/schedule/preview", schedule_preview, ROUTE_JSON | ROUTE_READ},
};

const size_t api_route_count = ARRAY_LEN(api_routes);

static void on_zone(void *arg UNUSED, const struct zone *zone, enum zone_event event)
{
    log_info("webapid.zone", "zone=%s what=%s", LOGQ(zone_name(zone)),
             event == ZONE_CHANGED ? "changed" : "vanished");
}

/* An update of the system's time zones is noticed without a restart. */
static void on_zones_check(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct api *api = arg;

    zones_check(api->zones, on_zone, NULL);
}

void *api_open(struct worker *worker)
{
    struct api *api = mem_alloc(sizeof *api);
    const struct timeval interval = {.tv_sec = ZONES_CHECK_S};

    api->zones = zones_new(NULL);
    api->zones_check = event_new(worker->base, -1, EV_PERSIST, on_zones_check, api);
    if (api->zones_check == NULL || event_add(api->zones_check, &interval) != 0)
        abort(); /* out of memory */
    return api;
}

void api_close(struct worker *worker)
{
    struct api *api = worker->app;

    event_free(api->zones_check);
    zones_free(api->zones);
    free(api);
}

struct zones *api_zones(const struct request *rq)
{
    const struct api *api = request_worker(rq)->app;

    return api->zones;
}

bool api_read_body(const struct request *rq, struct json_object **ret, struct err *err)
{
    size_t len;
    const char *body = request_body(rq, &len);

    return json_parse_within(request_worker(rq)->limits->json, body, len, ret, err);
}

void api_reply_tagged(struct request *rq, int status, int64_t revision, const struct buf *body)
{
    char tag[ETAG_SIZE];

    etag_of_job(revision, body->data, body->len, tag);
    reply_etag(rq, tag);
    reply_json(rq, status, body);
}

void api_reply_saved(struct request *rq, int status, const char *id, int64_t revision,
                     const struct job_report *report)
{
    AUTO_BUF struct buf body = {0};

    buf_init(&body, API_SAVED_MAX);
    job_json_put_saved(&body, id, report);
    api_reply_tagged(rq, status, revision, &body);
}

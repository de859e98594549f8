/* See health_api.h. */
#include "health_api.h"

#include <inttypes.h>

#include "health_store.h"
#include "log.h"
#include "meters.h"
#include "reply.h"

/* A leader says that it is alive each second; a standby takes over within 15 (see leader.h). */
enum { LEADER_SEEN_S = 15, BODY_MAX = 4096, METRICS_MAX = 4 << 20 };

static void begin(struct request *rq, struct buf *body)
{
    reply_no_store(rq);
    buf_init(body, BODY_MAX);
}

void health_live(struct request *rq)
{
    AUTO_BUF struct buf body = {0};

    begin(rq, &body);
    buf_puts(&body, "{\"status\":\"live\"}");
    reply_json(rq, 200, &body);
}

/* What is wrong in detail is in the log: who asks may be anybody. */
static void reply_not_ready(struct request *rq, const char *why)
{
    reply_no_store(rq);
    reply_message(rq, 503, "Not ready: the database %s.", why);
}

/* Without a leader jobs can be kept all the same, so that is said and no more. */
static void on_health(void *arg, const struct db_result *result, const struct err *err)
{
    struct request *rq = arg;
    AUTO_BUF struct buf body = {0};
    double age_s = 0;

    if (err != NULL) {
        log_warning("health.not_ready", "error=%s request=%s", LOGQ(err->text), request_id(rq));
        reply_not_ready(rq, err->kind == ERR_UNAVAILABLE ? "does not answer"
                                                         : "answers with an error, which the log has");
        return;
    }
    begin(rq, &body);
    buf_printf(&body, "{\"status\":\"ready\",\"database\":\"up\",\"schema\":%" PRId64 ",\"leader\":",
               health_store_schema(result));
    if (health_store_seen(result, &age_s))
        buf_printf(&body, "{\"seen\":%s,\"secondsAgo\":%.1f}}", age_s <= LEADER_SEEN_S ? "true" : "false",
                   age_s);
    else
        buf_puts(&body, "{\"seen\":false,\"secondsAgo\":null}}");
    reply_json(rq, 200, &body);
}

void health_ready(struct request *rq)
{
    const struct worker *worker = request_worker(rq);

    if (worker->can_read && worker->can_write)
        health_store_ask(worker->reads, on_health, rq);
    else if (worker->can_read)
        reply_not_ready(rq, "can be read, and there is no connection for writing");
    else
        reply_not_ready(rq, "cannot be reached or read, or has not the schema that is needed, yet");
}

void metrics_show(struct request *rq)
{
    const enum metrics_format format = metrics_format_wanted(request_header(rq, "Accept"));
    const struct worker *worker = request_worker(rq);
    AUTO_BUF struct buf body = {0};

    if (worker->meters == NULL) {
        reply_message(rq, 404, "Nothing is counted here.");
        return;
    }
    buf_init(&body, METRICS_MAX);
    metrics_put(&body, meters_metrics(worker->meters), format);
    reply_no_store(rq);
    reply_text(rq, metrics_content_type(format), &body);
}

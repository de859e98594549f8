/* scheduld: wiring and nothing else. */
#include <event2/event.h>

#include "admin.h"
#include "aws_client_check.h"
#include "daemon.h"
#include "log.h"
#include "scheduler.h"
#include "settings.h"

struct app {
    struct event_base *base;
    struct daemon *daemon;
    struct scheduler *scheduler;
    struct admin *admin; /* NULL: nobody asked for it */
};

static void on_stopped(void *arg)
{
    struct app *app = arg;

    event_base_loopbreak(app->base);
}

static void on_stop(void *arg)
{
    struct app *app = arg;

    scheduler_stop(app->scheduler, on_stopped, app);
}

static void on_schema(void *arg, const struct err *err)
{
    struct app *app = arg;

    log_critical("scheduld.schema", "error=%s", LOGQ(err->text));
    daemon_stop(app->daemon, DAEMON_EXIT_CONFIG);
}

static void on_status(void *arg)
{
    struct app *app = arg;

    daemon_status_changed(app->daemon);
}

static void status(void *arg, struct buf *ret)
{
    const struct app *app = arg;

    scheduler_status(app->scheduler, ret);
}

static const struct daemon_health health = {.status = status};

static bool ready(void *arg, struct buf *body)
{
    const struct app *app = arg;

    return scheduler_health(app->scheduler, body);
}

static void metrics(void *arg, enum metrics_format format, struct buf *body)
{
    const struct app *app = arg;

    metrics_put(body, scheduler_measure(app->scheduler), format);
}

static bool open_admin(struct app *app, const char *listen, struct err *err)
{
    const struct admin_options options = {
        .base = app->base, .listen = listen, .ready = ready, .metrics = metrics, .arg = app};

    if (listen != NULL)
        app->admin = admin_new(&options, err);
    return listen == NULL || app->admin != NULL;
}

static int serve(const struct settings *settings)
{
    struct app app = {.base = event_base_new()};
    const struct scheduler_options options = {
        .base = app.base,
        .settings = settings,
        .on_schema = on_schema,
        .on_status = on_status,
        .arg = &app,
    };
    struct err err = {0};
    int code = DAEMON_EXIT_CONFIG;

    log_init((enum log_level)settings->log_level, (enum log_format)settings->log_format);
    app.daemon = daemon_new(app.base, on_stop, NULL, &app);
    app.scheduler = scheduler_new(&options, &err);
    if (app.scheduler == NULL) {
        log_critical("scheduld.failed", "error=%s", LOGQ(err.text));
        code = err.kind == ERR_UNAVAILABLE ? DAEMON_EXIT_FAILURE : DAEMON_EXIT_CONFIG;
    } else if (!open_admin(&app, settings->admin_listen, &err)) {
        log_critical("scheduld.failed", "error=%s", LOGQ(err.text));
        code = DAEMON_EXIT_FAILURE;
    } else {
        daemon_ready(app.daemon, &health);
        event_base_dispatch(app.base);
        code = daemon_exit_code(app.daemon);
    }
    admin_free(app.admin);
    scheduler_free(app.scheduler);
    daemon_free(app.daemon);
    event_base_free(app.base);
    return code;
}

static const struct daemon_option options[] = {
    {"check-aws",
     "try credentials, region and permissions for AWS without starting anything; exit with 0, 1 or 78", NULL,
     0},
    {NULL, NULL, NULL, 0},
};

static int check_aws(const struct settings *settings)
{
    bool curious = settings->log_level == LOG_LEVEL_DEBUG;

    /* What the log would say is in the report. */
    log_init(curious ? LOG_LEVEL_DEBUG : LOG_LEVEL_CRITICAL, (enum log_format)settings->log_format);
    return aws_check(settings->ecs_cluster, stdout);
}

int main(int argc, char **argv)
{
    const struct daemon_spec spec = {
        .program = "scheduld",
        .version = ECSS_VERSION,
        .what = "Starts the tasks of ECS Scheduler's jobs when they are due. Several may run: one leads, the "
                "others stand by.",
        .config = settings_config,
        .other_settings = settings_of_webapid,
        .options = options,
        .check = settings_check_aws,
    };
    struct settings settings = {0};
    int option, code = DAEMON_EXIT_FAILURE;

    switch (daemon_begin(&spec, argc, argv, &settings, &option, &code)) {
    case DAEMON_EXIT:
        break;
    case DAEMON_RUN_OPTION:
        code = check_aws(&settings);
        break;
    case DAEMON_RUN:
        code = serve(&settings);
        break;
    }
    config_done(&settings_config, &settings);
    return code;
}

/* webapid: wiring and nothing else. */
#include <stdio.h>

#include <event2/event.h>

#include "activation.h"
#include "api.h"
#include "certificate.h"
#include "daemon.h"
#include "log.h"
#include "meters.h"
#include "migrate.h"
#include "migrate_wait.h"
#include "server.h"
#include "settings.h"
#include "tls.h"
#include "token_command.h"

enum {
    OPTION_MIGRATE,
    OPTION_CREATE_TOKEN,
    OPTION_SCOPE,
    OPTION_EXPIRES,
    OPTION_LIST_TOKENS,
    OPTION_REVOKE_TOKEN,
    OPTIONS
};

/* The database's own deadline is 10 s (db.h): its words come before ours. */
enum { ANSWER_TIMEOUT_MS = 15000, DRAIN_TIMEOUT_MS = 10000 };

struct app {
    struct event_base *base;
    struct daemon *daemon;
    struct server *server;
    const struct settings *settings; /* lent */
    struct certificate *certificate; /* owned; NULL: nothing speaks TLS */
    struct meters *meters;
    struct activation activation;
    int reading, with_database; /* workers */
    struct migrate_wait wait;   /* of all workers: whichever looked last */
};

static const struct daemon_option options[] = {
    [OPTION_MIGRATE] = {"migrate", "bring the database's schema up to date, and end", NULL, 0},
    [OPTION_CREATE_TOKEN] = {"create-token", "make a token for the API and print it, and end", "NAME", 0},
    [OPTION_SCOPE] = {"scope", "read or write", "SCOPE", OPTION_CREATE_TOKEN + 1},
    [OPTION_EXPIRES] = {"expires", "after so many hours, days or weeks, as 90d; never if not given", "TIME",
                        OPTION_CREATE_TOKEN + 1},
    [OPTION_LIST_TOKENS] = {"list-tokens", "print which tokens there are, and end", NULL, 0},
    [OPTION_REVOKE_TOKEN] = {"revoke-token", "make that token no good any more, and end", "NAME", 0},
    [OPTIONS] = {NULL, NULL, NULL, 0},
};

static int migrate(const struct settings *settings)
{
    struct err err = {0};

    if (migrate_apply(settings->database_url, MIGRATE_PATIENCE_MS, stdout, &err))
        return fflush(stdout) == 0 ? DAEMON_EXIT_OK : DAEMON_EXIT_FAILURE;
    fflush(stdout);
    fprintf(stderr, "webapid: %s\n", err.text);
    return err.kind == ERR_UNAVAILABLE                           ? DAEMON_EXIT_UNAVAILABLE
           : err.kind == ERR_CONFLICT || err.kind == ERR_INVALID ? DAEMON_EXIT_CONFIG
                                                                 : DAEMON_EXIT_FAILURE;
}

static int run_option(int option, const char *const *values, const struct settings *settings)
{
    const struct token_create create = {values[OPTION_CREATE_TOKEN], values[OPTION_SCOPE],
                                        values[OPTION_EXPIRES]};

    switch (option) {
    case OPTION_CREATE_TOKEN:
        return token_command_create(settings->database_url, &create);
    case OPTION_LIST_TOKENS:
        return token_command_list(settings->database_url);
    case OPTION_REVOKE_TOKEN:
        return token_command_revoke(settings->database_url, values[OPTION_REVOKE_TOKEN]);
    default:
        return migrate(settings);
    }
}

static void on_stop(void *arg)
{
    struct app *app = arg;

    if (app->server == NULL)
        event_base_loopbreak(app->base);
    else
        server_stop(app->server);
}

static void on_stopped(void *arg)
{
    struct app *app = arg;

    event_base_loopbreak(app->base);
}

static void on_database(void *arg, int reading, int with_database)
{
    struct app *app = arg;

    app->reading = reading;
    app->with_database = with_database;
    daemon_status_changed(app->daemon);
}

/* An older one is about to be migrated, as between the installation of a new release and --migrate, if the
 * machine starts anew in between. One that may not be read waits for a GRANT. */
static void on_schema(void *arg, enum migrate_state state, const struct err *err)
{
    struct app *app = arg;
    bool news = migrate_wait_note(&app->wait, state, err);

    if (state == MIGRATE_EMPTY || state == MIGRATE_NEWER) {
        log_critical("webapid.schema", "error=%s", LOGQ(err->text));
        daemon_stop(app->daemon, DAEMON_EXIT_CONFIG);
        return;
    }
    if (news && state == MIGRATE_OLDER)
        log_warning("webapid.schema_awaited", "error=%s", LOGQ(err->text));
    if (news && state == MIGRATE_UNREADABLE)
        log_error("webapid.schema_unreadable", "error=%s", LOGQ(err->text));
    daemon_status_changed(app->daemon);
}

static bool is_well(void *arg)
{
    const struct app *app = arg;

    return server_is_well(app->server);
}

static void status(void *arg, struct buf *ret)
{
    const struct app *app = arg;

    buf_puts(ret, app->with_database > 0 ? "serves"
                  : app->reading > 0     ? "serves reads only: there is no connection for writing"
                                         : migrate_wait_text(&app->wait));
    certificate_put_status(app->certificate, ret);
}

static const struct daemon_health health = {.is_well = is_well, .status = status};

/* What settings_check() let through by ECSS_INSECURE. */
static void warn_of_public(const struct settings *settings)
{
    for (size_t i = 0; settings->listen[i] != NULL; i++) {
        if (!server_address_is_public(settings->listen[i]))
            continue;
        if (settings->tls_certificate == NULL)
            log_warning("webapid.insecure", "address=%s risk=%s", LOGQ(settings->listen[i]),
                        LOGQ("nothing is encrypted, tokens neither"));
        if (settings->tokens == SERVER_TOKENS_NEVER)
            log_warning("webapid.insecure", "address=%s risk=%s", LOGQ(settings->listen[i]),
                        LOGQ("anyone who reaches it can change jobs"));
    }
}

/* ---- TLS ---- */

static bool load_tls(struct app *app, struct err *err)
{
    const struct settings *settings = app->settings;
    const struct tls_files files = {settings->tls_certificate, settings->tls_key, settings->tls_client_ca};

    return files.certificate == NULL ||
           certificate_new(app->base, &files, app->meters, &app->certificate, err);
}

/* SIGHUP: a renewed certificate. One that cannot be used changes nothing. */
static void on_reload(void *arg)
{
    struct app *app = arg;

    if (app->certificate == NULL)
        log_info("daemon.nothing_to_reload", "hint=%s", LOGQ("settings are read at the start only"));
    else if (certificate_reload(app->certificate) && app->server != NULL)
        server_set_tls(app->server, certificate_tls(app->certificate));
    daemon_status_changed(app->daemon);
}

static struct server *start(struct app *app, const struct settings *settings, struct err *err)
{
    const struct server_options server_options = {
        .listen = (const char *const *)settings->listen,
        .sockets = app->activation.count == 0 ? NULL : app->activation.sockets,
        .workers = (int)settings->workers,
        .router = {api_routes, api_route_count},
        .database_url = settings->database_url,
        .meters = app->meters,
        .tls = certificate_tls(app->certificate),
        .tokens = (enum server_tokens)settings->tokens,
        .tokens_max_age_s = (int)settings->tokens_max_age_s,
        .checks_hosts = true,
        .origins = (const char *const *)settings->origins,
        .request_timeout_ms = (int)settings->request_timeout_s * 1000,
        .idle_timeout_ms = (int)settings->idle_timeout_s * 1000,
        .answer_timeout_ms = ANSWER_TIMEOUT_MS,
        .drain_timeout_ms = DRAIN_TIMEOUT_MS,
        .limits = settings_limits(settings),
        .max_connections = (int)settings->max_connections,
        .max_per_address = (int)settings->max_per_address,
        .open = api_open,
        .close = api_close,
        .on_schema = on_schema,
        .on_database = on_database,
        .on_stopped = on_stopped,
        .arg = app,
    };

    return server_start(app->base, &server_options, err);
}

static int serve(const struct settings *settings, const struct activation *activation)
{
    struct app app = {.base = event_base_new(), .settings = settings, .activation = *activation};
    struct err err = {0};
    int code = DAEMON_EXIT_FAILURE;

    log_init((enum log_level)settings->log_level, (enum log_format)settings->log_format);
    app.daemon = daemon_new(app.base, on_stop, on_reload, &app);
    warn_of_public(settings);
    app.meters = meters_new(&(struct router){api_routes, api_route_count}, (int)settings->workers,
                            (int)settings->max_connections);
    if (load_tls(&app, &err))
        app.server = start(&app, settings, &err);
    if (app.server == NULL) {
        log_critical("webapid.failed", "error=%s", LOGQ(err.text));
    } else {
        daemon_ready(app.daemon, &health);
        event_base_dispatch(app.base);
        code = daemon_exit_code(app.daemon);
    }
    server_free(app.server);
    certificate_free(app.certificate);
    meters_free(app.meters);
    daemon_free(app.daemon);
    event_base_free(app.base);
    return code;
}

int main(int argc, char **argv)
{
    const char *values[OPTIONS] = {NULL};
    const struct daemon_spec spec = {
        .program = "webapid",
        .version = ECSS_VERSION,
        .what = "Serves the REST API of ECS Scheduler.",
        .config = settings_config,
        .other_settings = settings_of_scheduld,
        .options = options,
        .values = values,
        .check = settings_check,
    };
    struct activation activation = {0};
    struct settings settings = {0};
    struct err err = {0};
    int option, code = DAEMON_EXIT_FAILURE;

    if (!activation_take(&activation, &err)) {
        fprintf(stderr, "webapid: %s\n", err.text);
        return DAEMON_EXIT_CONFIG;
    }
    switch (daemon_begin(&spec, argc, argv, &settings, &option, &code)) {
    case DAEMON_EXIT:
        break;
    case DAEMON_RUN:
        code = serve(&settings, &activation);
        break;
    case DAEMON_RUN_OPTION:
        code = run_option(option, values, &settings);
        break;
    }
    config_done(&settings_config, &settings);
    return code;
}

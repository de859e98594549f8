/* See server_database.h. */
#include "server_database.h"

#include <stdlib.h>

#include <event2/event.h>

#include "attr.h"
#include "db.h"
#include "log.h"
#include "mem.h"
#include "token_cache.h"
#include "worker.h"

static const struct timeval again_after = {.tv_sec = 1};

struct link {
    struct server_database *database; /* lent: it is embedded there */
    struct db **db;                   /* the worker's */
    bool *ready;                      /* likewise */
    struct event *again;              /* owned: to look at the schema again */
};

struct server_database {
    struct server_database_options options;
    struct link reads, writes;
    struct token_cache *tokens; /* owned */
};

static bool is_reader(const struct link *link)
{
    return link == &link->database->reads;
}

static void set_ready(struct link *link)
{
    const struct server_database_options *options = &link->database->options;

    *link->ready = true;
    if (options->worker->can_read && options->worker->can_write)
        log_info("server.database_ready", "worker=%d", options->worker->number);
    options->on_change(options->arg);
}

/* Nothing is asked of the database before it is known who may. */
static void on_tokens(void *arg, bool good)
{
    struct link *link = arg;

    if (good)
        set_ready(link);
    else
        event_add(link->again, &again_after);
}

static void on_schema(void *arg, enum migrate_state state, const struct err *err)
{
    struct link *link = arg;
    const struct server_database_options *options = &link->database->options;

    options->on_schema(options->arg, state, err);
    if (state == MIGRATE_CURRENT) {
        if (is_reader(link))
            token_cache_load(link->database->tokens, on_tokens, link);
        else
            set_ready(link);
        return;
    }
    event_add(link->again, &again_after); /* if it is lost, on_up comes first or as well: harmless */
}

static void on_up(void *arg)
{
    struct link *link = arg;

    migrate_check_db(*link->db, on_schema, link);
}

static void on_again(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct link *link = arg;

    if (*link->db != NULL && db_is_up(*link->db))
        on_up(link);
}

/* One line for both, as they are lost together but for rare cases, in which db.h's own lines tell more. */
static void on_down(void *arg, const struct err *err)
{
    struct link *link = arg;
    const struct server_database_options *options = &link->database->options;

    if (options->worker->can_read && options->worker->can_write)
        log_warning("server.database_lost", "worker=%d error=%s", options->worker->number, LOGQ(err->text));
    *link->ready = false;
    options->on_change(options->arg);
    options->on_schema(options->arg, MIGRATE_UNREACHABLE, err);
}

static bool open_link(struct server_database *database, struct link *link, const char *name, struct err *err)
{
    const struct worker *worker = database->options.worker;
    const struct db_options options = {
        .url = worker->database_url,
        .application_name = name,
        .statement_timeout_ms = SERVER_STATEMENT_TIMEOUT_MS,
        .lock_timeout_ms = SERVER_LOCK_TIMEOUT_MS,
        .on_up = on_up,
        .on_down = on_down,
        .arg = link,
    };

    link->database = database;
    link->again = evtimer_new(worker->base, on_again, link);
    if (link->again == NULL)
        abort(); /* out of memory */
    *link->db = db_new(worker->base, &options, err);
    return *link->db != NULL;
}

struct server_database *server_database_new(const struct server_database_options *options, struct err *err)
{
    struct server_database *database = mem_alloc(sizeof *database);
    struct worker *worker = options->worker;

    database->options = *options;
    database->reads = (struct link){.db = &worker->reads, .ready = &worker->can_read};
    database->writes = (struct link){.db = &worker->writes, .ready = &worker->can_write};
    if (!open_link(database, &database->reads, "webapid reads", err) ||
        !open_link(database, &database->writes, "webapid writes", err)) {
        server_database_free(database);
        return NULL;
    }
    database->tokens = token_cache_new(worker->base, worker->reads, options->tokens_max_age_s);
    return database;
}

static void close_link(struct link *link)
{
    struct db *db = *link->db;

    *link->db = NULL;
    *link->ready = false;
    db_free(db);
}

void server_database_close(struct server_database *database)
{
    if (database == NULL)
        return;
    close_link(&database->writes);
    close_link(&database->reads);
    token_cache_stop(database->tokens); /* the loop has some turns yet */
}

static void free_again(struct link *link)
{
    if (link->again != NULL)
        event_free(link->again);
}

void server_database_free(struct server_database *database)
{
    if (database == NULL)
        return;
    server_database_close(database);
    token_cache_free(database->tokens);
    free_again(&database->reads);
    free_again(&database->writes);
    free(database);
}

const struct token_cache *server_database_tokens(const struct server_database *database)
{
    return database == NULL ? NULL : database->tokens;
}

size_t server_database_pending(const struct server_database *database)
{
    const struct worker *worker = database == NULL ? NULL : database->options.worker;

    return worker == NULL || worker->reads == NULL ? 0
                                                   : db_pending(worker->reads) + db_pending(worker->writes);
}

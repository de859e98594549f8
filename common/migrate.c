/*
 * See migrate.h. This is the one place that talks to PostgreSQL in the foreground: nothing else is going on
 * in a program that migrates, or that has not begun to serve.
 */
#include "migrate.h"

#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "db.h"
#include "log.h"
#include "mem.h"

enum {
    /* Number of the advisory lock of whoever migrates this database: "ecss" and 1. */
    LOCK_CLASS = 0x65637373,
    LOCK_ID = 1,
};

#define CONNECT_TIMEOUT_S "5"

#define HAS_TABLE_SQL "SELECT to_regclass('schema_migrations') IS NOT NULL, current_schema()"
#define VERSION_SQL "SELECT coalesce(max(version), 0), coalesce(max(works_with), 0) FROM schema_migrations"

static const struct db_stmt has_table_stmt = {.sql = HAS_TABLE_SQL}, version_stmt = {.sql = VERSION_SQL};

static void finish_scoped(PGconn **pg)
{
    PQfinish(*pg);
}

static void clear_scoped(PGresult **result)
{
    PQclear(*result);
}

#define AUTO_PG CLEANUP(finish_scoped)
#define AUTO_RESULT CLEANUP(clear_scoped)

static void one_line(struct err *err)
{
    char *out;

    if (err == NULL)
        return;
    out = err->text;
    for (const char *in = err->text; *in != '\0'; in++) {
        if (*in != '\n' && *in != '\t')
            *out++ = *in;
        else if (in[1] != '\0' && in[1] != '\n' && in[1] != '\t')
            *out++ = ' ';
    }
    *out = '\0';
}

/* The detail of an error may have a row; primary text and hint do not. */
static bool failed(const PGconn *pg, const PGresult *result, struct err *err)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (state == NULL) {
        err_set(err, ERR_UNAVAILABLE, "the database connection was lost: %s", PQerrorMessage(pg));
    } else {
        err_set(err, strcmp(state, "42501") == 0 ? ERR_DENIED : ERR_INTERNAL,
                "the database says: %s%s%s (SQLSTATE %s)", message, hint == NULL ? "" : "; ",
                hint == NULL ? "" : hint, state);
    }
    one_line(err);
    return false;
}

static void ignore_notice(void *arg UNUSED, const PGresult *result UNUSED)
{
}

static PGconn *connect_to(const char *url, struct err *err)
{
    static const char *const keywords[] = {"connect_timeout",
                                           "fallback_application_name",
                                           "target_session_attrs",
                                           "client_encoding",
                                           "dbname",
                                           NULL};
    const char *values[] = {CONNECT_TIMEOUT_S, "ecs-scheduler migrate", "read-write", "UTF8", url, NULL};
    PGconn *pg = PQconnectdbParams(keywords, values, 1);

    if (PQstatus(pg) != CONNECTION_OK) {
        err_set(err, ERR_UNAVAILABLE, "the database is not reachable: %s", PQerrorMessage(pg));
        one_line(err);
        PQfinish(pg);
        return NULL;
    }
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    return pg;
}

static PGresult *ask(PGconn *pg, const char *sql, struct err *err)
{
    PGresult *result = PQexec(pg, sql);

    if (PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK)
        return result;
    failed(pg, result, err);
    PQclear(result);
    return NULL;
}

static bool run(PGconn *pg, const char *sql, struct err *err)
{
    AUTO_RESULT PGresult *result = ask(pg, sql, err);

    return result != NULL;
}

static bool read_schema(PGconn *pg, struct migrate_schema *ret, struct err *err)
{
    AUTO_RESULT PGresult *has = ask(pg, HAS_TABLE_SQL, err), *version = NULL;

    if (has == NULL)
        return false;
    if (PQgetisnull(has, 0, 1))
        return err_set(
            err, ERR_INVALID,
            "the database user's search_path names no schema that exists, so there is nowhere to put tables");
    if (PQgetvalue(has, 0, 0)[0] != 't') {
        *ret = (struct migrate_schema){0};
        return true;
    }
    version = ask(pg, VERSION_SQL, err);
    if (version == NULL)
        return false;
    *ret = (struct migrate_schema){
        .version = (int)strtol(PQgetvalue(version, 0, 0), NULL, 10),
        .works_with = (int)strtol(PQgetvalue(version, 0, 1), NULL, 10),
    };
    return true;
}

static int newest_version(void)
{
    return migrations[migration_count - 1].version;
}

enum migrate_state migrate_judge(const struct migrate_schema *schema, int newest, struct err *err)
{
    if (schema->version == newest || (schema->version > newest && schema->works_with <= newest))
        return MIGRATE_CURRENT;
    if (schema->version == 0) {
        err_set(err, ERR_INVALID, "the database has no schema yet; run: webapid --migrate");
        return MIGRATE_EMPTY;
    }
    if (schema->version < newest) {
        err_set(err, ERR_INVALID,
                "the database has schema version %d and this program needs %d; run: webapid --migrate",
                schema->version, newest);
        return MIGRATE_OLDER;
    }
    err_set(
        err, ERR_INVALID,
        "the database has schema version %d, which works with programs that know version %d, and this one "
        "knows only up to %d; it is too old for this database: install the release that migrated it, or a "
        "newer one",
        schema->version, schema->works_with, newest);
    return MIGRATE_NEWER;
}

static bool apply_one(PGconn *pg, const struct migration *migration, struct err *err)
{
    /* Functions keep the search_path of this transaction: the schema itself, with temporary tables last, so
     * that nobody can put one of his own in the way. */
    static const char begin_sql[] =
        "BEGIN; SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)";
    AUTO_FREE char *record =
        mem_printf("INSERT INTO schema_migrations (version, name, works_with) VALUES (%d, '%s', %d); COMMIT",
                   migration->version, migration->name, migration->works_with);

    return run(pg, begin_sql, err) && run(pg, migration->sql, err) && run(pg, record, err);
}

static void say_state(const struct migrate_schema *before, FILE *out)
{
    if (before->version > newest_version())
        fprintf(out, "the schema is at version %d, which works with this program; it knows up to %d\n",
                before->version, newest_version());
    else if (before->version == newest_version())
        fprintf(out, "the schema is up to date: version %d\n", before->version);
    else
        fprintf(out, "the schema is now at version %d\n", newest_version());
}

static bool apply_all(PGconn *pg, FILE *out, struct err *err)
{
    struct migrate_schema schema = {0};

    if (!read_schema(pg, &schema, err))
        return false;
    if (schema.version > newest_version() && migrate_judge(&schema, newest_version(), err) != MIGRATE_CURRENT)
        return false;
    for (size_t i = 0; i < migration_count; i++) {
        if (migrations[i].version <= schema.version)
            continue;
        if (!apply_one(pg, &migrations[i], err)) {
            err_wrap(err, "migration %04d_%s", migrations[i].version, migrations[i].name);
            return false;
        }
        fprintf(out, "applied %04d_%s\n", migrations[i].version, migrations[i].name);
    }
    say_state(&schema, out);
    return true;
}

bool migrate_apply(const char *url, FILE *out, struct err *err)
{
    AUTO_PG PGconn *pg = NULL;
    AUTO_FREE char *lock = mem_printf("SELECT pg_advisory_lock(%d, %d)", LOCK_CLASS, LOCK_ID);

    if (!db_check_url(url, err)) /* a wrong URL is told from a server that is away */
        return false;
    pg = connect_to(url, err);
    if (pg == NULL)
        return false;
    /* The lock goes with the session. A migration may take long, and what it waits for must not be cut short
     * by the database's defaults. */
    return run(pg,
               "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0",
               err) &&
           run(pg, lock, err) && apply_all(pg, out, err);
}

bool migrate_check(const char *url, enum migrate_state *ret, struct err *err)
{
    AUTO_PG PGconn *pg = NULL;
    struct migrate_schema schema = {0};

    *ret = MIGRATE_UNREACHABLE;
    if (!db_check_url(url, err)) /* a wrong URL is told from a server that is away */
        return false;
    pg = connect_to(url, err);
    if (pg == NULL || !read_schema(pg, &schema, err))
        return false;
    *ret = migrate_judge(&schema, newest_version(), err);
    return *ret == MIGRATE_CURRENT;
}

/* --- by a connection on the loop --- */

struct check {
    struct db *db;
    migrate_fn *done;
    void *arg;
};

static void check_done(struct check *check, enum migrate_state state, const struct err *err)
{
    struct check copy = *check;

    free(check);
    copy.done(copy.arg, state, err);
}

static void on_version(void *arg, const struct db_result *result, const struct err *err)
{
    struct migrate_schema schema;
    struct err why = {0};
    enum migrate_state state;

    if (err != NULL) {
        check_done(arg, MIGRATE_UNREACHABLE, err);
        return;
    }
    schema = (struct migrate_schema){(int)db_int64(result, 0, 0), (int)db_int64(result, 0, 1)};
    state = migrate_judge(&schema, newest_version(), &why);
    if (state == MIGRATE_CURRENT && schema.version > newest_version())
        log_info("migrate.newer_schema", "schema=%d known=%d works=yes", schema.version, newest_version());
    check_done(arg, state, state == MIGRATE_CURRENT ? NULL : &why);
}

static void on_has_table(void *arg, const struct db_result *result, const struct err *err)
{
    struct check *check = arg;
    struct err why = {0};

    if (err != NULL) {
        check_done(check, MIGRATE_UNREACHABLE, err);
    } else if (!db_bool(result, 0, 0)) {
        migrate_judge(&(struct migrate_schema){0}, newest_version(), &why);
        check_done(check, MIGRATE_EMPTY, &why);
    } else {
        db_query(check->db, &version_stmt, NULL, on_version, check);
    }
}

void migrate_check_db(struct db *db, migrate_fn *done, void *arg)
{
    struct check *check = mem_alloc(sizeof *check);

    *check = (struct check){.db = db, .done = done, .arg = arg};
    db_query(db, &has_table_stmt, NULL, on_has_table, check);
}

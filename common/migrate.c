/*
 * See migrate.h. This is the one place that talks to PostgreSQL in the foreground: nothing else is going on
 * in a program that migrates, or that has not begun to serve.
 */
#include "migrate.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#include "clock.h"
#include "db.h"
#include "log.h"
#include "mem.h"

enum {
    /* Number of the advisory lock of whoever migrates this database: "ecss" and 1. */
    LOCK_CLASS = 0x65637373,
    LOCK_ID = 1,

    TRY_AGAIN_S = 1,
    SAY_AGAIN_MS = 10000,
};

#define CONNECT_TIMEOUT_S "5"

#define HAS_TABLE_SQL "SELECT to_regclass('schema_migrations') IS NOT NULL, current_schema()"
#define VERSION_SQL "SELECT coalesce(max(version), 0), coalesce(max(works_with), 0) FROM schema_migrations"

/* Who has tables of this schema locked. A user without pg_read_all_stats is told who others are, not since
 * when; autovacuum is nobody's session; a prepared transaction has no session any more. */
#define HOLDERS_SQL                                                                                          \
    "holders AS (SELECT DISTINCT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"                \
    " WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"                   \
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"                  \
    " AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid())"
#define NAME_HOLDERS_SQL                                                                                     \
    "WITH " HOLDERS_SQL ", named AS (SELECT xact_start, CASE WHEN holders.pid IS NULL"                       \
    "    THEN 'a prepared transaction' ELSE format('pid %s (%s)', holders.pid, concat_ws(', ',"              \
    "      CASE WHEN usesysid IS NULL THEN 'autovacuum' END, nullif(application_name, ''), usename,"         \
    "      'for ' || date_trunc('second', clock_timestamp() - xact_start))) END AS name"                     \
    "  FROM holders LEFT JOIN pg_stat_activity a ON a.pid = holders.pid"                                     \
    "  WHERE holders.pid IS NULL"                                                                            \
    "    OR a.pid IS NOT NULL AND coalesce(xact_start < clock_timestamp() - interval '0.3 s', true)"         \
    "  ORDER BY xact_start LIMIT 3)"                                                                         \
    " SELECT coalesce(string_agg(name, ', ' ORDER BY xact_start), 'nobody for longer than 0.3 s')"           \
    " FROM named"

/* Functions keep the search_path of this transaction: the schema itself, with temporary tables last, so that
 * nobody can put one of his own in the way.
 *
 * A statement that waits for a table's lock has everybody else wait behind it, readers as well, for as long
 * as somebody else has the table in use, who may be a dump of hours: so it soon lets them go first. An
 * autovacuum gives way, but only to who has waited for deadlock_timeout. */
#define BEGIN_SQL                                                                                            \
    "BEGIN;"                                                                                                 \
    " WITH " HOLDERS_SQL                                                                                     \
    " SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true),"                 \
    "  set_config('lock_timeout', (CASE WHEN EXISTS (SELECT FROM holders JOIN pg_stat_activity USING (pid)"  \
    "    WHERE usesysid IS NULL) THEN 100 + setting::integer ELSE 300 END)::text, true)"                     \
    " FROM pg_settings WHERE name = 'deadlock_timeout'"

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
        if (err != NULL)
            snprintf(err->sqlstate, sizeof err->sqlstate, "%s", state);
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

/* current_schema() passes over those that the user may not use. */
static bool set_no_schema(struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "the database user's search_path names no schema that exists, or none that he may use");
}

static bool read_schema(PGconn *pg, struct migrate_schema *ret, struct err *err)
{
    AUTO_RESULT PGresult *has = ask(pg, HAS_TABLE_SQL, err), *version = NULL;

    if (has == NULL)
        return false;
    if (PQgetisnull(has, 0, 1))
        return set_no_schema(err);
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
    AUTO_FREE char *record =
        mem_printf("INSERT INTO schema_migrations (version, name, works_with) VALUES (%d, '%s', %d); COMMIT",
                   migration->version, migration->name, migration->works_with);

    if (run(pg, BEGIN_SQL, err) && run(pg, migration->sql, err) && run(pg, record, err))
        return true;
    run(pg, "ROLLBACK", NULL);
    return false;
}

static bool was_held_up(const struct err *err)
{
    return strcmp(err->sqlstate, "55P03") == 0 /* lock_not_available: lock_timeout */
           || strcmp(err->sqlstate, "40P01") == 0 /* deadlock_detected */;
}

static bool gave_up(const char *holders, int patience_ms, struct err *err)
{
    return err_set(err, ERR_UNAVAILABLE,
                   "gave up after %d s of waiting for locks, and changed nothing; the tables are in use by "
                   "%s; let these "
                   "end, or end them, and run: webapid --migrate",
                   patience_ms / 1000, holders);
}

/* Each try lets those through that have come to wait behind it. */
static bool apply_patiently(PGconn *pg, const struct migration *migration, int patience_ms, FILE *out,
                            struct err *err)
{
    const struct timespec pause = {.tv_sec = TRY_AGAIN_S};
    const int64_t began_ms = clock_monotonic_ms(&clock_system);
    int64_t say_ms = began_ms;
    struct err why = {0};

    while (!apply_one(pg, migration, &why)) {
        AUTO_RESULT PGresult *holders = NULL;
        const int64_t now_ms = clock_monotonic_ms(&clock_system);

        if (was_held_up(&why))
            holders = ask(pg, NAME_HOLDERS_SQL, &why);
        if (holders == NULL) {
            if (err != NULL)
                *err = why;
            return false;
        }
        if (now_ms - began_ms >= patience_ms)
            return gave_up(PQgetvalue(holders, 0, 0), patience_ms, err);
        if (now_ms >= say_ms) {
            fprintf(out, "%04d_%s waits for a lock, and lets others go first; the tables are in use by %s\n",
                    migration->version, migration->name, PQgetvalue(holders, 0, 0));
            fflush(out);
            say_ms = now_ms + SAY_AGAIN_MS;
        }
        nanosleep(&pause, NULL);
    }
    return true;
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

static bool apply_all(PGconn *pg, int patience_ms, FILE *out, struct err *err)
{
    struct migrate_schema schema = {0};

    if (!read_schema(pg, &schema, err))
        return false;
    if (schema.version > newest_version() && migrate_judge(&schema, newest_version(), err) != MIGRATE_CURRENT)
        return false;
    for (size_t i = 0; i < migration_count; i++) {
        if (migrations[i].version <= schema.version)
            continue;
        if (!apply_patiently(pg, &migrations[i], patience_ms, out, err)) {
            err_wrap(err, "migration %04d_%s", migrations[i].version, migrations[i].name);
            return false;
        }
        fprintf(out, "applied %04d_%s\n", migrations[i].version, migrations[i].name);
    }
    say_state(&schema, out);
    return true;
}

/* A row with a character that the database's encoding lacks is refused, each time that it is written. */
static bool has_all_characters(PGconn *pg, struct err *err)
{
    AUTO_RESULT PGresult *encoding = ask(pg, "SHOW server_encoding", err);

    if (encoding == NULL)
        return false;
    if (strcmp(PQgetvalue(encoding, 0, 0), "UTF8") == 0)
        return true;
    return err_set(
        err, ERR_INVALID,
        "the database's encoding is %s, and it has to be UTF8, which holds all that jobs and AWS's "
        "answers may have; no database can be changed to that, so make another one: "
        "createdb --encoding=UTF8 --template=template0 --locale=C.UTF-8 NAME",
        PQgetvalue(encoding, 0, 0));
}

bool migrate_apply(const char *url, int patience_ms, FILE *out, struct err *err)
{
    AUTO_PG PGconn *pg = NULL;
    AUTO_FREE char *lock = mem_printf("SELECT pg_advisory_lock(%d, %d)", LOCK_CLASS, LOCK_ID);

    if (!db_check_url(url, err)) /* a wrong URL is told from a server that is away */
        return false;
    pg = connect_to(url, err);
    if (pg == NULL || !has_all_characters(pg, err))
        return false;
    /* The lock goes with the session. A migration may take long, and so may another one that this waits for:
     * neither must be cut short by the database's defaults. */
    return run(pg,
               "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0",
               err) &&
           run(pg, lock, err) && apply_all(pg, patience_ms, out, err);
}

bool migrate_check(const char *url, enum migrate_state *ret, struct err *err)
{
    AUTO_PG PGconn *pg = NULL;
    struct migrate_schema schema = {0};

    *ret = MIGRATE_UNREACHABLE;
    if (!db_check_url(url, err)) /* a wrong URL is told from a server that is away */
        return false;
    pg = connect_to(url, err);
    if (pg == NULL)
        return false;
    if (!read_schema(pg, &schema, err)) {
        if (PQstatus(pg) == CONNECTION_OK)
            *ret = MIGRATE_UNREADABLE;
        return false;
    }
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

/* An error that has not ended the connection is the server's answer, and nobody else tells it. */
static void check_failed(struct check *check, const struct err *err)
{
    check_done(check, db_is_up(check->db) ? MIGRATE_UNREADABLE : MIGRATE_UNREACHABLE, err);
}

static void on_version(void *arg, const struct db_result *result, const struct err *err)
{
    struct migrate_schema schema;
    struct err why = {0};
    enum migrate_state state;

    if (err != NULL) {
        check_failed(arg, err);
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
        check_failed(check, err);
    } else if (db_is_null(result, 0, 1)) {
        set_no_schema(&why);
        check_done(check, MIGRATE_UNREADABLE, &why);
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

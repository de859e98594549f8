/* migrate: from nothing, twice, many at once, and everything that must be refused in clear words. */
#include "migrate.h"

#include "pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"

static char *url_of(const char *database, const char *user)
{
    return mem_printf("postgresql:///%s?host=%s&user=%s", database, getenv("PGHOST"), user);
}

/* One statement as the superuser in a database. */
static void run_in(const char *database, const char *sql)
{
    AUTO_FREE char *url = url_of(database, "postgres");
    struct db_options options = {.url = url};
    struct pg *pg = pg_open(&options);

    pg_value(pg, sql);
    pg_close(pg);
}

static char *value_in(const char *database, const char *sql)
{
    AUTO_FREE char *url = url_of(database, "postgres");
    struct db_options options = {.url = url};
    struct pg *pg = pg_open(&options);
    char *value = mem_strdup(pg_value(pg, sql));

    pg_close(pg);
    return value;
}

/* What migrate_apply() prints, or its error behind "error: ". */
static char *apply(const char *url)
{
    struct err err = {0};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    bool good = migrate_apply(url, MIGRATE_PATIENCE_MS, out, &err);

    fclose(out);
    if (good)
        return text;
    free(text);
    return mem_printf("error: %s: %s", err_kind_name(err.kind), err.text);
}

static void expect_words(const char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, text);
}

static void expect_state(const char *url, enum migrate_state state, const char *words)
{
    struct err err = {0};
    enum migrate_state got;
    bool good = migrate_check(url, &got, &err);

    assert_int_equal(got, state);
    assert_int_equal(good, state == MIGRATE_CURRENT);
    expect_words(err.text, words);
}

struct check {
    int times;
    enum migrate_state state;
    struct err err;
};

static void on_check(void *arg, enum migrate_state state, const struct err *err)
{
    struct check *check = arg;

    check->times++;
    check->state = state;
    check->err = err == NULL ? (struct err){0} : *err;
}

static void expect_state_on_loop(const char *url, enum migrate_state state, const char *words)
{
    struct db_options options = {.url = url};
    struct pg *pg = pg_open(&options);
    struct check check = {0};

    migrate_check_db(pg->db, on_check, &check);
    pg_wait(pg, &check.times, 1);
    assert_int_equal(check.state, state);
    assert_int_equal(check.err.kind == ERR_NONE, state == MIGRATE_CURRENT);
    expect_words(check.err.text, words);
    pg_close(pg);
}

/* First of all, while the roles, which belong to the whole server, are not there. */
static void who_may_not_create_roles_is_told_what_to_run(void **state)
{
    AUTO_FREE char *url = url_of("m_roles", "m_owner"), *text = NULL, *tables = NULL;

    (void)state;
    run_in("postgres", "CREATE ROLE m_owner LOGIN");
    run_in("postgres", "CREATE DATABASE m_roles OWNER m_owner");
    text = apply(url);
    expect_words(text, "error: denied: migration 0001_init: ");
    expect_words(text,
                 "the role ecs_scheduler_webapid does not exist and the user m_owner may not create roles");
    expect_words(text,
                 "CREATE ROLE ecs_scheduler_webapid NOLOGIN; CREATE ROLE ecs_scheduler_scheduld NOLOGIN;");
    tables = value_in("m_roles", "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace");
    assert_string_equal(tables, "0");
    expect_state(url, MIGRATE_EMPTY, "no schema yet; run: webapid --migrate");
}

static void an_empty_database_gets_its_schema_once(void **state)
{
    AUTO_FREE char *url = url_of("m_fresh", "postgres"), *first = NULL, *second = NULL, *rows = NULL;

    (void)state;
    run_in("postgres", "CREATE DATABASE m_fresh");
    expect_state(url, MIGRATE_EMPTY, "no schema yet; run: webapid --migrate");
    expect_state_on_loop(url, MIGRATE_EMPTY, "no schema yet; run: webapid --migrate");
    first = apply(url);
    expect_words(first, "applied 0001_init\n");
    expect_words(first, "the schema is now at version ");
    second = apply(url);
    expect_words(second, "the schema is up to date: version ");
    assert_null(strstr(second, "applied"));
    expect_state(url, MIGRATE_CURRENT, "");
    expect_state_on_loop(url, MIGRATE_CURRENT, "");
    rows =
        value_in("m_fresh", "SELECT count(*) || ' ' || min(name) FROM schema_migrations WHERE version = 1");
    assert_string_equal(rows, "1 init");
}

static void a_newer_schema_is_refused(void **state)
{
    AUTO_FREE char *url = url_of("m_newer", "postgres"), *text = NULL;

    (void)state;
    run_in("postgres", "CREATE DATABASE m_newer TEMPLATE m_fresh");
    run_in("m_newer",
           "INSERT INTO schema_migrations (version, name, works_with) VALUES (9999, 'future', 9998)");
    text = apply(url);
    expect_words(text,
                 "error: invalid: the database has schema version 9999, which works with programs that know "
                 "version 9998, and this one knows only up to");
    expect_state(url, MIGRATE_NEWER, "too old for this database");
    expect_state_on_loop(url, MIGRATE_NEWER, "too old for this database");
}

static void a_newer_schema_that_works_with_this_program_is_taken(void **state)
{
    AUTO_FREE char *url = url_of("m_works", "postgres"), *text = NULL, *rows = NULL;

    (void)state;
    run_in("postgres", "CREATE DATABASE m_works TEMPLATE m_fresh");
    run_in("m_works", "INSERT INTO schema_migrations (version, name, works_with)"
                      " SELECT max(version) + 1, 'future', max(version) FROM schema_migrations");
    expect_state(url, MIGRATE_CURRENT, "");
    expect_state_on_loop(url, MIGRATE_CURRENT, "");
    text = apply(url);
    expect_words(text, "which works with this program; it knows up to ");
    /* One more, and it counts what the strictest of them all says. */
    run_in("m_works", "INSERT INTO schema_migrations (version, name, works_with)"
                      " SELECT max(version) + 1, 'further', max(version) FROM schema_migrations");
    expect_state(url, MIGRATE_NEWER, "too old for this database");
    rows = value_in("m_works", "SELECT count(*) FROM schema_migrations WHERE works_with > version");
    assert_string_equal(rows, "0");
}

struct judge_case {
    const char *name;
    int version, works_with, newest;
    enum migrate_state state;
    const char *words;
};

static struct judge_case judged[] = {
    {"no schema", 0, 0, 3, MIGRATE_EMPTY, "no schema yet"},
    {"an older one", 2, 1, 3, MIGRATE_OLDER,
     "schema version 2 and this program needs 3; run: webapid --migrate"},
    {"the same", 3, 3, 3, MIGRATE_CURRENT, ""},
    {"a newer one", 4, 4, 3, MIGRATE_NEWER,
     "schema version 4, which works with programs that know version 4"},
    {"a newer one that works with us", 4, 3, 3, MIGRATE_CURRENT, ""},
    {"a much newer one that works with older ones still", 9, 1, 3, MIGRATE_CURRENT, ""},
    {"a newer one that works with others only", 9, 4, 3, MIGRATE_NEWER, "this one knows only up to 3"},
};

static void check_judge(void **state)
{
    const struct judge_case *c = *state;
    const struct migrate_schema schema = {c->version, c->works_with};
    struct err err = {0};

    assert_int_equal(migrate_judge(&schema, c->newest, &err), c->state);
    expect_words(err.text, c->words);
}

static void many_at_once_do_it_once(void **state)
{
    enum { MANY = 6 };
    AUTO_FREE char *url = url_of("m_many", "postgres");
    int applied = 0;
    pid_t pids[MANY];

    (void)state;
    run_in("postgres", "CREATE DATABASE m_many");
    fflush(NULL);
    for (int i = 0; i < MANY; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            char *text = apply(url);

            _exit(strncmp(text, "error", 5) == 0 ? 2 : strstr(text, "applied") != NULL);
        }
    }
    for (int i = 0; i < MANY; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        applied += WEXITSTATUS(status);
    }
    assert_int_equal(applied, 1);
}

static void an_owner_without_privileges_is_enough_when_the_roles_are_there(void **state)
{
    AUTO_FREE char *url = url_of("m_roles", "m_owner"), *text = NULL, *value = NULL;

    (void)state;
    text = apply(url);
    expect_words(text, "applied 0001_init\n");
    value = value_in("m_roles", "SELECT tableowner FROM pg_tables WHERE tablename = 'jobs'");
    assert_string_equal(value, "m_owner");
}

static void who_may_not_create_tables_is_told(void **state)
{
    AUTO_FREE char *url = url_of("m_other", "m_owner"), *text = NULL;

    (void)state;
    run_in("postgres", "CREATE DATABASE m_other");
    text = apply(url);
    expect_words(text, "error: denied: migration 0001_init: ");
    expect_words(text, "permission denied for schema public");
}

static void a_search_path_to_nowhere_is_told(void **state)
{
    AUTO_FREE char *url = url_of("m_nowhere", "postgres"), *text = NULL;

    (void)state;
    run_in("postgres", "CREATE DATABASE m_nowhere");
    run_in("postgres", "ALTER DATABASE m_nowhere SET search_path = nowhere");
    text = apply(url);
    expect_words(text, "search_path names no schema that exists");
    expect_state(url, MIGRATE_UNREADABLE, "search_path names no schema that exists");
    expect_state_on_loop(url, MIGRATE_UNREADABLE, "search_path names no schema that exists");
}

/* Neither that the database cannot be reached, nor that it has no schema. */
static void who_may_not_read_the_schema_is_told(void **state)
{
    AUTO_FREE char *url = url_of("m_denied", "m_stranger");
    const char *denied = "permission denied for table schema_migrations (SQLSTATE 42501)";

    (void)state;
    run_in("postgres", "CREATE ROLE m_stranger LOGIN");
    run_in("postgres", "CREATE DATABASE m_denied TEMPLATE m_fresh");
    expect_state(url, MIGRATE_UNREADABLE, denied);
    expect_state_on_loop(url, MIGRATE_UNREADABLE, denied);
    run_in("m_denied", "REVOKE ALL ON SCHEMA public FROM PUBLIC");
    expect_state(url, MIGRATE_UNREADABLE, "or none that he may use");
    expect_state_on_loop(url, MIGRATE_UNREADABLE, "or none that he may use");
    run_in("postgres", "GRANT ecs_scheduler_webapid TO m_stranger");
    expect_state(url, MIGRATE_CURRENT, "");
    expect_state_on_loop(url, MIGRATE_CURRENT, "");
}

/* The tables go where search_path says, and work from wherever else somebody changes them by hand. */
static void a_schema_of_its_own_works_from_any_search_path(void **state)
{
    AUTO_FREE char *url = url_of("m_path", "postgres"), *text = NULL, *value = NULL;

    (void)state;
    run_in("postgres", "CREATE DATABASE m_path");
    run_in("m_path", "CREATE SCHEMA \"Our Own\"");
    run_in("postgres", "ALTER DATABASE m_path SET search_path = \"Our Own\"");
    text = apply(url);
    expect_words(text, "applied 0001_init\n");
    run_in("postgres", "ALTER DATABASE m_path SET search_path = ''");
    run_in("m_path", "INSERT INTO \"Our Own\".jobs (id, task_definition, schedule, trigger, overrides) VALUES"
                     " ('a', 'a', '0', '{\"type\": \"noop\"}', '[{\"containerName\": \"c\"}]'), ('b', 'b', "
                     "'0', NULL, NULL)");
    run_in("m_path", "UPDATE \"Our Own\".jobs SET schedule = '1' WHERE id = 'a'");
    run_in("m_path", "DELETE FROM \"Our Own\".jobs WHERE id = 'a'");
    value = value_in("m_path", "SELECT (SELECT count(*) FROM \"Our Own\".job_tombstones) || ' ' ||"
                               " (SELECT string_agg(id, ',') FROM \"Our Own\".job_status)");
    assert_string_equal(value, "1 b");
}

static void a_server_that_is_away_is_told_from_a_schema_that_is_wrong(void **state)
{
    AUTO_FREE char *text = NULL;

    (void)state;
    expect_state("postgresql:///x?host=/nonexistent&password=hush", MIGRATE_UNREACHABLE,
                 "the database is not reachable: connection to server on socket "
                 "\"/nonexistent/.s.PGSQL.5432\" failed");
    text = apply("postgresql:///x?host=/nonexistent&password=hush");
    expect_words(text, "error: unavailable: the database is not reachable");
    assert_null(strstr(text, "hush"));
    free(text);
    text = apply("postgresql://u:hush%zz@h/x");
    expect_words(text, "error: invalid: the database URL is neither a PostgreSQL URI nor a conninfo string");
    assert_null(strstr(text, "hush"));
}

/* Only UTF8 has all that jobs and AWS's answers may have; SQL_ASCII would take it, and know no characters. */
static void an_encoding_without_all_characters_is_refused(void **state)
{
    static const char *const encodings[] = {"LATIN1", "SQL_ASCII"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        AUTO_FREE char *name = mem_printf("m_%s", encodings[i]), *url = url_of(name, "postgres");
        AUTO_FREE char *sql = mem_printf("CREATE DATABASE \"%s\" TEMPLATE template0 ENCODING %s LOCALE 'C'",
                                         name, encodings[i]);
        AUTO_FREE char *words = mem_printf("error: invalid: the database's encoding is %s, ", encodings[i]);
        AUTO_FREE char *text = NULL, *tables = NULL;

        run_in("postgres", sql);
        text = apply(url);
        expect_words(text, words);
        expect_words(text, "createdb --encoding=UTF8 --template=template0");
        tables = value_in(name, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace");
        assert_string_equal(tables, "0");
    }
}

int main(void)
{
    struct CMUnitTest tests[11 + ARRAY_LEN(judged)] = {
        cmocka_unit_test(who_may_not_create_roles_is_told_what_to_run),
        cmocka_unit_test(an_empty_database_gets_its_schema_once),
        cmocka_unit_test(a_newer_schema_is_refused),
        cmocka_unit_test(a_newer_schema_that_works_with_this_program_is_taken),
        cmocka_unit_test(many_at_once_do_it_once),
        cmocka_unit_test(an_owner_without_privileges_is_enough_when_the_roles_are_there),
        cmocka_unit_test(who_may_not_create_tables_is_told),
        cmocka_unit_test(a_search_path_to_nowhere_is_told),
        cmocka_unit_test(who_may_not_read_the_schema_is_told),
        cmocka_unit_test(a_schema_of_its_own_works_from_any_search_path),
        cmocka_unit_test(an_encoding_without_all_characters_is_refused),
        cmocka_unit_test(a_server_that_is_away_is_told_from_a_schema_that_is_wrong),
    };

    for (size_t i = 0; i < ARRAY_LEN(judged); i++)
        tests[11 + i] = (struct CMUnitTest){judged[i].name, check_judge, NULL, NULL, &judged[i]};
    return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}

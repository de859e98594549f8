/* See pg.h. */
#include "pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "mem.h"
#include "migrate.h"

const char *pg_url(void)
{
    const char *url = getenv("ECSS_DATABASE_URL");

    if (url == NULL)
        fail_msg("%s", "run me by ctest, or by tests/pg/with_pg.py -- PROGRAM");
    return url;
}

char *pg_url_with(const char *parameters)
{
    return mem_printf("%s&%s", pg_url(), parameters);
}

void pg_control(const char *word)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answer[1000] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", getenv("ECSS_TEST_PG_CONTROL"));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, word, strlen(word)), strlen(word));
    assert_true(read(fd, answer, sizeof answer - 1) > 0);
    close(fd);
    assert_string_equal(answer, "ok");
}

static void on_up(void *arg)
{
    struct pg *pg = arg;

    pg->ups++;
    if (pg->on_up != NULL)
        pg->on_up(pg->arg);
}

static void on_down(void *arg, const struct err *err)
{
    struct pg *pg = arg;

    pg->downs++;
    snprintf(pg->down_text, sizeof pg->down_text, "%s", err->text);
}

struct pg *pg_begin(const struct db_options *options)
{
    struct pg *pg = mem_alloc(sizeof *pg);
    struct db_options all = options == NULL ? (struct db_options){0} : *options;
    struct err err = {0};

    pg->base = event_base_new();
    all.url = all.url == NULL ? pg_url() : all.url;
    all.application_name = all.application_name == NULL ? "test" : all.application_name;
    all.deadline_ms = all.deadline_ms == 0 ? PG_DEADLINE_MS : all.deadline_ms;
    all.on_up = on_up;
    all.on_down = on_down;
    all.arg = pg;
    pg->db = db_new(pg->base, &all, &err);
    if (pg->db == NULL)
        fail_msg("db_new: %s", err.text);
    return pg;
}

struct pg *pg_open(const struct db_options *options)
{
    struct pg *pg = pg_begin(options);

    pg_wait(pg, &pg->ups, 1);
    return pg;
}

void pg_close(struct pg *pg)
{
    db_free(pg->db);
    event_base_free(pg->base);
    free(pg);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    *(bool *)arg = true;
}

static void turn(struct pg *pg, const int *counter, int least, int ms, bool *late)
{
    struct event *timer = evtimer_new(pg->base, on_timer, late);
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};

    event_add(timer, &tv);
    while (!*late && (counter == NULL || *counter < least))
        event_base_loop(pg->base, EVLOOP_ONCE);
    event_free(timer);
}

void pg_wait_(struct pg *pg, const int *counter, int least, const char *file, int line)
{
    bool late = false;

    turn(pg, counter, least, PG_DEADLINE_MS, &late);
    if (*counter < least) {
        print_error("%s:%d: waited %d ms for %d, have %d\n", file, line, PG_DEADLINE_MS, least, *counter);
        _fail(file, line);
    }
}

void pg_turn(struct pg *pg, int ms)
{
    bool late = false;

    turn(pg, NULL, 0, ms, &late);
}

void pg_on_answer(void *arg, const struct db_result *result, const struct err *err)
{
    struct answer *answer = arg;
    int times = answer->times + 1;

    *answer = (struct answer){.times = times};
    if (err != NULL) {
        assert_null(result);
        answer->kind = err->kind;
        answer->locked = db_err_is_lock(err);
        snprintf(answer->text, sizeof answer->text, "%s", err->text);
        return;
    }
    answer->rows = db_rows(result);
    answer->affected = db_affected(result);
    if (answer->rows > 0 && db_columns(result) > 0)
        snprintf(answer->value, sizeof answer->value, "%s",
                 db_is_null(result, 0, 0) ? "NULL" : db_text(result, 0, 0));
}

void pg_ask(struct pg *pg, struct answer *answer, const char *sql, const char *const *params, int count)
{
    static struct db_stmt
        stmts[100000]; /* they must live on; NULL for a name: prepared are only those of other tests */
    static size_t used;

    assert_true(used < ARRAY_LEN(stmts));
    *answer = (struct answer){0};
    stmts[used] = (struct db_stmt){.sql = sql, .params = count};
    db_query(pg->db, &stmts[used++], params, pg_on_answer, answer);
}

struct answer pg_run(struct pg *pg, const char *sql)
{
    struct answer answer;

    pg_ask(pg, &answer, sql, NULL, 0);
    pg_wait(pg, &answer.times, 1);
    return answer;
}

const char *pg_value(struct pg *pg, const char *sql)
{
    static struct answer answer;

    answer = pg_run(pg, sql);
    if (answer.kind != ERR_NONE)
        fail_msg("%s\nin: %s", answer.text, sql);
    return answer.value;
}

void pg_holds_for_all(struct pg *pg, const char *condition, struct db_array *texts, struct db_array *verdicts)
{
    AUTO_FREE char *sql =
        mem_printf("SELECT coalesce((SELECT t::bytea::text FROM unnest($1::text[], $2::boolean[])"
                   " AS x (t, verdict) WHERE NOT (%s) LIMIT 1), 'it holds')",
                   condition);
    const char *params[] = {db_array_end(texts), db_array_end(verdicts)};
    struct answer answer;

    pg_ask(pg, &answer, sql, params, ARRAY_LEN(params));
    pg_wait(pg, &answer.times, 1);
    assert_string_equal(answer.text, "");
    assert_string_equal(answer.value, "it holds");
}

void pg_fail_unless(const struct answer *answer, enum err_kind kind, const char *words, const char *sql)
{
    if (answer->times != 1 || answer->kind != kind || strstr(answer->text, words) == NULL)
        fail_msg("%s: answered %d times, %s: \"%s\"; expected %s: \"%s\"", sql, answer->times,
                 err_kind_name(answer->kind), answer->text, err_kind_name(kind), words);
}

void pg_migrate(void)
{
    struct err err = {0};
    FILE *out = fopen("/dev/null", "we");

    if (!migrate_apply(pg_url(), MIGRATE_PATIENCE_MS, out, &err))
        fail_msg("%s", err.text);
    fclose(out);
}

void pg_filter(void)
{
    if (getenv("TEST_FILTER") != NULL)
        cmocka_set_test_filter(getenv("TEST_FILTER"));
}

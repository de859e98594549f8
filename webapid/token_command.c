/* See token_command.h. */
#include "token_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include <event2/event.h>

#include "attr.h"
#include "daemon.h"
#include "db.h"
#include "log.h"
#include "migrate.h"
#include "token_store.h"

enum { LIST_COLUMNS = 6 };

/* One question to the database, and what came of it. */
struct session {
    struct event_base *base;
    struct db *db;
    const char *name; /* lent: of the token that it is about */
    char expires[64];
    int code;
};

static int fail(const struct err *err)
{
    fprintf(stderr, "webapid: %s\n", err->text);
    if (err->kind == ERR_DENIED)
        fputs("webapid: tokens are made and revoked as the user who ran --migrate\n", stderr);
    switch (err->kind) {
    case ERR_UNAVAILABLE:
        return DAEMON_EXIT_UNAVAILABLE;
    case ERR_CONFLICT:
    case ERR_INVALID:
        return DAEMON_EXIT_CONFIG;
    case ERR_NONE:
    case ERR_NOT_FOUND:
    case ERR_DENIED:
    case ERR_INTERNAL:
        break;
    }
    return DAEMON_EXIT_FAILURE;
}

static int fail_usage(const struct err *err)
{
    fprintf(stderr, "webapid: %s\n", err->text);
    return DAEMON_EXIT_USAGE;
}

static void finish(struct session *session, int code)
{
    session->code = code;
    event_base_loopbreak(session->base);
}

static void on_created(void *arg, const struct db_result *result, const struct err *err)
{
    struct session *session = arg;

    if (err != NULL) {
        finish(session, fail(err));
    } else if (db_bool(result, 0, 0)) {
        snprintf(session->expires, sizeof session->expires, "%s", db_text(result, 0, 1));
        finish(session, DAEMON_EXIT_OK);
    } else {
        if (db_bool(result, 0, 2))
            fprintf(stderr, "webapid: there is a token %s already; revoke it first, or choose another name\n",
                    session->name);
        else
            fprintf(stderr, "webapid: there are %d good tokens already; revoke some first\n", TOKENS_MAX);
        finish(session, DAEMON_EXIT_FAILURE);
    }
}

static void on_revoked(void *arg, const struct db_result *result, const struct err *err)
{
    struct session *session = arg;

    if (err != NULL) {
        finish(session, fail(err));
    } else if (db_rows(result) == 0) {
        fprintf(stderr, "webapid: there is no token %s that is not revoked; see --list-tokens\n",
                session->name);
        finish(session, DAEMON_EXIT_FAILURE);
    } else {
        finish(session, DAEMON_EXIT_OK);
    }
}

static void on_list(void *arg, const struct db_result *result, const struct err *err)
{
    static const char *const titles[LIST_COLUMNS] = {"NAME", "SCOPE", "MADE (UTC)", "BY", "EXPIRES", "STATE"};
    struct session *session = arg;
    int width[LIST_COLUMNS];

    if (err != NULL) {
        finish(session, fail(err));
        return;
    }
    for (int c = 0; c < LIST_COLUMNS; c++) {
        width[c] = (int)strlen(titles[c]);
        for (int r = 0; r < db_rows(result); r++)
            width[c] = (int)db_length(result, r, c) > width[c] ? (int)db_length(result, r, c) : width[c];
    }
    for (int r = -1; r < db_rows(result); r++)
        for (int c = 0; c < LIST_COLUMNS; c++)
            if (c < LIST_COLUMNS - 1)
                printf("%-*s  ", width[c], r < 0 ? titles[c] : db_text(result, r, c));
            else
                puts(r < 0 ? titles[c] : db_text(result, r, c));
    finish(session, DAEMON_EXIT_OK);
}

/* A database that is not there, or whose schema is another one, is told from what may go wrong later. */
static bool open_session(struct session *session, const char *url, struct err *err)
{
    const struct db_options options = {
        .url = url, .application_name = "webapid --token", .wait_while_down = true};
    enum migrate_state state;

    log_init(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    if (!migrate_check(url, &state, err)) {
        if (state != MIGRATE_UNREADABLE) /* whose kind is the database's */
            err->kind = state == MIGRATE_UNREACHABLE ? ERR_UNAVAILABLE : ERR_CONFLICT;
        return false;
    }
    session->base = event_base_new();
    if (session->base == NULL)
        abort(); /* out of memory */
    session->db = db_new(session->base, &options, err);
    return session->db != NULL;
}

static void close_session(struct session *session)
{
    db_free(session->db);
    if (session->base != NULL)
        event_base_free(session->base);
}

static bool read_create(const struct token_create *create, struct token *token, int64_t *lifetime_s,
                        struct err *err)
{
    if (create->scope == NULL)
        return err_set(err, ERR_INVALID, "--create-token also takes --scope read or --scope write");
    snprintf(token->name, sizeof token->name, "%s", create->name);
    return token_name_check(create->name, err) && token_scope_parse(create->scope, &token->scope, err) &&
           (create->lifetime == NULL || token_lifetime_parse(create->lifetime, lifetime_s, err));
}

int token_command_create(const char *database_url, const struct token_create *create)
{
    struct session session = {.name = create->name, .code = DAEMON_EXIT_FAILURE};
    struct token token = {0};
    char text[TOKEN_TEXT_SIZE];
    int64_t lifetime_s = 0;
    struct err err = {0};

    if (!read_create(create, &token, &lifetime_s, &err))
        return fail_usage(&err);
    if (!open_session(&session, database_url, &err)) {
        close_session(&session);
        return fail(&err);
    }
    token_make(text);
    token_hash(text, token.hash);
    token_store_create(session.db, &token, lifetime_s, on_created, &session);
    event_base_dispatch(session.base);
    close_session(&session);
    if (session.code == DAEMON_EXIT_OK) {
        puts(text);
        if (fflush(stdout) != 0)
            session.code = DAEMON_EXIT_FAILURE; /* nobody has seen it: it is to be revoked */
        fprintf(stderr, "token %s, scope %s, expires: %s. It is shown this once and kept nowhere.\n",
                create->name, create->scope, session.expires);
    }
    OPENSSL_cleanse(text, sizeof text);
    return session.code;
}

int token_command_list(const char *database_url)
{
    struct session session = {.code = DAEMON_EXIT_FAILURE};
    struct err err = {0};

    if (!open_session(&session, database_url, &err)) {
        close_session(&session);
        return fail(&err);
    }
    token_store_list(session.db, on_list, &session);
    event_base_dispatch(session.base);
    close_session(&session);
    return fflush(stdout) == 0 ? session.code : DAEMON_EXIT_FAILURE;
}

int token_command_revoke(const char *database_url, const char *name)
{
    struct session session = {.name = name, .code = DAEMON_EXIT_FAILURE};
    struct err err = {0};

    if (!open_session(&session, database_url, &err)) {
        close_session(&session);
        return fail(&err);
    }
    token_store_revoke(session.db, name, on_revoked, &session);
    event_base_dispatch(session.base);
    close_session(&session);
    return session.code;
}

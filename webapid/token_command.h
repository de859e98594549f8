/*
 * webapid --create-token, --list-tokens and --revoke-token: run as the owner of the tables.
 */
#pragma once

struct token_create {
    const char *name;
    const char *scope;    /* NULL: not said, which is an error */
    const char *lifetime; /* token_lifetime_parse(); NULL: for ever */
};

/* Each prints on standard output what was asked for (of a new token nothing but its text), says the rest on
 * standard error, and returns an exit code (daemon.h). */
int token_command_create(const char *database_url, const struct token_create *create);
int token_command_list(const char *database_url);
int token_command_revoke(const char *database_url, const char *name);

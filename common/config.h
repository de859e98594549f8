/*
 * Settings from the environment, by one table per daemon. --help, --check-config, the checks and what the
 * program reads all come from the table, so that they cannot disagree.
 *
 *     static const struct setting table[] = {
 *         {"ECSS_DATABASE_URL", SETTING_SECRET, offsetof(struct settings, database_url), .def = "",
 *          .help = "libpq URI or conninfo"},
 *         {"ECSS_WORKERS", SETTING_INT, offsetof(struct settings, workers), .def = "2", .min = 1, .max = 64,
 *          .help = "worker threads"},
 *         {"ECSS_LOG_FORMAT", SETTING_ENUM, offsetof(struct settings, format), .def = "text",
 *          .names = (const char *const[]){"text", "json", NULL}, .help = "form of log lines"},
 *     };
 *
 * `{NAME}` in a value is replaced by the environment variable NAME, as in
 * "postgresql://app:{DB_PASSWORD}@db/ecss";
 * `{{` and `}}` stand for the braces; not in a value that is JSON (verbatim). An empty variable counts as not
 * set.
 */
#pragma once

#include "attr.h"
#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum setting_type {                 /* the field at `offset` is a: */
                    SETTING_STRING, /* char * (owned; NULL if not set and no default) */
                    SETTING_SECRET, /* char * as above; shown as *** */
                    SETTING_URL,    /* char * as above; a password inside is shown as *** */
                    SETTING_INT,    /* int64_t, decimal, min..max */
                    SETTING_BOOL,   /* bool: 1 true yes on, 0 false no off, any case */
                    SETTING_ENUM,   /* int: index in names, any case */
                    SETTING_LIST,   /* char ** (owned, NULL at the end): split at commas, trimmed, no empty
                                       items */
};

struct setting {
    const char *name; /* of the environment variable */
    enum setting_type type;
    size_t offset;            /* in the daemon's struct of settings */
    const char *def;          /* as it would be written in the environment; NULL: none */
    int64_t min, max;         /* int: its range; list: number of items (max 0: any) */
    const char *const *names; /* enum only; NULL at the end */
    bool required;
    bool verbatim;    /* no `{NAME}`: braces mean nothing to us */
    const char *help; /* what it is, without its default and range, which --help adds */
    /* More rules than a type can say; value is the text after substitution, one item of a list. NULL: none.
     */
    bool (*check)(const char *value, struct err *err);
};

struct config {
    const struct setting *table; /* lent */
    size_t count;
};

/* As getenv(3). */
typedef const char *config_getenv_fn(const char *name, void *arg);
const char *config_getenv(const char *name, void *arg);

enum { CONFIG_VALUE_MAX = 8192 }; /* bytes of a value after substitution */

/* Fills the struct of settings at ret, which must be zeroed before. All mistakes, and not only the first, go
 * to mistakes, a line each; on failure ret holds what could be read, and config_done() is still due. */
bool config_read(const struct config *config, config_getenv_fn *getenv_fn, void *arg, void *ret,
                 struct buf *mistakes);
void config_done(const struct config *config, void *settings);

/* ECSS_ variables in env (environ) that no setting of this table, nor of the other daemon's, has: a line
 * each, as they are most likely misspelt. others: more names that are known, NULL at the end; NULL: none. */
void config_unknown(const struct config *config, const char *const *others, char *const *env,
                    struct buf *ret);

/* For --help: each setting with its help, default and range. */
void config_print_help(const struct config *config, FILE *out);
/* For --check-config: NAME=value in effect, secrets masked. */
void config_print(const struct config *config, const void *settings, FILE *out);

/* A database URL or conninfo without its password, for people. */
void config_mask_url(const char *url, struct buf *ret);

/*
 * What every daemon's main() does in the same way: options, settings, signals, orderly stop, exit codes.
 *
 *     switch (daemon_begin(&spec, argc, argv, &settings, &option, &code)) { ... }
 *     daemon = daemon_new(base, on_stop, NULL, arg);
 *     daemon_ready(daemon, &health);
 *     event_base_dispatch(base);
 *     code = daemon_exit_code(daemon);
 */
#pragma once

#include "config.h"

#include <signal.h>
#include <stdbool.h>

struct event_base;
struct daemon;

/* The codes are sysexits(3)'s where it has one. */
enum daemon_exit {
    DAEMON_EXIT_OK = 0,           /* did what was asked; stopped by SIGTERM or SIGINT in order */
    DAEMON_EXIT_FAILURE = 1,      /* could not go on; the log says why. Starting again may help */
    DAEMON_EXIT_USAGE = 64,       /* an option that does not exist */
    DAEMON_EXIT_UNAVAILABLE = 69, /* --migrate: the database, or a lock in it, is not to be had */
    DAEMON_EXIT_CONFIG = 78, /* settings, or a schema that it cannot know: starting again does not help */
    /* A second SIGTERM or SIGINT ends the process at once, as that signal does (a shell says 128 and its
       number). */
};

/* An option of one daemon alone, as --migrate, or --create-token NAME --scope SCOPE. */
struct daemon_option {
    const char *name; /* "migrate" */
    const char *help;
    const char *arg; /* what its argument is, "NAME"; NULL: it has none */
    int of;          /* only with that option, counted from 1; 0: stands for itself */
};

struct daemon_spec {
    const char *program; /* "webapid" */
    const char *version;
    const char *what; /* one line for --help */
    struct config config;
    const char *const *other_settings;   /* ECSS_ names of the other daemon, NULL at the end */
    const struct daemon_option *options; /* name NULL at the end; NULL: none */
    const char **values; /* as many as options, for their arguments: NULL if not given. NULL: none has any */
    /* More rules than the table has; adds lines to mistakes. Also called when the table has found some, with
     * what could be read, so that all are told at once. NULL: none. */
    void (*check)(const void *settings, struct buf *mistakes);
};

enum daemon_action {
    DAEMON_EXIT,       /* all is said: exit with *exit_code */
    DAEMON_RUN,        /* serve; settings are filled */
    DAEMON_RUN_OPTION, /* one of spec->options was given: *option is its index; settings are filled */
};

/* Reads the command line and the environment. --help, --version and --check-config, and every mistake, are
 * done with here (DAEMON_EXIT). From here on a crash leaves no core. */
enum daemon_action daemon_begin(const struct daemon_spec *spec, int argc, char **argv, void *settings,
                                int *option, int *exit_code);

/* Turns SIGTERM, SIGINT and SIGHUP into events and ignores SIGPIPE. on_stop: the first SIGTERM or SIGINT,
 * stop in order and then end the loop; the second one ends the process at once. on_reload: SIGHUP, NULL:
 * there is nothing to read again. SIGUSR1 and SIGUSR2: one level more, or less, is logged. Call before other
 * threads start, which are to begin with these blocked (daemon_block_signals()). */
struct daemon *daemon_new(struct event_base *base, void (*on_stop)(void *arg), void (*on_reload)(void *arg),
                          void *arg);
void daemon_free(struct daemon *daemon);

/* As a signal would: also for an end that the daemon chooses itself. code is what daemon_exit_code() says. */
void daemon_stop(struct daemon *daemon, int code);
bool daemon_is_stopping(const struct daemon *daemon);
int daemon_exit_code(const struct daemon *daemon);

/* All of these, around the start of a thread; *before is for pthread_sigmask(), afterwards. */
void daemon_block_signals(sigset_t *before);

/* What the supervisor (supervisor.h) is told as long as the daemon runs; called from the loop. */
struct daemon_health {
    bool (*is_well)(void *arg);                 /* nothing hangs; NULL: that the main loop turns is enough */
    void (*status)(void *arg, struct buf *ret); /* one line for people; NULL: none */
};

/* It serves, from now on: the supervisor is told, and the watchdog is fed. arg is daemon_new()'s. */
void daemon_ready(struct daemon *daemon, const struct daemon_health *health);
/* The status has changed; without this it is seen within seconds. Nothing happens before daemon_ready(). */
void daemon_status_changed(struct daemon *daemon);

/*
 * See daemon.h. Signals arrive by libevent's own pipe, as events of the loop; the second one gets its default
 * action, as it must work when the loop does not.
 */
#include "daemon.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "mem.h"
#include "supervisor.h"

enum { MISTAKES_MAX = 65536, OPTION_TEXT_SIZE = 64, OPTION_WIDTH = 16 };

struct daemon {
    struct event *term, *interrupt, *hangup, *more, *less; /* owned */
    void (*on_stop)(void *arg);
    void (*on_reload)(void *arg);
    void *arg;
    struct event_base *base;       /* lent */
    struct supervisor *supervisor; /* owned; NULL: not ready yet */
    bool stopping;
    int exit_code;
};

static void print_option(const struct daemon_option *o, FILE *out)
{
    char text[OPTION_TEXT_SIZE];
    int len = snprintf(text, sizeof text, "%s--%s%s%s", o->of > 0 ? "  " : "", o->name,
                       o->arg == NULL ? "" : " ", o->arg == NULL ? "" : o->arg);

    fprintf(out, "  %-*s %s\n", len > OPTION_WIDTH ? len : OPTION_WIDTH, text, o->help);
}

static void print_help(const struct daemon_spec *spec, FILE *out)
{
    fprintf(out, "Usage: %s [option]\n\n%s\n\nOptions:\n", spec->program, spec->what);
    for (const struct daemon_option *o = spec->options; o != NULL && o->name != NULL; o++)
        print_option(o, out);
    fprintf(
        out,
        "  --check-config   print the settings in effect, or all that is wrong with them; exit with 0 or %d\n"
        "  --help           print this\n"
        "  --version        print the version\n\n"
        "Settings come from the environment. {NAME} in a value is replaced by the environment variable "
        "NAME.\n\n",
        DAEMON_EXIT_CONFIG);
    config_print_help(&spec->config, out);
    fprintf(out,
            "\nExit status: 0 done, or stopped in order; %d failed, the log says why; %d wrong option; %d "
            "the database"
            "\ncannot be reached; %d wrong settings or schema.\n",
            DAEMON_EXIT_FAILURE, DAEMON_EXIT_USAGE, DAEMON_EXIT_UNAVAILABLE, DAEMON_EXIT_CONFIG);
}

static void warn_of_unknown(const struct daemon_spec *spec, FILE *out)
{
    AUTO_BUF struct buf unknown = {0};
    const char *name, *end;

    buf_init(&unknown, MISTAKES_MAX);
    config_unknown(&spec->config, spec->other_settings, environ, &unknown);
    for (name = unknown.data; (end = strchr(name, '\n')) != NULL; name = end + 1)
        fprintf(out, "%s: warning: there is no setting %.*s; see --help\n", spec->program, (int)(end - name),
                name);
}

static bool read_settings(const struct daemon_spec *spec, void *settings)
{
    AUTO_BUF struct buf mistakes = {0};
    const char *line, *end;

    buf_init(&mistakes, MISTAKES_MAX);
    (void)config_read(&spec->config, config_getenv, NULL, settings, &mistakes); /* mistakes.len says it */
    if (spec->check != NULL)
        spec->check(settings, &mistakes);
    for (line = mistakes.data; (end = strchr(line, '\n')) != NULL; line = end + 1)
        fprintf(stderr, "%s: %.*s\n", spec->program, (int)(end - line), line);
    return mistakes.len == 0;
}

static enum daemon_action leave(int *exit_code, int code)
{
    *exit_code = code;
    return DAEMON_EXIT;
}

/* Output that could not be written is a failure, as in `webapid --help >/dev/full`. */
static enum daemon_action leave_printed(int *exit_code)
{
    return leave(exit_code, fflush(stdout) == 0 && !ferror(stdout) ? DAEMON_EXIT_OK : DAEMON_EXIT_FAILURE);
}

/* Whether word is one of the daemon's own options. */
static bool find_option(const struct daemon_spec *spec, const char *word, int *ret)
{
    if (strncmp(word, "--", 2) != 0 || spec->options == NULL)
        return false;
    for (int i = 0; spec->options[i].name != NULL; i++) {
        if (strcmp(spec->options[i].name, word + 2) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool complain(const struct daemon_spec *spec, const char *what, const char *word, const char *rest,
                     const char *other)
{
    fprintf(stderr, "%s: %s%s%s%s; see --help\n", spec->program, what, word, rest, other);
    return false;
}

/* An option of the daemon's own, its argument, and the options that go with it. */
static bool read_options(const struct daemon_spec *spec, int argc, char **argv, int *ret)
{
    int option;

    *ret = -1;
    for (int i = 1; i < argc; i++) {
        const struct daemon_option *o;

        if (!find_option(spec, argv[i], &option))
            return complain(spec, "there is no option ", argv[i], "", "");
        o = &spec->options[option];
        if (*ret < 0 && o->of > 0)
            return complain(spec, "", argv[i], " goes with --", spec->options[o->of - 1].name);
        if (*ret >= 0 && o->of != *ret + 1)
            return complain(spec, "", argv[i], " does not go with ", argv[1]);
        if (o->arg != NULL && i + 1 == argc)
            return complain(spec, "after ", argv[i], " there must be a ", o->arg);
        if (o->arg != NULL)
            spec->values[option] = argv[++i];
        if (*ret < 0)
            *ret = option;
    }
    return true;
}

static bool is_common_option(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "--version") == 0 ||
           strcmp(word, "--check-config") == 0;
}

/* Keys and passwords are in memory: no core of it. A limit of 1 also holds for a program that the kernel
 * pipes cores to, which one of 0 does not; where a hard limit of 0 forbids that we are made undumpable, else
 * not, as our folder in /proc would be root's. */
static void write_no_core(const struct daemon_spec *spec)
{
    const struct rlimit least = {1, 1};

    if (setrlimit(RLIMIT_CORE, &least) != 0 && prctl(PR_SET_DUMPABLE, 0) != 0)
        fprintf(stderr, "%s: warning: a crash may write a core, with keys in it: %s\n", spec->program,
                strerror(errno));
}

enum daemon_action daemon_begin(const struct daemon_spec *spec, int argc, char **argv, void *settings,
                                int *option, int *exit_code)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    bool checking = word != NULL && strcmp(word, "--check-config") == 0;
    enum daemon_action action = DAEMON_RUN;

    write_no_core(spec);
    if (word != NULL && !is_common_option(word)) {
        if (!read_options(spec, argc, argv, option))
            return leave(exit_code, DAEMON_EXIT_USAGE);
        action = DAEMON_RUN_OPTION;
    } else if (argc > 2) {
        fprintf(stderr, "%s: takes one option, not \"%s\" after \"%s\"; see --help\n", spec->program, argv[2],
                argv[1]);
        return leave(exit_code, DAEMON_EXIT_USAGE);
    }
    if (word != NULL && strcmp(word, "--help") == 0) {
        print_help(spec, stdout);
        return leave_printed(exit_code);
    }
    if (word != NULL && strcmp(word, "--version") == 0) {
        printf("%s %s\n", spec->program, spec->version);
        return leave_printed(exit_code);
    }
    warn_of_unknown(spec, stderr);
    if (!read_settings(spec, settings))
        return leave(exit_code, DAEMON_EXIT_CONFIG);
    if (checking) {
        config_print(&spec->config, settings, stdout);
        return leave_printed(exit_code);
    }
    return action;
}

static const char *signal_name(int number)
{
    return number == SIGTERM ? "SIGTERM" : "SIGINT";
}

static void on_stop_signal(evutil_socket_t number, short what UNUSED, void *arg)
{
    struct daemon *daemon = arg;

    log_info("daemon.stopping", "signal=%s", signal_name((int)number));
    daemon_stop(daemon, DAEMON_EXIT_OK);
}

static void on_hangup(evutil_socket_t number UNUSED, short what UNUSED, void *arg)
{
    struct daemon *daemon = arg;

    if (daemon->stopping)
        return;
    supervisor_reloading();
    if (daemon->on_reload != NULL)
        daemon->on_reload(daemon->arg);
    else
        log_info("daemon.nothing_to_reload", "hint=%s", LOGQ("settings are read at the start only"));
    supervisor_ready();
}

/* SIGUSR1 and SIGUSR2, one level a signal. */
static void on_more(evutil_socket_t number UNUSED, short what UNUSED, void *arg UNUSED)
{
    log_shift_level(-1);
}

static void on_less(evutil_socket_t number UNUSED, short what UNUSED, void *arg UNUSED)
{
    log_shift_level(+1);
}

static struct event *signal_event(struct event_base *base, int number, event_callback_fn fn,
                                  struct daemon *daemon)
{
    struct event *event = evsignal_new(base, number, fn, daemon);

    if (event == NULL || event_add(event, NULL) != 0) {
        log_critical("daemon.no_signals", "signal=%d error=%s", number, LOGQ(strerror(errno)));
        abort();
    }
    return event;
}

struct daemon *daemon_new(struct event_base *base, void (*on_stop)(void *arg), void (*on_reload)(void *arg),
                          void *arg)
{
    struct daemon *daemon = mem_alloc(sizeof *daemon);

    *daemon = (struct daemon){.on_stop = on_stop, .on_reload = on_reload, .arg = arg, .base = base};
    signal(SIGPIPE, SIG_IGN);
    daemon->term = signal_event(base, SIGTERM, on_stop_signal, daemon);
    daemon->interrupt = signal_event(base, SIGINT, on_stop_signal, daemon);
    daemon->hangup = signal_event(base, SIGHUP, on_hangup, daemon);
    daemon->more = signal_event(base, SIGUSR1, on_more, daemon);
    daemon->less = signal_event(base, SIGUSR2, on_less, daemon);
    return daemon;
}

void daemon_free(struct daemon *daemon)
{
    if (daemon == NULL)
        return;
    event_free(daemon->term);
    event_free(daemon->interrupt);
    event_free(daemon->hangup);
    event_free(daemon->more);
    event_free(daemon->less);
    supervisor_free(daemon->supervisor);
    free(daemon);
}

void daemon_ready(struct daemon *daemon, const struct daemon_health *health)
{
    const struct supervisor_options options = {
        .base = daemon->base,
        .is_well = health->is_well,
        .status = health->status,
        .arg = daemon->arg,
    };

    daemon->supervisor = supervisor_new(&options);
    supervisor_refresh(daemon->supervisor);
    supervisor_ready();
}

void daemon_status_changed(struct daemon *daemon)
{
    supervisor_refresh(daemon->supervisor);
}

/* From here on the next signal ends the process even if the loop hangs: libevent's handler is replaced by the
 * default action, which needs no loop. The wait status then names the signal, 128 + it in a shell. */
static void arm_abort(struct daemon *daemon)
{
    event_del(daemon->term);
    event_del(daemon->interrupt);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
}

void daemon_stop(struct daemon *daemon, int code)
{
    if (daemon->stopping)
        return;
    daemon->stopping = true;
    daemon->exit_code = code;
    arm_abort(daemon);
    supervisor_stopping();
    daemon->on_stop(daemon->arg);
}

bool daemon_is_stopping(const struct daemon *daemon)
{
    return daemon->stopping;
}

int daemon_exit_code(const struct daemon *daemon)
{
    return daemon->exit_code;
}

void daemon_block_signals(sigset_t *before)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, before);
}

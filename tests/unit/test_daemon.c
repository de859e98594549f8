/* daemon: options, exit codes, and what signals do. Each case with a process of its own is a fork of this
 * one. */
#include "daemon.h"

#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "mem.h"

struct settings {
    int64_t workers;
    char *token;
};

static const struct setting table[] = {
    {"ECSS_WORKERS", SETTING_INT, offsetof(struct settings, workers), .def = "2", .min = 1, .max = 64,
     .help = "threads"},
    {"ECSS_TOKEN", SETTING_SECRET, offsetof(struct settings, token), .help = "the token"},
};

static void no_thirteen(const void *settings, struct buf *mistakes)
{
    if (((const struct settings *)settings)->workers == 13)
        buf_puts(mistakes, "ECSS_WORKERS must not be 13 on a Friday\n");
}

static const char *values[4];

static const struct daemon_spec spec = {
    .program = "testd",
    .version = "1.2.3",
    .what = "Does nothing.",
    .config = {table, ARRAY_LEN(table)},
    .options =
        (const struct daemon_option[]){
            {"mend", "mends", NULL, 0},
            {"end", "ends", NULL, 0},
            {"make", "makes", "NAME", 0},
            {"size", "with --make: how large", "SIZE", 3},
            {NULL, NULL, NULL, 0},
        },
    .values = values,
    .check = no_thirteen,
};

/* What a command line does: the action, the exit code or the option, and words that are printed. */
struct line_case {
    const char *name;
    const char *words[4];
    const char *workers;
    enum daemon_action action;
    int number;
    const char *printed;
};

static struct line_case lines[] = {
    {"no option: serve", {NULL}, "5", DAEMON_RUN, 0, ""},
    {"--help names the settings", {"--help"}, NULL, DAEMON_EXIT, 0, "ECSS_WORKERS"},
    {"--help names the own options", {"--help"}, NULL, DAEMON_EXIT, 0, "--mend"},
    {"--help works with wrong settings", {"--help"}, "x", DAEMON_EXIT, 0, "Usage: testd"},
    {"--version", {"--version"}, "x", DAEMON_EXIT, 0, "testd 1.2.3\n"},
    {"--check-config", {"--check-config"}, "5", DAEMON_EXIT, 0, "ECSS_WORKERS=5\nECSS_TOKEN=***\n"},
    {"--check-config with a mistake",
     {"--check-config"},
     "x",
     DAEMON_EXIT,
     78,
     "testd: ECSS_WORKERS must be"},
    {"serving with a mistake", {NULL}, "x", DAEMON_EXIT, 78, "testd: ECSS_WORKERS must be"},
    {"a rule between settings", {"--check-config"}, "13", DAEMON_EXIT, 78, "on a Friday"},
    {"an own option", {"--end"}, "5", DAEMON_RUN_OPTION, 1, ""},
    {"an option with an argument", {"--make", "x"}, "5", DAEMON_RUN_OPTION, 2, "[x] []"},
    {"and one that goes with it",
     {"--make", "x", "--size", "--end"},
     "5",
     DAEMON_RUN_OPTION,
     2,
     "[x] [--end]"},
    {"without its argument", {"--make"}, NULL, DAEMON_EXIT, 64, "after --make there must be a NAME"},
    {"without the other's",
     {"--make", "x", "--size"},
     NULL,
     DAEMON_EXIT,
     64,
     "after --size there must be a SIZE"},
    {"one that does not go with it",
     {"--make", "x", "--end"},
     NULL,
     DAEMON_EXIT,
     64,
     "--end does not go with --make"},
    {"a word too many", {"--make", "x", "y"}, NULL, DAEMON_EXIT, 64, "there is no option y"},
    {"one that cannot stand alone", {"--size", "x"}, NULL, DAEMON_EXIT, 64, "--size goes with --make"},
    {"--help shows arguments", {"--help"}, NULL, DAEMON_EXIT, 0, "--make NAME"},
    {"an option that is not there", {"--moo"}, NULL, DAEMON_EXIT, 64, "there is no option --moo"},
    {"a word that is no option", {"moo"}, NULL, DAEMON_EXIT, 64, "there is no option moo"},
    {"two options", {"--help", "--version"}, NULL, DAEMON_EXIT, 64, "not \"--version\" after \"--help\""},
    {"a setting that is not there",
     {"--check-config"},
     "5",
     DAEMON_EXIT,
     0,
     "there is no setting ECSS_WORKRES"},
};

/* In the child: what was decided goes to the parent by the exit status. */
static void run_line(const struct line_case *c)
{
    struct settings settings = {0};
    int option = 99, code = 99;
    char program[] = "testd", words[4][32] = {0};
    char *argv[6] = {program};
    int argc = 1;
    enum daemon_action action;

    for (; argc < 5 && c->words[argc - 1] != NULL; argc++) {
        snprintf(words[argc - 1], sizeof words[0], "%s", c->words[argc - 1]);
        argv[argc] = words[argc - 1];
    }
    setenv("ECSS_TOKEN", "hush", 1);
    setenv("ECSS_WORKRES", "1", 1);
    if (c->workers == NULL)
        unsetenv("ECSS_WORKERS");
    else
        setenv("ECSS_WORKERS", c->workers, 1);
    action = daemon_begin(&spec, argc, argv, &settings, &option, &code);
    if (action == DAEMON_RUN_OPTION)
        printf("[%s] [%s]\n", values[2] == NULL ? "" : values[2], values[3] == NULL ? "" : values[3]);
    fflush(stdout);
    _exit(action != c->action           ? 1
          : action == DAEMON_EXIT       ? code != c->number
          : action == DAEMON_RUN_OPTION ? option != c->number || settings.workers != 5
                                        : settings.workers != 5);
}

static void check_line(void **state)
{
    const struct line_case *c = *state;
    char text[8192] = "";
    size_t len = 0;
    ssize_t n;
    int pipes[2], status;
    pid_t pid;

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        dup2(pipes[1], STDERR_FILENO);
        run_line(c);
    }
    close(pipes[1]);
    while ((n = read(pipes[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0 || strstr(text, c->printed) == NULL || strstr(text, "hush") != NULL)
        fail_msg("status %d, printed:\n%s", status, text);
}

/* What signals do to a process whose loop counts its stops and reloads. */
struct life {
    struct event_base *base;
    int stops, reloads;
};

static void on_stop(void *arg)
{
    struct life *life = arg;

    life->stops++;
    event_base_loopbreak(life->base);
}

static void on_stop_stay(void *arg)
{
    ((struct life *)arg)->stops++;
    raise(SIGTERM); /* the second one, before anything is in order */
    _exit(9);
}

static void on_reload(void *arg)
{
    ((struct life *)arg)->reloads++;
    raise(SIGTERM);
}

static int after_fork(int (*run)(void))
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        dup2(null, STDERR_FILENO);
        _exit(run());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int stop_by(int number)
{
    struct life life = {.base = event_base_new()};
    struct daemon *daemon = daemon_new(life.base, on_stop, on_reload, &life);
    int code;

    raise(SIGPIPE); /* ignored */
    raise(number);
    event_base_dispatch(life.base);
    code = daemon_is_stopping(daemon) && life.stops == 1 && life.reloads == (number == SIGHUP)
               ? daemon_exit_code(daemon)
               : 99;
    daemon_free(daemon);
    event_base_free(life.base);
    return code;
}

static int stop_by_term(void)
{
    return stop_by(SIGTERM);
}

static int stop_by_int(void)
{
    return stop_by(SIGINT);
}

static int reload_then_stop(void)
{
    return stop_by(SIGHUP);
}

static int stop_twice(void)
{
    struct life life = {.base = event_base_new()};

    daemon_new(life.base, on_stop_stay, NULL, &life);
    raise(SIGINT);
    event_base_dispatch(life.base);
    return 8;
}

static int stop_by_itself(void)
{
    struct life life = {.base = event_base_new()};
    struct daemon *daemon = daemon_new(life.base, on_stop, NULL, &life);
    int code;

    daemon_stop(daemon, DAEMON_EXIT_FAILURE);
    daemon_stop(daemon, DAEMON_EXIT_OK); /* the first one counts */
    code = life.stops == 1 ? daemon_exit_code(daemon) : 99;
    daemon_free(daemon);
    event_base_free(life.base);
    return code;
}

static void signals_stop_in_order(void **state)
{
    (void)state;
    assert_int_equal(after_fork(stop_by_term), 0);
    assert_int_equal(after_fork(stop_by_int), 0);
}

static void hangup_reloads(void **state)
{
    (void)state;
    assert_int_equal(after_fork(reload_then_stop), 0);
}

static void the_second_signal_ends_at_once(void **state)
{
    int status = after_fork(stop_twice);

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void a_daemon_may_stop_itself(void **state)
{
    (void)state;
    assert_int_equal(WEXITSTATUS(after_fork(stop_by_itself)), DAEMON_EXIT_FAILURE);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(lines) + 4] = {
        cmocka_unit_test(signals_stop_in_order),
        cmocka_unit_test(hangup_reloads),
        cmocka_unit_test(the_second_signal_ends_at_once),
        cmocka_unit_test(a_daemon_may_stop_itself),
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        tests[i + 4] = (struct CMUnitTest){lines[i].name, check_line, NULL, NULL, &lines[i]};
    return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}

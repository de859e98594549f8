/* supervisor: what arrives at systemd's socket, played by this test, and which sockets are taken from it. */
#include "supervisor.h"

#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

enum { FIRST_SOCKET = 3, WATCHDOG_US = 30000 };

struct play {
    char dir[32];
    struct sockaddr_un address;
    int fd;
    struct event_base *base;
    bool well;
    const char *status;
    int asked;
};

static void setup(struct play *play)
{
    *play = (struct play){.dir = "/tmp/ecss-notify-XXXXXX", .address.sun_family = AF_UNIX, .well = true};
    play->base = event_base_new();
    play->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_non_null(mkdtemp(play->dir));
    snprintf(play->address.sun_path, sizeof play->address.sun_path, "%s/notify", play->dir);
    assert_int_equal(bind(play->fd, (const struct sockaddr *)&play->address, sizeof play->address), 0);
    setenv("NOTIFY_SOCKET", play->address.sun_path, 1);
}

static void teardown(struct play *play)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    unlink(play->address.sun_path);
    rmdir(play->dir);
    close(play->fd);
    event_base_free(play->base);
}

/* The next message, "" if there is none. */
static const char *heard(const struct play *play)
{
    static char text[1024];
    ssize_t len = recv(play->fd, text, sizeof text - 1, 0);

    text[len < 0 ? 0 : len] = '\0';
    return text;
}

static bool is_well(void *arg)
{
    struct play *play = arg;

    if (++play->asked == 3)
        event_base_loopbreak(play->base);
    return play->well;
}

static void status(void *arg, struct buf *ret)
{
    buf_puts(ret, ((const struct play *)arg)->status);
}

static void each_state_arrives(void **state)
{
    static const char reloading[] = "RELOADING=1\nMONOTONIC_USEC=";
    struct play play;

    (void)state;
    setup(&play);
    supervisor_ready();
    assert_string_equal(heard(&play), "READY=1");
    supervisor_reloading();
    assert_memory_equal(heard(&play), reloading, sizeof reloading - 1);
    supervisor_stopping();
    assert_string_equal(heard(&play), "STOPPING=1");
    unlink(play.address.sun_path);
    supervisor_ready(); /* nobody listens: no harm */
    teardown(&play);
    supervisor_ready();
}

static void a_status_is_told_when_it_changes(void **state)
{
    struct play play;
    struct supervisor *supervisor;

    (void)state;
    setup(&play);
    supervisor =
        supervisor_new(&(struct supervisor_options){.base = play.base, .status = status, .arg = &play});
    play.status = "stands by";
    supervisor_refresh(supervisor);
    assert_string_equal(heard(&play), "STATUS=stands by");
    supervisor_refresh(supervisor);
    assert_string_equal(heard(&play), "");
    play.status = "leads";
    supervisor_refresh(supervisor);
    assert_string_equal(heard(&play), "STATUS=leads");
    supervisor_free(supervisor);
    teardown(&play);
}

/* What the watchdog hears in three turns. */
static size_t fed(bool well)
{
    struct play play;
    struct supervisor *supervisor;
    size_t count = 0;
    char text[16];

    setup(&play);
    play.well = well;
    snprintf(text, sizeof text, "%d", WATCHDOG_US);
    setenv("WATCHDOG_USEC", text, 1);
    snprintf(text, sizeof text, "%d", (int)getpid());
    setenv("WATCHDOG_PID", text, 1);
    supervisor =
        supervisor_new(&(struct supervisor_options){.base = play.base, .is_well = is_well, .arg = &play});
    event_base_dispatch(play.base);
    while (strcmp(heard(&play), "WATCHDOG=1") == 0)
        count++;
    supervisor_free(supervisor);
    teardown(&play);
    return count;
}

static void the_watchdog_is_fed_while_all_is_well(void **state)
{
    (void)state;
    assert_int_equal(fed(true), 3);
    assert_int_equal(fed(false), 0);
}

static void without_systemd_no_timer_runs(void **state)
{
    struct event_base *base = event_base_new();
    struct supervisor *supervisor =
        supervisor_new(&(struct supervisor_options){.base = base, .status = status});

    (void)state;
    supervisor_refresh(supervisor);
    assert_int_equal(event_base_dispatch(base), 1); /* there is no event */
    supervisor_free(supervisor);
    supervisor_free(NULL);
    supervisor_refresh(NULL);
    event_base_free(base);
}

/* --- sockets: in a child, where number 3 can be put in place --- */

struct sockets_case {
    const char *name;
    int type;
    bool listens;
    const char *count;
    const char *wrong; /* NULL: it is taken */
};

static struct sockets_case sockets[] = {
    {"a listening socket is taken", SOCK_STREAM, true, "1", NULL},
    {"one that does not listen is refused", SOCK_STREAM, false, "1", "no listening stream socket"},
    {"a datagram socket is refused", SOCK_DGRAM, false, "1", "no listening stream socket"},
    {"too many are refused", SOCK_STREAM, true, "17", "16 are the most"},
    {"a number that is none is refused", SOCK_STREAM, true, "x", "cannot be taken"},
};

static int take(const struct sockets_case *c)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int taken[SUPERVISOR_SOCKETS_MAX], fd = socket(AF_INET, c->type, 0);
    size_t count = 99;
    struct err err = {0};
    char pid[16];

    if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof any) != 0 ||
        (c->listens && listen(fd, 1) != 0))
        return 90;
    for (int at = FIRST_SOCKET; at < FIRST_SOCKET + SUPERVISOR_SOCKETS_MAX + 1; at++)
        if (at != fd)
            dup2(fd, at);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", c->count, 1);
    if (!supervisor_sockets(taken, &count, &err))
        return c->wrong != NULL && strstr(err.text, c->wrong) != NULL ? 0 : 91;
    if (c->wrong != NULL || count != 1 || taken[0] != FIRST_SOCKET || getenv("LISTEN_FDS") != NULL)
        return 92;
    if ((fcntl(FIRST_SOCKET, F_GETFL) & O_NONBLOCK) == 0 || (fcntl(FIRST_SOCKET, F_GETFD) & FD_CLOEXEC) == 0)
        return 93;
    return supervisor_sockets(taken, &count, &err) && count == 0 ? 0 : 94;
}

static void check_sockets(void **state)
{
    int status_of_child;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0)
        _exit(take(*state));
    assert_int_equal(waitpid(pid, &status_of_child, 0), pid);
    assert_int_equal(status_of_child, 0);
}

int main(void)
{
    struct CMUnitTest tests[4 + ARRAY_LEN(sockets)] = {
        cmocka_unit_test(each_state_arrives),
        cmocka_unit_test(a_status_is_told_when_it_changes),
        cmocka_unit_test(the_watchdog_is_fed_while_all_is_well),
        cmocka_unit_test(without_systemd_no_timer_runs),
    };

    for (size_t i = 0; i < ARRAY_LEN(sockets); i++)
        tests[i + 4] = (struct CMUnitTest){sockets[i].name, check_sockets, NULL, NULL, &sockets[i]};
    return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}

/* listen: addresses as text, and sockets that nobody else has. */
#include "listen.h"

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct parse_case {
    const char *name, *text;
    const char *host; /* NULL: it is wrong, or a unix socket */
    int port;
    const char *path;
    bool is_public;
};

static struct parse_case cases[] = {
    {"IPv4", "127.0.0.1:8080", "127.0.0.1", 8080, NULL, false},
    {"a loopback address", "127.1.2.3:1", "127.1.2.3", 1, NULL, false},
    {"IPv6's loopback, written out", "[0:0:0:0:0:0:0:1]:1", "0:0:0:0:0:0:0:1", 1, NULL, false},
    {"IPv4's loopback in IPv6", "[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", 1, NULL, true},
    {"localhost in any case", "LocalHost:1", "LocalHost", 1, NULL, false},
    {"a name that begins like one", "127.0.0.1.example.com:1", "127.0.0.1.example.com", 1, NULL, true},
    {"all of IPv4", "0.0.0.0:80", "0.0.0.0", 80, NULL, true},
    {"IPv6", "[::1]:0", "::1", 0, NULL, false},
    {"all of IPv6", "[::]:65535", "::", 65535, NULL, true},
    {"a name", "example.com:80", "example.com", 80, NULL, true},
    {"localhost", "localhost:80", "localhost", 80, NULL, false},
    {"a unix socket", "unix:/run/x:y", NULL, 0, "/run/x:y", false},
    {"nothing", "", NULL, 0, NULL, false},
    {"no port", "127.0.0.1", NULL, 0, NULL, false},
    {"an empty port", "127.0.0.1:", NULL, 0, NULL, false},
    {"a port that is too high", "127.0.0.1:65536", NULL, 0, NULL, false},
    {"a port that is no number", "127.0.0.1:http", NULL, 0, NULL, false},
    {"a port with a sign", "127.0.0.1:+80", NULL, 0, NULL, false},
    {"a port alone", ":8080", NULL, 0, NULL, false},
    {"IPv6 without brackets", "::1:8080", NULL, 0, NULL, false},
    {"IPv6 with half of them", "[::1:8080", NULL, 0, NULL, false},
    {"empty brackets", "[]:80", NULL, 0, NULL, false},
    {"a relative path", "unix:run/x", NULL, 0, NULL, false},
    {"no path", "unix:", NULL, 0, NULL, false},
};

static void check_parse(void **state)
{
    const struct parse_case *c = *state;
    struct listen_address address;
    struct err err = {0};

    if (!listen_parse(c->text, &address, &err)) {
        assert_true(c->host == NULL && c->path == NULL);
        assert_int_equal(err.kind, ERR_INVALID);
        return;
    }
    assert_int_equal(address.is_unix, c->path != NULL);
    assert_string_equal(c->path != NULL ? address.path : address.host, c->path != NULL ? c->path : c->host);
    assert_int_equal(address.port, c->port);
    assert_int_equal(listen_is_public(&address), c->is_public);
}

static void paths_have_a_limit(void **state)
{
    char text[200] = "unix:/";
    struct listen_address address;

    (void)state;
    memset(text + 6, 'a', 110);
    assert_false(listen_parse(text, &address, NULL));
    text[5 + LISTEN_PATH_MAX] = '\0';
    assert_true(listen_parse(text, &address, NULL));
}

static void a_port_is_had_once(void **state)
{
    struct listen_address address, again;
    struct err err = {0};
    int fds[3], more[2];

    (void)state;
    assert_true(listen_parse("127.0.0.1:0", &address, NULL));
    assert_true(listen_open(&address, 3, fds, &err));
    assert_true(address.port > 0);
    again = address;
    assert_false(listen_open(&again, 2, more, &err));
    assert_non_null(strstr(err.text, "another process listens there already"));
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    assert_true(listen_open(&again, 2, more, &err));
    close(more[0]);
    close(more[1]);
}

static void connections_are_spread(void **state)
{
    struct listen_address address;
    struct sockaddr_in name = {.sin_family = AF_INET};
    int fds[2], accepted[2] = {0};

    (void)state;
    assert_true(listen_parse("127.0.0.1:0", &address, NULL));
    assert_true(listen_open(&address, 2, fds, NULL));
    name.sin_port = htons((uint16_t)address.port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 64; i++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

        assert_int_equal(connect(client, (const struct sockaddr *)&name, sizeof name), 0);
        for (int w = 0; w < 2; w++) {
            fd = accept4(fds[w], NULL, NULL, SOCK_CLOEXEC);
            if (fd >= 0) {
                accepted[w]++;
                close(fd);
            }
        }
        close(client);
    }
    assert_int_equal(accepted[0] + accepted[1], 64);
    assert_true(accepted[0] > 0 && accepted[1] > 0); /* by chance not: once in 2^63 */
    close(fds[0]);
    close(fds[1]);
}

static void names_that_are_not_there(void **state)
{
    struct listen_address address;
    struct err err = {0};
    int fd;

    (void)state;
    assert_true(listen_parse("192.0.2.1:0", &address, NULL)); /* TEST-NET: nobody has it */
    assert_false(listen_open(&address, 1, &fd, &err));
    assert_true(err.text[0] != '\0');
}

static void stale_sockets_are_replaced(void **state)
{
    char dir[] = "/tmp/ecss-listen-XXXXXX", text[64];
    struct listen_address address, again;
    struct err err = {0};
    struct stat st;
    int fds[2], more[1];

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(text, sizeof text, "unix:%s/s", dir);
    assert_true(listen_parse(text, &address, NULL));
    assert_true(listen_open(&address, 2, fds, &err));
    again = address;
    assert_false(listen_open(&again, 1, more, &err)); /* somebody answers */
    assert_non_null(strstr(err.text, "another process"));
    close(fds[0]);
    close(fds[1]);
    assert_true(listen_open(&again, 1, more, &err)); /* nobody does */
    listen_forget(&address);                         /* no longer his */
    assert_int_equal(lstat(again.path, &st), 0);
    listen_forget(&again);
    assert_int_not_equal(lstat(again.path, &st), 0);
    close(more[0]);
    rmdir(dir);
}

static void files_are_not_removed(void **state)
{
    char path[] = "/tmp/ecss-listen-XXXXXX", text[64];
    struct listen_address address;
    struct err err = {0};
    int fd = mkstemp(path), unused;

    (void)state;
    snprintf(text, sizeof text, "unix:%s", path);
    assert_true(listen_parse(text, &address, NULL));
    assert_false(listen_open(&address, 1, &unused, &err));
    assert_non_null(strstr(err.text, "no socket"));
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
    unlink(path);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 6] = {
        cmocka_unit_test(paths_have_a_limit),         cmocka_unit_test(a_port_is_had_once),
        cmocka_unit_test(connections_are_spread),     cmocka_unit_test(names_that_are_not_there),
        cmocka_unit_test(stale_sockets_are_replaced), cmocka_unit_test(files_are_not_removed),
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i + 6] = (struct CMUnitTest){cases[i].name, check_parse, NULL, NULL, &cases[i]};
    return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}

/* peers: connections are counted by address, and IPv6 by network. */
#include "peers.h"

#include "test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct peer peer(const char *text)
{
    struct sockaddr_storage address = {0};

    if (strchr(text, ':') != NULL) {
        address.ss_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)(void *)&address)->sin6_addr), 1);
    } else {
        address.ss_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *)(void *)&address)->sin_addr), 1);
    }
    return peer_of(&address);
}

static void each_address_has_its_own_limit(void **state)
{
    struct peers *peers = peers_new(2);
    const struct peer one = peer("192.0.2.1"), other = peer("192.0.2.2");

    (void)state;
    assert_true(peers_enter(peers, &one) && peers_enter(peers, &one));
    assert_int_equal(peers_judge(peers, &one), PEERS_TOO_MANY);
    assert_int_equal(peers_judge(peers, &other), PEERS_WELCOME);
    assert_true(peers_enter(peers, &other));
    assert_false(peers_enter(peers, &one));
    peers_leave(peers, &one);
    peers_leave(peers, &one);
    assert_int_equal(peers_judge(peers, &one), PEERS_WELCOME);
    assert_true(peers_enter(peers, &one));
    for (int i = 0; i < 16; i++)
        peers_enter(peers, &one);
    assert_int_equal(peers_judge(peers, &one), PEERS_FAR_TOO_MANY);
    peers_free(peers);
}

static void ipv6_counts_by_network(void **state)
{
    struct peers *peers = peers_new(1);
    const struct peer one = peer("2001:db8::1"), same = peer("2001:db8::ffff:1"),
                      other = peer("2001:db8:0:1::1");
    const struct peer mapped = peer("::ffff:192.0.2.1"), plain = peer("192.0.2.1");

    (void)state;
    assert_true(peers_enter(peers, &one));
    assert_int_equal(peers_judge(peers, &same), PEERS_TOO_MANY);
    assert_int_equal(peers_judge(peers, &other), PEERS_WELCOME);
    assert_true(peers_enter(peers, &mapped));
    assert_int_equal(peers_judge(peers, &plain), PEERS_TOO_MANY);
    peers_free(peers);
}

static void unix_sockets_do_not_count(void **state)
{
    const struct sockaddr_storage address = {.ss_family = AF_UNIX};
    const struct peer local = peer_of(&address);
    struct peers *peers = peers_new(1);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_true(peers_enter(peers, &local));
    assert_int_equal(peers_judge(peers, &local), PEERS_WELCOME);
    peers_leave(peers, &local);
    peers_free(peers);
}

static void many_come_and_go(void **state)
{
    enum { MANY = 20000 };
    struct peers *peers = peers_new(1);
    char text[32];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        struct peer p;

        snprintf(text, sizeof text, "10.%d.%d.%d", i / 65536, i / 256 % 256, i % 256);
        p = peer(text);
        assert_true(peers_enter(peers, &p));
    }
    for (int i = MANY - 1; i >= 0; i -= 2) {
        struct peer p;

        snprintf(text, sizeof text, "10.%d.%d.%d", i / 65536, i / 256 % 256, i % 256);
        p = peer(text);
        peers_leave(peers, &p);
        assert_int_equal(peers_judge(peers, &p), PEERS_WELCOME);
    }
    peers_free(peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_has_its_own_limit),
        cmocka_unit_test(ipv6_counts_by_network),
        cmocka_unit_test(unix_sockets_do_not_count),
        cmocka_unit_test(many_come_and_go),
    };

    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}

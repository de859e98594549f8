/* leader against a real PostgreSQL: one leads, whatever happens to the others, their sessions and the server.
 */
#include "leader.h"

#include "pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "attr.h"
#include "mem.h"

enum { S_US = 1000000, HAND_OVER_US = 200000, TAKE_OVER_US = 1000000, FDS = 100 };

/* One scheduld, as far as leading goes. */
struct node {
    struct leader *leader;
    struct clock clock;
    int64_t offset_us; /* what a test adds to the time */
    int leads, losses, resigned;
    int64_t lead_at_us, loss_at_us, epoch;
    char installation[64], loss[ERR_TEXT_SIZE];
};

struct stage {
    struct pg *pg; /* who looks on */
    struct node nodes[2];
};

static int64_t real_us(void)
{
    return clock_monotonic_us(&clock_system);
}

static int64_t shifted_us(void *arg)
{
    return real_us() + ((struct node *)arg)->offset_us;
}

static void on_lead(void *arg, int64_t epoch, const char *installation)
{
    struct node *node = arg;

    node->leads++;
    node->lead_at_us = real_us();
    node->epoch = epoch;
    snprintf(node->installation, sizeof node->installation, "%s", installation);
    assert_true(leader_is_leading(node->leader));
    assert_true(leader_may_launch(node->leader));
    assert_int_equal(leader_epoch(node->leader), epoch);
}

static void on_loss(void *arg, const struct err *err)
{
    struct node *node = arg;

    node->losses++;
    node->loss_at_us = real_us();
    snprintf(node->loss, sizeof node->loss, "%s", err->text);
    assert_false(leader_is_leading(node->leader));
    assert_false(leader_may_launch(node->leader));
    assert_int_equal(leader_epoch(node->leader), 0);
}

static void on_resigned(void *arg)
{
    ((struct node *)arg)->resigned++;
}

static void begin_as(struct stage *stage, int i, const char *holder, const char *user)
{
    struct node *node = &stage->nodes[i];
    AUTO_FREE char *url = pg_url_with(user);
    struct leader_options options = {.base = stage->pg->base,
                                     .clock = &node->clock,
                                     .database_url = url,
                                     .holder = holder,
                                     .on_lead = on_lead,
                                     .on_loss = on_loss,
                                     .arg = node};
    struct err err = {0};

    *node = (struct node){.clock = {clock_system.wall_us, shifted_us, node}};
    node->leader = leader_new(&options, &err);
    if (node->leader == NULL)
        fail_msg("leader_new: %s", err.text);
}

static void begin(struct stage *stage, int i, const char *holder)
{
    begin_as(stage, i, holder, "user=test_sched");
}

static void end(struct node *node)
{
    leader_free(node->leader);
    node->leader = NULL;
}

static void wait_for(struct stage *stage, const int *counter, int least)
{
    pg_wait(stage->pg, counter, least);
}

static int migrated(void **state UNUSED)
{
    struct pg *pg;

    pg_migrate();
    pg = pg_open(NULL);
    pg_value(pg, "CREATE ROLE test_sched LOGIN IN ROLE ecs_scheduler_scheduld");
    pg_close(pg);
    return 0;
}

static int opens(void **state)
{
    struct stage *stage = mem_alloc(sizeof *stage);

    stage->pg = pg_open(NULL);
    *state = stage;
    return 0;
}

static int closes(void **state)
{
    struct stage *stage = *state;

    for (size_t i = 0; i < ARRAY_LEN(stage->nodes); i++)
        end(&stage->nodes[i]);
    pg_close(stage->pg);
    free(stage);
    return 0;
}

static int64_t number(struct stage *stage, const char *sql)
{
    return strtoll(pg_value(stage->pg, sql), NULL, 10);
}

/* Node 0 leads, node 1 stands by. */
static struct stage *lead_and_standby(void **state)
{
    struct stage *stage = *state;

    begin(stage, 0, "first:1");
    wait_for(stage, &stage->nodes[0].leads, 1);
    begin(stage, 1, "second:2");
    while (leader_backend_pid(stage->nodes[1].leader) == 0)
        pg_turn(stage->pg, 5);
    return stage;
}

static void cut(struct stage *stage, struct node *node)
{
    AUTO_FREE char *sql = mem_printf("SELECT pg_terminate_backend(%d)", leader_backend_pid(node->leader));

    assert_string_equal(pg_value(stage->pg, sql), "t");
}

static void one_leads_and_says_so(void **state)
{
    struct stage *stage = *state;
    int64_t before = number(stage, "SELECT epoch FROM scheduler");

    lead_and_standby(state);
    pg_turn(stage->pg, LEADER_TRY_MS * 4);
    assert_int_equal(stage->nodes[0].leads, 1);
    assert_int_equal(stage->nodes[1].leads, 0);
    assert_int_equal(stage->nodes[0].epoch, before + 1);
    assert_false(leader_is_leading(stage->nodes[1].leader));
    assert_false(leader_may_launch(stage->nodes[1].leader));
    assert_int_equal(number(stage, "SELECT epoch FROM scheduler"), before + 1);
    assert_string_equal(pg_value(stage->pg, "SELECT holder FROM scheduler"), "first:1");
    assert_string_equal(pg_value(stage->pg, "SELECT since > now() - interval '1 minute' FROM scheduler"),
                        "t");
    assert_string_equal(pg_value(stage->pg, "SELECT installation FROM scheduler"),
                        stage->nodes[0].installation);
    assert_int_equal(number(stage,
                            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1701016435"
                            " AND objid = 'scheduler'::regclass"),
                     leader_backend_pid(stage->nodes[0].leader));
}

static void the_heartbeat_goes_on(void **state)
{
    struct stage *stage = lead_and_standby(state);
    AUTO_FREE char *first = mem_strdup(pg_value(stage->pg, "SELECT heartbeat FROM scheduler"));

    while (strcmp(pg_value(stage->pg, "SELECT heartbeat FROM scheduler"), first) == 0)
        pg_turn(stage->pg, 20);
    assert_int_equal(stage->nodes[0].losses, 0);
    assert_true(leader_may_launch(stage->nodes[0].leader));
}

static void a_lost_session_ends_it_at_once_and_the_other_leads(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *first = &stage->nodes[0], *second = &stage->nodes[1];
    int64_t cut_at_us = real_us();

    cut(stage, first);
    wait_for(stage, &first->losses, 1);
    assert_non_null(strstr(first->loss, "terminating connection"));
    wait_for(stage, &second->leads, 1);
    assert_int_equal(second->epoch, first->epoch + 1);
    assert_true(second->lead_at_us - cut_at_us < 10 * TAKE_OVER_US); /* generous: sanitizers */
    print_message("lost after %d ms, taken over after %d ms\n", (int)((first->loss_at_us - cut_at_us) / 1000),
                  (int)((second->lead_at_us - cut_at_us) / 1000));
    assert_string_equal(pg_value(stage->pg, "SELECT holder FROM scheduler"), "second:2");
    pg_turn(stage->pg, LEADER_TRY_MS * 4); /* the first one is a standby again */
    assert_int_equal(first->leads, 1);
    assert_int_not_equal(leader_backend_pid(first->leader), 0);
    cut(stage, second);
    wait_for(stage, &first->leads, 2);
    assert_int_equal(first->epoch, second->epoch + 1);
}

static void a_standby_that_is_cut_off_comes_back(void **state)
{
    struct stage *stage = lead_and_standby(state);

    cut(stage, &stage->nodes[1]);
    while (leader_backend_pid(stage->nodes[1].leader) != 0)
        pg_turn(stage->pg, 5);
    while (leader_backend_pid(stage->nodes[1].leader) == 0)
        pg_turn(stage->pg, 5);
    assert_int_equal(stage->nodes[1].losses, 0);
    cut(stage, &stage->nodes[0]);
    wait_for(stage, &stage->nodes[1].leads, 1);
}

static void a_resignation_hands_over(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *first = &stage->nodes[0], *second = &stage->nodes[1];
    int64_t began_us, best_us = INT64_MAX;

    for (int round = 0; round < 5; round++) { /* the best of five, as the machine may be busy */
        struct node *from = round % 2 == 0 ? first : second, *to = round % 2 == 0 ? second : first;
        int leads = to->leads;

        began_us = real_us();
        leader_resign(from->leader, on_resigned, from);
        assert_false(leader_may_launch(from->leader)); /* from here on */
        assert_int_equal(from->resigned, 0);
        wait_for(stage, &to->leads, leads + 1);
        best_us = to->lead_at_us - began_us < best_us ? to->lead_at_us - began_us : best_us;
        wait_for(stage, &from->resigned, 1);
        assert_int_equal(from->losses, 0);
        assert_string_equal(pg_value(stage->pg, "SELECT holder FROM scheduler"),
                            to == second ? "second:2" : "first:1");
        end(from);
        begin(stage, from == first ? 0 : 1, from == first ? "first:1" : "second:2");
        while (leader_backend_pid(from->leader) == 0)
            pg_turn(stage->pg, 5);
    }
    print_message("handed over in %d us\n", (int)best_us);
    assert_true(best_us < HAND_OVER_US);
}

static void the_last_one_leaves_nobody(void **state)
{
    struct stage *stage = *state;
    struct node *node = &stage->nodes[0];

    begin(stage, 0, "only:1");
    wait_for(stage, &node->leads, 1);
    leader_resign(node->leader, on_resigned, node);
    wait_for(stage, &node->resigned, 1);
    assert_string_equal(pg_value(stage->pg, "SELECT holder FROM scheduler"), "NULL");
    assert_int_equal(number(stage, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0);
    pg_turn(stage->pg, LEADER_TRY_MS * 2); /* and does not come back */
    assert_int_equal(node->leads, 1);
    assert_int_equal(node->resigned, 1);
}

static void who_does_not_lead_resigns_as_well(void **state)
{
    struct stage *stage = lead_and_standby(state);

    leader_resign(stage->nodes[1].leader, on_resigned, &stage->nodes[1]);
    wait_for(stage, &stage->nodes[1].resigned, 1);
    end(&stage->nodes[1]);
    begin(stage, 1, "down:3");
    leader_resign(stage->nodes[1].leader, on_resigned, &stage->nodes[1]); /* not connected yet */
    wait_for(stage, &stage->nodes[1].resigned, 1);
    assert_true(leader_is_leading(stage->nodes[0].leader));
}

/* Of the connection that was made last. */
static int newest_socket(void)
{
    struct sockaddr_storage peer;
    socklen_t size;
    int fd = FDS;

    do {
        fd--;
        size = sizeof peer;
    } while (fd >= 0 && getpeername(fd, (struct sockaddr *)&peer, &size) != 0);
    assert_true(fd >= 0);
    return fd;
}

/* The end of the session is the first thing that is seen after that. */
static void a_standby_resigns_though_its_session_ends_that_moment(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *standby = &stage->nodes[1];

    assert_int_equal(shutdown(newest_socket(), SHUT_RDWR), 0);
    leader_resign(standby->leader, on_resigned, standby);
    wait_for(stage, &standby->resigned, 1);
    assert_int_equal(leader_backend_pid(standby->leader), 0);
    assert_int_equal(stage->nodes[0].losses, 0);
}

static void freed_with_a_resignation_under_way(void **state)
{
    struct stage *stage = lead_and_standby(state);

    leader_resign(stage->nodes[0].leader, on_resigned, &stage->nodes[0]);
    end(&stage->nodes[0]);
    wait_for(stage, &stage->nodes[1].leads, 1);
    assert_int_equal(stage->nodes[0].resigned, 0);
}

/* A session that waits in pg_advisory_lock() would have a backend_xmin all the time. */
static void a_standby_keeps_no_snapshot(void **state)
{
    struct stage *stage = lead_and_standby(state);
    int held = 0;

    for (int i = 0; i < 20; i++) {
        pg_turn(stage->pg, 20);
        held += strcmp(pg_value(stage->pg, "SELECT count(*) FROM pg_stat_activity"
                                           " WHERE application_name = 'scheduld leader'"
                                           " AND (backend_xmin IS NOT NULL OR wait_event_type = 'Lock')"),
                       "0") != 0;
    }
    assert_true(held <= 2); /* a try that was just at work */
}

static void the_lease_ends_with_the_answers(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *node = &stage->nodes[0];

    assert_true(leader_may_launch(node->leader));
    node->offset_us += 4LL * S_US; /* as after SIGSTOP: nothing was read meanwhile */
    assert_false(leader_may_launch(node->leader));
    assert_true(leader_is_leading(node->leader));
    while (!leader_may_launch(node->leader)) /* until the next heartbeat is answered */
        pg_turn(stage->pg, 20);
    assert_int_equal(node->losses, 0);
}

/* What was sent before the freeze is answered after it: that says nothing about the time in between. */
static void an_answer_from_before_a_freeze_is_no_lease(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *node = &stage->nodes[0];

    while (number(stage, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scheduld leader'"
                         " AND query LIKE 'UPDATE scheduler SET heartbeat%'") == 0)
        pg_turn(stage->pg, 5);
    pg_control("freeze");
    pg_turn(stage->pg, LEADER_HEARTBEAT_MS + LEADER_HEARTBEAT_MS / 5); /* a heartbeat is on the wire */
    node->offset_us += 10LL * S_US;
    pg_control("thaw");
    assert_false(leader_may_launch(node->leader));
    pg_value(stage->pg, "SELECT 1"); /* by then the heartbeat is answered, too */
    pg_turn(stage->pg, 50);
    assert_false(leader_may_launch(node->leader));
    while (!leader_may_launch(node->leader)) /* the one sent after it is good */
        pg_turn(stage->pg, 20);
}

static void a_silent_server_is_a_lost_lead(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *first = &stage->nodes[0], *second = &stage->nodes[1];

    pg_control("freeze");
    wait_for(stage, &first->losses, 1);
    assert_non_null(strstr(first->loss, "has not answered within"));
    assert_int_equal(second->losses, 0);
    pg_control("thaw");
    while (first->leads + second->leads < 2)
        pg_turn(stage->pg, 20);
    assert_false(leader_is_leading(first->leader) && leader_is_leading(second->leader));
}

static void another_epoch_in_the_table_ends_ours(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *node = &stage->nodes[0];
    int64_t epoch = node->epoch;

    pg_value(stage->pg, "UPDATE scheduler SET epoch = epoch + 10"); /* a backup was restored, say */
    wait_for(stage, &node->losses, 1);
    assert_non_null(strstr(node->loss, "the epoch in the table scheduler is not"));
    wait_for(stage, &node->leads, 2); /* it has the lock, after all */
    assert_int_equal(node->epoch, epoch + 11);
    assert_int_equal(stage->nodes[1].leads, 0);
    leader_resign(node->leader, on_resigned, node);
    wait_for(stage, &stage->nodes[1].leads, 1); /* both takings of the lock were given back */
}

/* The time that a leader without the session that it works by may keep the lock. */
static void unable_for_long(struct node *node)
{
    leader_set_able(node->leader, false);
    node->offset_us += (int64_t)LEADER_UNABLE_MAX_MS * 1000;
}

static void who_cannot_work_makes_room_and_does_not_come_back(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *first = &stage->nodes[0], *second = &stage->nodes[1];

    leader_set_able(first->leader, false);
    pg_turn(stage->pg, 2 * LEADER_HEARTBEAT_MS);
    leader_set_able(first->leader, false); /* once more is no longer */
    leader_set_able(first->leader, true);  /* soon enough: it went on leading, with its heartbeat */
    assert_true(leader_may_launch(first->leader));
    assert_int_equal(first->losses, 0);
    unable_for_long(first);
    wait_for(stage, &first->losses, 1);
    assert_non_null(strstr(first->loss, "has been down for 10 s"));
    wait_for(stage, &second->leads, 1);
    assert_int_equal(second->epoch, first->epoch + 1);
    assert_int_not_equal(leader_backend_pid(first->leader), 0);
    cut(stage, second); /* which lets the other one be the first to try, as it could not do better */
    wait_for(stage, &second->leads, 2);
    assert_int_equal(first->leads, 1);
    leader_set_able(first->leader, true);
    cut(stage, second);
    wait_for(stage, &first->leads, 2);
}

static void who_is_alone_leads_again_when_it_can_work(void **state)
{
    struct stage *stage = *state;
    struct node *node = &stage->nodes[0];

    begin(stage, 0, "only:1");
    wait_for(stage, &node->leads, 1);
    unable_for_long(node);
    wait_for(stage, &node->losses, 1);
    while (number(stage, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") != 0)
        pg_turn(stage->pg, 5);
    assert_string_equal(pg_value(stage->pg, "SELECT holder FROM scheduler"), "NULL");
    pg_value(stage->pg, "CREATE TABLE seen AS SELECT clock_timestamp() AS at");
    while (number(stage,
                  "SELECT count(*) FROM pg_stat_activity, seen WHERE application_name = 'scheduld leader'"
                  " AND query_start > at + interval '2 s'") == 0)
        pg_turn(stage->pg, 5); /* the server ends who is idle */
    pg_value(stage->pg, "DROP TABLE seen");
    assert_int_equal(node->leads, 1);
    cut(stage, node); /* nor by a new session */
    while (leader_backend_pid(node->leader) != 0)
        pg_turn(stage->pg, 5);
    while (leader_backend_pid(node->leader) == 0)
        pg_turn(stage->pg, 5);
    pg_turn(stage->pg, 4 * LEADER_TRY_MS);
    assert_int_equal(node->leads, 1);
    leader_set_able(node->leader, true);
    wait_for(stage, &node->leads, 2);
    assert_int_equal(node->losses, 1);
}

/* It has the lock for a second more, and is not to keep it. */
static void who_stepped_down_and_cannot_work_gives_the_lock_back(void **state)
{
    struct stage *stage = lead_and_standby(state);

    leader_step_down(stage->nodes[0].leader);
    leader_set_able(stage->nodes[0].leader, false);
    wait_for(stage, &stage->nodes[1].leads, 1);
    assert_int_equal(stage->nodes[0].leads, 1);
}

static void who_has_made_room_resigns(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *node = &stage->nodes[0];

    unable_for_long(node);
    wait_for(stage, &node->losses, 1);
    leader_resign(node->leader, on_resigned, node); /* while the lock is on its way back */
    wait_for(stage, &node->resigned, 1);
    wait_for(stage, &stage->nodes[1].leads, 1);
}

/* Frozen in the middle of sending a group: its transaction is open, and has the epoch's row locked. */
static void what_a_former_leader_left_open_is_ended(void **state)
{
    struct stage *stage = lead_and_standby(state);
    AUTO_FREE char *url = pg_url_with("user=test_sched");
    struct db_options options = {.url = url};
    struct pg *rest = pg_open(&options);
    struct answer answer;

    pg_ask(rest, &answer,
           "WITH held AS MATERIALIZED (SELECT FROM scheduler FOR SHARE) SELECT pg_sleep(30) FROM held", NULL,
           0);
    while (number(stage, "SELECT count(*) FROM pg_locks WHERE relation = 'scheduler'::regclass"
                         " AND mode = 'RowShareLock'") == 0)
        pg_turn(rest, 5);
    cut(stage, &stage->nodes[0]);
    end(&stage->nodes[0]);
    wait_for(stage, &stage->nodes[1].leads, 1);
    pg_wait(rest, &answer.times, 1);
    assert_non_null(strstr(answer.text, "terminating connection"));
    pg_close(rest);
}

/* As a user who may read the row, and not write it. */
static void who_is_denied_the_lead_keeps_nobody_from_it(void **state)
{
    struct stage *stage = *state;

    pg_value(stage->pg, "CREATE ROLE test_denied LOGIN IN ROLE ecs_scheduler_webapid");
    begin_as(stage, 0, "first:1", "user=test_denied");
    while (number(stage,
                  "SELECT count(*) FROM pg_stat_activity WHERE usename = 'test_denied' AND state = 'idle'"
                  " AND (query LIKE '%unlock%' OR query LIKE '%terminate%')") == 0)
        pg_turn(stage->pg, 5);
    begin(stage, 1, "second:2");
    wait_for(stage, &stage->nodes[1].leads, 1);
    assert_int_equal(stage->nodes[0].leads, 0);
    end(&stage->nodes[0]);
    pg_value(stage->pg, "DROP ROLE test_denied");
}

/* Somebody at psql who locks the row: heartbeats fail, the session answers all the same. */
static void a_row_locked_by_hand_does_not_end_the_lease(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *node = &stage->nodes[0];
    struct answer answer;

    pg_ask(stage->pg, &answer,
           "WITH held AS MATERIALIZED (SELECT FROM scheduler FOR UPDATE) SELECT pg_sleep(4) FROM held", NULL,
           0);
    while (answer.times == 0) {
        pg_turn(stage->pg, 50);
        assert_true(leader_may_launch(node->leader));
    }
    assert_int_equal(answer.kind, ERR_NONE);
    assert_int_equal(node->losses, 0);
}

static void after_a_restart_of_the_server_one_leads(void **state)
{
    struct stage *stage = lead_and_standby(state);
    struct node *nodes = stage->nodes;
    int64_t epoch = nodes[0].epoch;

    pg_control("restart");
    wait_for(stage, &nodes[0].losses, 1);
    assert_int_equal(nodes[1].losses, 0); /* it had nothing to lose */
    while (nodes[0].leads + nodes[1].leads < 2)
        pg_turn(stage->pg, 20);
    wait_for(stage, &stage->pg->ups, 2);
    assert_int_equal(number(stage, "SELECT epoch FROM scheduler"), epoch + 1);
    pg_control("kill");
    while (leader_is_leading(nodes[0].leader) || leader_is_leading(nodes[1].leader))
        pg_turn(stage->pg, 20);
    pg_control("start");
    while (nodes[0].leads + nodes[1].leads < 3)
        pg_turn(stage->pg, 20);
    wait_for(stage, &stage->pg->ups, 3);
    assert_int_equal(number(stage, "SELECT epoch FROM scheduler"), epoch + 2);
    assert_int_not_equal(leader_is_leading(nodes[0].leader), leader_is_leading(nodes[1].leader));
}

static void a_bad_url_is_refused(void **state)
{
    struct stage *stage = *state;
    struct leader_options options = {.base = stage->pg->base, .database_url = "nonsense"};
    struct err err = {0};

    assert_null(leader_new(&options, &err));
    assert_int_equal(err.kind, ERR_INVALID);
}

static int64_t an_hour_ahead_us(void *arg UNUSED)
{
    return clock_wall_us(&clock_system) + INT64_C(3600) * S_US;
}

static void a_leader_knows_how_far_its_clock_is_off(void **state)
{
    struct stage *stage = *state;
    struct node *node = &stage->nodes[0];

    begin(stage, 0, "a");
    assert_int_equal(leader_clock_off_s(node->leader), 0); /* it does not lead */
    wait_for(stage, &node->leads, 1);
    assert_in_range(leader_clock_off_s(node->leader) + 60, 0, 120);
    node->clock.wall_us = an_hour_ahead_us; /* at once */
    assert_in_range(leader_clock_off_s(node->leader), 3600 - 60, 3600 + 60);
    pg_turn(stage->pg, 2 * LEADER_HEARTBEAT_MS);
    assert_in_range(leader_clock_off_s(node->leader), 3600 - 60, 3600 + 60);
    node->clock.wall_us = clock_system.wall_us;
    assert_in_range(leader_clock_off_s(node->leader) + 60, 0, 120);
    end(node);
    assert_int_equal(node->losses, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, opens, closes)
    const struct CMUnitTest tests[] = {
        TEST(a_leader_knows_how_far_its_clock_is_off),
        TEST(one_leads_and_says_so),
        TEST(the_heartbeat_goes_on),
        TEST(a_lost_session_ends_it_at_once_and_the_other_leads),
        TEST(a_standby_that_is_cut_off_comes_back),
        TEST(a_resignation_hands_over),
        TEST(the_last_one_leaves_nobody),
        TEST(who_does_not_lead_resigns_as_well),
        TEST(a_standby_resigns_though_its_session_ends_that_moment),
        TEST(freed_with_a_resignation_under_way),
        TEST(a_standby_keeps_no_snapshot),
        TEST(the_lease_ends_with_the_answers),
        TEST(an_answer_from_before_a_freeze_is_no_lease),
        TEST(a_silent_server_is_a_lost_lead),
        TEST(another_epoch_in_the_table_ends_ours),
        TEST(who_cannot_work_makes_room_and_does_not_come_back),
        TEST(who_is_alone_leads_again_when_it_can_work),
        TEST(who_stepped_down_and_cannot_work_gives_the_lock_back),
        TEST(who_has_made_room_resigns),
        TEST(what_a_former_leader_left_open_is_ended),
        TEST(who_is_denied_the_lead_keeps_nobody_from_it),
        TEST(a_row_locked_by_hand_does_not_end_the_lease),
        TEST(after_a_restart_of_the_server_one_leads),
        TEST(a_bad_url_is_refused),
    };

    pg_filter();
    return cmocka_run_group_tests(tests, migrated, NULL);
}

/* What the runner keeps of a due job: merging what comes while an entry is there. */
#include "test.h"

#include "agenda.h"
#include "attr.h"
#include "fires.h"
#include "job_timing.h"
#include "zone.h"

static struct agenda_due due(int64_t fire_s, int64_t coalesced, int64_t revision, int64_t next_s)
{
    return (struct agenda_due){.job_id = "j",
                               .revision = revision,
                               .fire_s = fire_s,
                               .coalesced = coalesced,
                               .first_s = fire_s - coalesced,
                               .next_s = next_s};
}

static enum fire_change take(struct fire *fire, struct agenda_due what)
{
    return fire_take_due(fire, &what);
}

static void check_span(const struct fire_span *span, int64_t fire_s, int64_t count, int64_t revision,
                       int64_t next_s)
{
    assert_int_equal(span->fire_s, fire_s);
    assert_int_equal(span->count, count);
    assert_int_equal(span->revision, revision);
    assert_int_equal(span->next_s, next_s);
}

static void the_first_begins(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    assert_true(fire_empty(fire));
    assert_int_equal(take(fire, due(100, 2, 7, 110)), FIRE_BEGINS);
    check_span(&fire->main, 100, 3, 7, 110);
    assert_false(fire_empty(fire));
    fire_free(fire);
}

static void what_comes_before_the_plan_waits(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, due(100, 0, 7, 110));
    fire->state = RUN_CHECKING;
    assert_int_equal(take(fire, due(110, 0, 7, 120)), FIRE_WAITS);
    assert_int_equal(take(fire, due(130, 1, 7, 140)), FIRE_WAITS);
    check_span(&fire->later, 130, 3, 7, 140);
    assert_int_equal(take(fire, due(130, 1, 7, 140)), FIRE_WAITS); /* said again */
    check_span(&fire->later, 130, 3, 7, 140);
    assert_true(fire_promote(fire));
    check_span(&fire->main, 130, 3, 7, 140);
    assert_int_equal(fire->state, RUN_DUE);
    assert_false(fire_promote(fire));
    assert_true(fire_empty(fire));
    fire_free(fire);
}

/* Its row was refused: it is as if nothing had been decided, and nothing may move the job past it. */
static void what_was_decided_can_be_forgotten(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, due(100, 1, 7, 110));
    fire->state = RUN_PLANNED;
    fire->to_plan = true;
    fire->written_s = 100;                                              /* it is in a statement */
    assert_int_equal(take(fire, due(100, 1, 8, 112)), FIRE_IS_WRITTEN); /* the job was edited */
    assert_true(fire_has_rows(fire));
    fire_forget_decision(fire);
    fire->state = RUN_DUE;
    assert_false(fire_has_rows(fire));
    check_span(&fire->main, 100, 2, 8, 112);
    assert_int_equal(take(fire, due(112, 0, 8, 124)), FIRE_WAITS);
    check_span(&fire->later, 112, 1, 8, 124);
    assert_int_equal(take(fire, due(112, 13, 9, 125)), FIRE_WAITS); /* all, from the cursor */
    check_span(&fire->main, 112, 14, 9, 125);
    assert_int_equal(fire->later.count, 0);
    fire_free(fire);
}

static void what_comes_during_the_launch_is_skipped(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, due(100, 0, 7, 110));
    take(fire, due(110, 0, 7, 120));
    assert_false(fire_skip_later(fire)); /* nothing is launched yet */
    fire->state = RUN_LAUNCHING;
    assert_true(fire_skip_later(fire));
    assert_int_equal(take(fire, due(120, 0, 7, 130)), FIRE_IS_WRITTEN);
    fire->state = RUN_RETRYING;
    assert_int_equal(take(fire, due(130, 0, 7, 140)), FIRE_IS_WRITTEN);
    check_span(&fire->skip, 130, 3, 7, 140);
    assert_int_equal(fire->skipped_for_s, 100);
    fire->state = RUN_STARTED; /* launched, and about to be on record: who comes now is next */
    assert_int_equal(take(fire, due(140, 0, 7, 150)), FIRE_WAITS);
    assert_true(fire_promote(fire));
    check_span(&fire->main, 140, 1, 7, 150);
    fire_free(fire);
}

static void a_run_that_was_taken_over_skips_nothing(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, due(100, 0, 7, 110));
    fire->state = RUN_LAUNCHING;
    fire->taken_over = true;
    assert_int_equal(take(fire, due(110, 3, 7, 120)), FIRE_WAITS);
    check_span(&fire->later, 110, 4, 7, 120);
    fire_free(fire);
}

static void said_again_with_another_definition(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, due(100, 0, 7, 110));
    take(fire, due(110, 0, 7, 120));
    assert_int_equal(take(fire, due(100, 1, 8, 105)), FIRE_WAITS);
    check_span(&fire->main, 100, 2, 8, 105);
    assert_int_equal(take(fire, due(115, 5, 9, 125)), FIRE_WAITS);
    check_span(&fire->later, 115, 6, 9, 125); /* counted anew, not added */
    assert_int_equal(take(fire, due(125, 0, 10, 135)), FIRE_WAITS);
    check_span(&fire->later, 125, 7, 10, 135); /* added */
    assert_int_equal(take(fire, due(95, 0, 8, 110)), FIRE_WAITS);
    check_span(&fire->main, 100, 2, 8, 105); /* older, and of no newer definition */
    assert_int_equal(take(fire, due(95, 0, 10, 110)), FIRE_WAITS);
    check_span(&fire->main, 95, 1, 10, 110);
    fire_free(fire);
}

/* A job of every second, so that first_s is fire_s - coalesced. */
static struct job_timing every_second, every_minute;

static struct agenda_due since(int64_t first_s, int64_t fire_s, int64_t revision)
{
    struct agenda_due what = due(fire_s, fire_s - first_s, revision, fire_s + 1);

    what.timing = &every_second;
    return what;
}

static void said_again_with_more_before_the_plan_is_one(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, since(100, 101, 7));
    fire->state = RUN_CHECKING;
    take(fire, since(102, 102, 7));
    assert_int_equal(take(fire, since(100, 103, 7)), FIRE_WAITS);
    check_span(&fire->main, 103, 4, 7, 104);
    assert_int_equal(fire->later.count, 0);
    fire_free(fire);
}

static void said_again_with_more_after_the_plan_counts_once(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, since(100, 102, 7));
    fire->state = RUN_PLANNED;
    take(fire, since(103, 103, 7));
    assert_int_equal(take(fire, since(100, 104, 8)), FIRE_WAITS);
    check_span(&fire->later, 104, 2, 8, 105);
    fire->state = RUN_LAUNCHING;
    assert_int_equal(take(fire, since(100, 105, 8)), FIRE_IS_WRITTEN);
    check_span(&fire->skip, 105, 3, 8, 106);
    fire_free(fire);
}

static void what_is_being_written_is_known(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, since(100, 102, 7));
    fire->state = RUN_LAUNCHING;
    fire->written_s = 105; /* 103 to 105 as skipped */
    assert_int_equal(take(fire, since(103, 105, 8)), FIRE_IS_WRITTEN);
    check_span(&fire->rearm, 105, 3, 8, 106);
    assert_int_equal(fire->skip.count, 0);
    assert_int_equal(take(fire, since(103, 107, 8)), FIRE_IS_WRITTEN);
    check_span(&fire->skip, 107, 2, 8, 108);
    fire_forget_main(fire);
    fire->skip = (struct fire_span){0};
    fire->written_s = 107;
    assert_int_equal(take(fire, since(103, 107, 8)), FIRE_IS_WRITTEN);
    assert_int_equal(take(fire, since(103, 109, 8)), FIRE_BEGINS);
    check_span(&fire->main, 109, 2, 8, 110);
    fire_free(fire);
}

static void said_again_when_on_record_moves_the_job_only(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, due(100, 0, 7, 110));
    fire->state = RUN_LAUNCHING;
    assert_int_equal(take(fire, due(100, 0, 7, 110)), FIRE_WAITS);
    assert_int_equal(take(fire, due(100, 0, 8, 105)), FIRE_IS_WRITTEN);
    check_span(&fire->rearm, 100, 1, 8, 105);
    assert_int_equal(take(fire, due(95, 0, 9, 110)), FIRE_WAITS);
    assert_int_equal(fire->main.fire_s, 100);
    fire_free(fire);
}

static void missed_goes_beside(void **state UNUSED)
{
    struct fire *fire = fire_new("j");
    struct agenda_due what = due(100, 0, 7, 110);

    what.missed_first_s = 10;
    what.missed_s = 50;
    what.missed = 5;
    assert_int_equal(take(fire, what), FIRE_BEGINS);
    check_span(&fire->missed, 50, 5, 7, 100); /* the job's next fire is one that is not on record yet */
    what = due(0, 0, 7, 110);
    what.missed_first_s = 60;
    what.missed_s = 70;
    what.missed = 2;
    assert_int_equal(take(fire, what), FIRE_WAITS);
    check_span(&fire->missed, 70, 7, 7, 110);
    what.missed_first_s = 10; /* said again, from the cursor on */
    what.missed_s = 80;
    what.missed = 8;
    assert_int_equal(take(fire, what), FIRE_WAITS);
    check_span(&fire->missed, 80, 8, 7, 110);
    fire_forget_main(fire);
    assert_false(fire_empty(fire));
    fire_free(fire);
}

static struct agenda_due with_missed(struct agenda_due what, int64_t first_s, int64_t last_s)
{
    what.missed_first_s = first_s;
    what.missed_s = last_s;
    what.missed = last_s - first_s + 1;
    return what;
}

/* Fires that are too late by now when the job is read again, of which a run of all seconds knows already. */
static void missed_counts_once(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, since(100, 104, 7));
    fire->state = RUN_PLANNED; /* it stands for them */
    assert_int_equal(take(fire, with_missed(since(102, 104, 8), 100, 101)), FIRE_IS_WRITTEN);
    assert_int_equal(fire->missed.count, 0);
    check_span(&fire->main, 104, 5, 8, 105);
    take(fire, with_missed(since(109, 109, 8), 100, 108));
    check_span(&fire->missed, 108, 4, 8, 109);
    check_span(&fire->later, 109, 1, 8, 110);
    fire_free(fire);
}

static void missed_leaves_what_waits(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, since(100, 104, 7));
    fire->state = RUN_CHECKING;
    assert_int_equal(take(fire, with_missed(since(102, 104, 7), 100, 101)), FIRE_WAITS);
    check_span(&fire->missed, 101, 2, 7, 104);
    check_span(&fire->main, 104, 3, 7, 105);
    fire->main = (struct fire_span){0};
    fire->missed = (struct fire_span){0};

    take(fire, since(100, 104, 7));
    fire->state = RUN_LAUNCHING;
    fire->taken_over = true; /* so it does not keep others from running */
    take(fire, since(105, 109, 7));
    check_span(&fire->later, 109, 5, 7, 110);
    take(fire, with_missed(since(108, 109, 7), 100, 107));
    check_span(&fire->missed, 107, 3, 7, 109);
    check_span(&fire->later, 109, 2, 7, 110);
    take(fire, with_missed(since(112, 112, 7), 100, 111));
    check_span(&fire->missed, 111, 7, 7, 112);
    check_span(&fire->later, 112, 1, 7, 113);
    fire_free(fire);
}

/* The rules of its zone have changed since main came: the fires that it stands for are none any more. */
static void missed_leaves_a_fire_that_is_none_by_new_rules(void **state UNUSED)
{
    struct fire *fire = fire_new("j");
    struct agenda_due what = with_missed(due(180, 0, 7, 240), 120, 120);

    what.timing = &every_minute;
    take(fire, since(118, 130, 7));
    assert_int_equal(take(fire, what), FIRE_WAITS);
    check_span(&fire->main, 130, 1, 7, 131);
    check_span(&fire->missed, 120, 1, 7, 180);
    check_span(&fire->later, 180, 1, 7, 240);
    fire_free(fire);
}

/* Or a row would move the job past what is not on record yet. */
static void missed_waits_for_what_is_not_decided(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, with_missed(since(100, 104, 7), 98, 99));
    fire->state = RUN_CHECKING;
    take(fire, since(105, 107, 7));
    take(fire, with_missed(since(110, 111, 7), 98, 109));
    check_span(&fire->main, 109, 10, 7, 111);
    check_span(&fire->later, 111, 2, 7, 112);
    check_span(&fire->missed, 99, 2, 7, 104);
    fire_free(fire);
}

/* What a tick brings begins behind what it has brought before. */
static void missed_by_a_tick_goes_on(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, since(100, 100, 7));
    take(fire, with_missed(since(109, 110, 7), 101, 108));
    check_span(&fire->main, 108, 9, 7, 110);
    check_span(&fire->later, 110, 2, 7, 111);
    fire->main = fire->later = (struct fire_span){0};

    take(fire, since(100, 100, 7));
    fire->state = RUN_PLANNED;
    take(fire, since(101, 103, 7));
    take(fire, with_missed(since(0, 0, 7), 104, 110));
    check_span(&fire->missed, 110, 10, 7, 1);
    assert_int_equal(fire->later.count, 0);
    fire_free(fire);
}

static void a_decision_that_is_forgotten_takes_in_what_came_behind_it(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, since(100, 104, 7));
    fire->state = RUN_PLANNED;
    take(fire, with_missed(since(109, 110, 7), 105, 108));
    take(fire, since(105, 111, 8)); /* edited; 109 to 111 are not too late by a longer grace */
    check_span(&fire->missed, 108, 4, 7, 110);
    check_span(&fire->later, 111, 3, 8, 112);
    fire_forget_decision(fire);
    check_span(&fire->main, 111, 12, 8, 112);
    assert_int_equal(fire->missed.count + fire->later.count, 0);
    fire_free(fire);
}

static void a_decision_that_is_forgotten_is_of_what_was_told_last(void **state UNUSED)
{
    struct fire *fire = fire_new("j");
    struct agenda_due none = with_missed(since(0, 0, 8), 100, 104);

    none.next_s = 200;
    take(fire, since(100, 104, 7));
    fire->state = RUN_PLANNED;
    assert_int_equal(take(fire, none), FIRE_WAITS); /* the grace was made shorter */
    assert_int_equal(fire->missed.count, 0);
    fire_forget_decision(fire);
    check_span(&fire->main, 104, 5, 8, 200);
    fire_free(fire);
}

/* With older ones that were missed, which were in the same statement. */
static void a_decision_that_is_forgotten_takes_in_all_that_is_missed(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, with_missed(since(100, 104, 7), 95, 99));
    fire->state = RUN_PLANNED;
    take(fire, with_missed(since(109, 109, 7), 105, 108));
    check_span(&fire->missed, 108, 9, 7, 109);
    fire_forget_decision(fire);
    check_span(&fire->main, 108, 14, 7, 109);
    assert_int_equal(fire->missed.count, 0);
    check_span(&fire->later, 109, 1, 7, 110);
    fire_free(fire);
}

/* Likewise if that had no answer at first. */
static void a_decision_that_is_forgotten_takes_in_what_was_lost_with_it(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, since(100, 104, 7));
    fire->state = RUN_PLANNED;
    fire->to_plan = true;
    take(fire, with_missed(since(109, 109, 7), 105, 108));
    fire->lost_missed = fire->missed;
    fire->missed = (struct fire_span){0};
    fire->lost_skip = (struct fire_span){.fire_s = 95, .first_s = 94, .count = 2, .revision = 7};
    fire->lost_ms = 1;
    assert_true(fire_has_lost(fire));
    fire_forget_decision(fire);
    assert_false(fire_has_lost(fire));
    check_span(&fire->main, 108, 9, 7, 109);
    assert_int_equal(fire->missed.count, 0);
    check_span(&fire->skip, 95, 2, 7, 0);
    fire_free(fire);
}

/* A statement has the first of them, and is not answered yet. */
static void skipped_is_said_again(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, since(100, 100, 7));
    fire->state = RUN_RETRYING;
    take(fire, since(101, 110, 7));
    fire->skip = (struct fire_span){0};
    fire->written_s = 110;
    take(fire, since(111, 111, 7));
    assert_int_equal(take(fire, since(101, 111, 8)), FIRE_IS_WRITTEN);
    check_span(&fire->skip, 111, 1, 8, 112);
    take(fire, with_missed(since(106, 111, 9), 101, 105));
    check_span(&fire->skip, 111, 1, 9, 112);
    fire->state = RUN_STARTED;
    assert_int_equal(take(fire, since(101, 111, 9)), FIRE_IS_WRITTEN);
    assert_int_equal(fire->later.count, 0);
    fire_free(fire);
}

static void skipped_counts_once_however_it_is_said(void **state UNUSED)
{
    struct fire *fire = fire_new("j");

    take(fire, since(100, 100, 7));
    fire->state = RUN_RETRYING;
    take(fire, since(101, 110, 7));
    fire->written_s = 110; /* a statement had them, and was refused */
    take(fire, since(111, 111, 7));
    check_span(&fire->skip, 111, 11, 7, 112);
    take(fire, since(101, 111, 8));
    check_span(&fire->skip, 111, 11, 8, 112);
    take(fire, since(101, 113, 9));
    check_span(&fire->skip, 113, 13, 9, 114);
    take(fire, with_missed(since(114, 114, 9), 101, 113));
    assert_int_equal(fire->missed.count, 0);
    check_span(&fire->skip, 114, 14, 9, 115);
    fire_free(fire);
}

static struct zones *zones;

static int begin(void **state UNUSED)
{
    struct err err = {0};

    zones = zones_new(NULL);
    if (!job_timing_compile(&(struct job_timing_texts){.schedule = "*"}, zones, &every_second, &err) ||
        !job_timing_compile(&(struct job_timing_texts){.schedule = "0"}, zones, &every_minute, &err))
        fail_msg("%s", err.text);
    return 0;
}

static int end(void **state UNUSED)
{
    job_timing_done(&every_second);
    job_timing_done(&every_minute);
    zones_free(zones);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_begins),
        cmocka_unit_test(what_comes_before_the_plan_waits),
        cmocka_unit_test(what_was_decided_can_be_forgotten),
        cmocka_unit_test(what_comes_during_the_launch_is_skipped),
        cmocka_unit_test(a_run_that_was_taken_over_skips_nothing),
        cmocka_unit_test(said_again_with_another_definition),
        cmocka_unit_test(said_again_with_more_before_the_plan_is_one),
        cmocka_unit_test(said_again_with_more_after_the_plan_counts_once),
        cmocka_unit_test(what_is_being_written_is_known),
        cmocka_unit_test(said_again_when_on_record_moves_the_job_only),
        cmocka_unit_test(missed_goes_beside),
        cmocka_unit_test(missed_counts_once),
        cmocka_unit_test(missed_leaves_what_waits),
        cmocka_unit_test(missed_leaves_a_fire_that_is_none_by_new_rules),
        cmocka_unit_test(missed_waits_for_what_is_not_decided),
        cmocka_unit_test(missed_by_a_tick_goes_on),
        cmocka_unit_test(a_decision_that_is_forgotten_takes_in_what_came_behind_it),
        cmocka_unit_test(a_decision_that_is_forgotten_is_of_what_was_told_last),
        cmocka_unit_test(a_decision_that_is_forgotten_takes_in_all_that_is_missed),
        cmocka_unit_test(a_decision_that_is_forgotten_takes_in_what_was_lost_with_it),
        cmocka_unit_test(skipped_is_said_again),
        cmocka_unit_test(skipped_counts_once_however_it_is_said),
    };
    return cmocka_run_group_tests_name("fires", tests, begin, end);
}

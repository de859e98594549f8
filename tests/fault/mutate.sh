#!/bin/bash
# Shows that the fault tests notice when a promise is broken: each mutation is built in a copy, and has to make them fail.
#
#     tests/fault/mutate.sh [NAME ...]      all of them, or only these
#
# Prints for each the first thing that was found. Ends with 0 if all were found out.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What each does to the copy in the present folder, and the case that is tried first.
# Writes are not guarded by the epoch any more.
mutate_epoch() {
    sed -i 's/FROM scheduler WHERE epoch = \$1::bigint FOR SHARE/FROM scheduler WHERE $1::bigint > 0 FOR SHARE/' scheduld/run_store.c
}
case_epoch=Steps.test_a_plan_of_a_leader_that_was_replaced_changes_nothing

# RunTask has another client token each time that it is sent.
mutate_token() {
    sed -i 's/^        runner->options.ecs_ops->run_task\|^    runner->options.ecs_ops->run_task/    for (int i = 0; i < RUN_TOKEN_LEN; i++)\n        run->chunks[chunk].token[i] = (char)(97 + arc4random_uniform(26));\n&/' scheduld/runner_launch.c
}
case_token=Steps.test_during_RunTask_when_the_tasks_have_been_started

# RunTask is sent before the plan is on record; then all goes its usual way, with the same token.
mutate_write_first() {
    cat >>scheduld/runner_ledger.c <<'C'

static void on_early(void *arg, const struct ecs_tasks *tasks, const struct aws_error *error)
{
    (void)arg, (void)tasks, (void)error;
}

void runner_launch_early(struct runner *runner, struct fire *fire)
{
    for (size_t i = 0; fire->run != NULL && i < fire->run->chunk_count; i++)
        runner->options.ecs_ops->run_task(runner->options.ecs,
                                          &(struct ecs_run_task){.plan = fire->run->request,
                                                                 .count = fire->run->chunks[i].count,
                                                                 .client_token = fire->run->chunks[i].token},
                                          on_early, NULL);
}
C
    sed -i 's/^#include "db.h"/#include "ecs.h"\n&/' scheduld/runner_ledger.c
    sed -i 's/^void runner_write_records(struct runner \*runner);/&\nvoid runner_launch_early(struct runner *runner, struct fire *fire);/' scheduld/runner_internal.h
    sed -i '/^static void do_plan/,/^}/s/^    fire->to_plan = true;/&\n    runner_launch_early(runner, fire);/' scheduld/runner_turn.c
}
case_write_first=Steps.test_before_the_plan_is_written

failed=0
for name in "${@:-epoch token write_first}"; do
    for name in $name; do
        copy=$work/$name
        mkdir "$copy"
        git -C "$source" ls-files -z --cached --others --exclude-standard | (cd "$source" && xargs -0 tar c --ignore-failed-read) | tar x -C "$copy"
        cd "$copy"
        before=$(cat scheduld/*.[ch] | sha256sum)
        "mutate_$name"
        if [ "$before" = "$(cat scheduld/*.[ch] | sha256sum)" ]; then
            echo "$name: the mutation finds nothing to change"
            failed=1
            continue
        fi
        cmake --preset dev >"$work/log" 2>&1 && cmake --build --preset dev --target scheduld webapid >"$work/log" 2>&1 ||
            { tail -20 "$work/log"; echo "$name: does not build"; failed=1; continue; }
        export ECSS_BUILD_DIR=$copy/build/dev
        which=case_$name
        if /usr/bin/python3 -B tests/fault/test_steps.py "${!which}" >"$work/log" 2>&1; then
            echo "$name: ${!which} did NOT notice"
            failed=1
        else
            echo "$name: ${!which} fails:"
            grep -E '^  *(double|fence|stray|lost|twice|record|short|stuck): |^AssertionError' "$work/log" | head -3 | cut -c1-200
        fi
        if /usr/bin/python3 -B tests/fault/harness.py --seed 7 --seconds "${SECONDS_OF_HARNESS:-60}" --jobs 30 --pause 0.5 >"$work/log" 2>&1; then
            echo "$name: the harness did NOT notice in ${SECONDS_OF_HARNESS:-60} s of seed 7"
            failed=1
        else
            echo "$name: the harness fails:"
            grep -E '^  *(double|fence|stray|lost|twice|record|short|stuck): |^FAILED' "$work/log" | head -4 | cut -c1-200
        fi
    done
done
exit $failed

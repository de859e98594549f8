#!/bin/bash
# Shows that the fault tests notice when a promise is broken: each mutation is built in a copy, and has to make them fail.
#
#     tests/fault/mutate.sh [NAME ...]      all of them, or only these
#
# Prints for each the first things that were found. What fails without a finding, as a program that does not start, has found
# nothing; and what finds something in the copy as it is shows nothing: that is tried first. Ends with 0 if all were found out.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What each does to the copy in the present folder, and the case that is tried first.
# Writes are not guarded by the epoch any more.
mutate_epoch() {
    sed -i 's/FROM scheduler WHERE epoch = \$1::bigint/FROM scheduler WHERE $1::bigint > 0/' scheduld/run_store.c
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
case_write_first=Steps.test_while_the_plan_is_written

finding='^  *(double|fence|stray|lost|twice|record|short|stuck): |^(double|fence|stray|lost|twice|record|short|stuck|wrong): .'

# copy NAME: the present source, in a folder of its own, which is where we are then.
copy() {
    mkdir "$work/$1"
    git -C "$source" ls-files -z --cached --others --exclude-standard | (cd "$source" && xargs -0 tar c --ignore-failed-read) |
        tar x -C "$work/$1"
    cd "$work/$1"
    export ECSS_BUILD_DIR=$work/$1/build/dev
}

build() {
    { cmake --preset dev && cmake --build --preset dev --target scheduld webapid; } >"$work/log" 2>&1 ||
        { tail -20 "$work/log"; echo "$1: does not build"; return 1; }
}

# Half of the faults are the one that only the epoch stands against: else it would take minutes until there are enough of it.
harness() {
    /usr/bin/python3 -B tests/fault/harness.py --seed 7 --seconds "${SECONDS_OF_HARNESS:-60}" --jobs 30 --pause 0.5 \
        --often replace_leader_in_a_write
}

# noticed NAME WHAT COMMAND…: whether the command fails, and with a finding.
noticed() {
    local name=$1 what=$2
    shift 2
    if "$@" >"$work/log" 2>&1; then
        echo "$name: $what did NOT notice"
    elif grep -qE "$finding" "$work/log"; then
        echo "$name: $what finds:"
        grep -E "$finding" "$work/log" | head -3 | cut -c1-200
        return 0
    else
        tail -5 "$work/log"
        echo "$name: $what fails, and has found nothing"
    fi
    return 1
}

# passes WHAT COMMAND…: whether nothing is found in what was not changed.
passes() {
    local what=$1
    shift
    "$@" >"$work/log" 2>&1 || { tail -20 "$work/log"; echo "without a mutation $what fails: that shows nothing"; return 1; }
    echo "without a mutation $what passes"
}

read -ra names <<<"${*:-epoch token write_first}"
cases=()
for name in "${names[@]}"; do
    which=case_$name
    cases+=("${!which}")
done
copy as_it_is
build "as it is"
passes "${cases[*]}" /usr/bin/python3 -B tests/fault/test_steps.py "${cases[@]}"
passes "the harness" harness

failed=0
for name in "${names[@]}"; do
    copy "$name"
    before=$(cat scheduld/*.[ch] | sha256sum)
    "mutate_$name"
    if [ "$before" = "$(cat scheduld/*.[ch] | sha256sum)" ]; then
        echo "$name: the mutation finds nothing to change"
        failed=1
        continue
    fi
    build "$name" || { failed=1; continue; }
    which=case_$name
    noticed "$name" "${!which}" /usr/bin/python3 -B tests/fault/test_steps.py "${!which}" || failed=1
    noticed "$name" "the harness, in ${SECONDS_OF_HARNESS:-60} s of seed 7," harness || failed=1
done
exit $failed

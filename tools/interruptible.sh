# shellcheck shell=sh
# For ./quickstart and ./check: interruptible COMMAND... runs a command such that a signal to this shell ends it, too.
# To be read with ".".

child=

interruptible() {
    "$@" &
    child=$!
    status=0
    wait "$child" || status=$?
    child=
    [ "$status" = 0 ] || exit "$status"
}

# A command in the background of a script ignores SIGINT, so it is told by SIGTERM; then its own end is waited for.
stop() {
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        kill "$child" 2>/dev/null || true
        wait "$child" || true
    fi
    exit "$1"
}

trap 'stop 130' INT
trap 'stop 143' TERM HUP

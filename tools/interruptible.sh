# shellcheck shell=sh
# For ./quickstart and ./check: interruptible COMMAND... runs a command such that a signal to this shell ends it, too.
# To be read with ".".

reaped= # the last command that has ended; $! is another one while one runs, from the moment on that it was started
on_ctrl_c=130 # the exit status after Ctrl-C

interruptible() {
    status=0
    "$@" &
    wait "$!" || status=$?
    reaped=$!
    [ "$status" = 0 ] || exit "$status"
}

# A command in the background of a script ignores SIGINT, so it is told by SIGTERM; then its own end is waited for.
stop() {
    trap '' INT TERM HUP
    if [ "${!:-}" != "$reaped" ]; then
        kill "$!" 2>/dev/null || true
        wait "$!" || true
    fi
    exit "$1"
}

trap 'stop "$on_ctrl_c"' INT
trap 'stop 143' TERM HUP

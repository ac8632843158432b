#!/bin/sh
# Stands in for the demo service: prints its line and ends when its standard input closes.
# TASK_FAILS: ends at once, with this status. TASK_IGNORES_SIGTERM: only SIGKILL ends it.
if [ -n "$TASK_FAILS" ]; then
    echo "told to fail" >&2
    exit "$TASK_FAILS"
fi
[ -n "$TASK_IGNORES_SIGTERM" ] && trap '' TERM
echo "{\"listening\":\"127.0.0.1:$((1024 + $$ % 60000))\"}"
exec cat >/dev/null

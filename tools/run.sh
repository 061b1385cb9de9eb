#!/bin/sh
# Starts an engine of this tree's own under run/, if it does not run yet, and runs a first container.
# Arguments go to wharfd. Containers and plugins end with it (tools/stop.sh), unless these say --live-restore.
set -eu

cd "$(dirname "$0")/.."
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
here=$(pwd)/run
socket=$here/wharf.sock
host=unix://$socket
mkdir -p "$here"

wharf() { $as_root "$(pwd)"/.venv/bin/wharf -H "$host" "$@"; }
answers() { wharf version >/dev/null 2>&1; }

if answers; then
    echo "The engine runs already (process $($as_root cat "$here/wharfd.pid"))."
else
    # What the last engine said is kept for one more start: it may tell why that one ended.
    [ ! -e "$here/wharfd.log" ] || mv -f "$here/wharfd.log" "$here/wharfd.log.old"
    # In the background for good: it outlives this shell and its terminal.
    $as_root setsid .venv/bin/wharfd \
        --data-root "$here/data" --exec-root "$here/exec" --pidfile "$here/wharfd.pid" --host "$host" \
        --bridge wharf-run --config-file /dev/null --group "$(id -g)" --live-restore=false "$@" \
        >"$here/wharfd.log" 2>&1 </dev/null &
    starter=$!
    tries=0
    until answers; do
        tries=$((tries + 1))
        if ! kill -0 $starter 2>/dev/null && [ $tries -gt 10 ] || [ $tries -gt 150 ]; then
            echo "The engine did not start; $here/wharfd.log says:" >&2
            tail -n 20 "$here/wharfd.log" >&2
            exit 1
        fi
        sleep 0.1
    done
    echo "The engine runs (process $($as_root cat "$here/wharfd.pid")); its log is run/wharfd.log."
fi

if ! wharf image inspect busybox >/dev/null 2>&1; then
    echo "Pulling busybox"
    if ! timeout 20 $as_root .venv/bin/wharf -H "$host" pull --quiet busybox 2>/dev/null; then
        echo "No registry answers; making a busybox image from this machine's own busybox"
        wharf image bootstrap busybox
    fi
fi

echo "\$ wharf run --rm busybox echo 'Hello from a container'"
wharf run --rm busybox echo 'Hello from a container'

cat <<TEXT

To use it:
    export DOCKER_HOST=$host
    docker run --rm -it busybox        (any Docker client)
    .venv/bin/wharf ps -a              (ours)
To end it:
    make stop
TEXT

#!/bin/sh
# Ends the engine that tools/run.sh started, which ends its containers and plugins. Its data stays in run/data.
set -eu

cd "$(dirname "$0")/.."
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
pidfile=$(pwd)/run/wharfd.pid

count_left() {
    $as_root find run/exec/containers run/exec/plugins/bundles -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}
no_engine() {
    # Containers and plugins outlive an engine that was killed.
    left=$(count_left)
    if [ "$left" -gt 0 ]; then
        echo "No engine runs, but $left of its containers and plugins may: 'make run' finds them, then 'make stop' ends them." >&2
        exit 1
    fi
    echo "No engine runs."
    exit 0
}

[ -e "$pidfile" ] || no_engine
pid=$($as_root cat "$pidfile")
# The pid may be somebody else's by now: only a process that is this wharfd is ended.
if ! tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "--pidfile $pidfile"; then
    $as_root rm -f "$pidfile"
    no_engine
fi
$as_root kill "$pid"
tries=0
while [ -e "/proc/$pid" ] && [ $tries -lt 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
[ ! -e "/proc/$pid" ] || { echo "The engine (process $pid) does not end; see run/wharfd.log" >&2; exit 1; }
left=$(count_left)
[ "$left" -eq 0 ] || echo "$left containers and plugins go on without it, as its --live-restore says: 'make run' finds them." >&2
echo "Stopped. Images and containers are kept in run/data; 'make clean' removes them."

#!/bin/sh
# Ends the engine that tools/run.sh started, and its containers. Its data stays in run/data.
set -eu

cd "$(dirname "$0")/.."
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
pidfile=$(pwd)/run/wharfd.pid
host=unix://$(pwd)/run/wharf.sock

if [ ! -e "$pidfile" ]; then
    echo "No engine runs."
    exit 0
fi
pid=$($as_root cat "$pidfile")
# The pid may be somebody else's by now: only a process that is this wharfd is ended.
if ! tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "--pidfile $pidfile"; then
    $as_root rm -f "$pidfile"
    echo "No engine runs."
    exit 0
fi
running=$($as_root .venv/bin/wharf -H "$host" ps -q)
# shellcheck disable=SC2086
[ -z "$running" ] || $as_root .venv/bin/wharf -H "$host" stop $running >/dev/null
$as_root kill "$pid"
tries=0
while [ -e "/proc/$pid" ] && [ $tries -lt 200 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
[ ! -e "/proc/$pid" ] || { echo "The engine (process $pid) does not end; see run/wharfd.log" >&2; exit 1; }
echo "Stopped. Images and containers are kept in run/data; 'make clean' removes them."

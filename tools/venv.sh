#!/bin/sh
# Makes .venv with the locked dependencies for `run` or `dev`, and this package in it.
set -eu

kind=$1
cd "$(dirname "$0")/.."
if [ ! -x .venv/bin/pip ]; then
    echo "Making .venv"
    python3 -m venv --clear .venv
fi
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/"$kind".lock
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
# Compiled now, because wharfd runs as root and would leave root's files in the tree.
.venv/bin/python -m compileall -q src
# The command line's own launcher in the place of pip's script: it starts in two thirds of the time.
.venv/bin/python -m wharf.cli.launcher .venv/bin/wharf
touch .venv/ready-run
[ "$kind" = run ] || touch .venv/ready-dev

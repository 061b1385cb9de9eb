# make run    an engine in the background, and a first container
# make stop   ends it (containers that run are ended too)
# make test   all tests        make lint   style and types        make bench  side by side with dockerd
# make test-vm  those that this kernel cannot run (it is named at the end of `make test`), in a virtual machine
# make test-power  an engine loses power again and again in a virtual machine, and must have kept what it promised
#
# Each target installs what it needs: system packages by apt where they are missing, the rest in .venv.

SHELL := /bin/sh
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PYTEST_FLAGS ?=
VM_FLAGS ?=
POWER_FLAGS ?=
WHARFD_FLAGS ?=

.PHONY: help run stop test test-vm test-power lint bench lock clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

run: .venv/ready-run
	@tools/run.sh $(WHARFD_FLAGS)

stop:
	@tools/stop.sh

test: .venv/ready-dev
	@tools/system-packages.sh dev
	$(SUDO) .venv/bin/pytest $(PYTEST_FLAGS)

test-vm: .venv/ready-dev
	@tools/system-packages.sh vm
	$(SUDO) env PYTHONPATH=tests .venv/bin/python -m vm $(VM_FLAGS)

test-power: .venv/ready-dev
	@tools/system-packages.sh vm
	$(SUDO) env PYTHONPATH=tests .venv/bin/python -m vm.power $(POWER_FLAGS)

lint: .venv/ready-dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

bench: .venv/ready-dev
	@tools/system-packages.sh dev
	$(SUDO) .venv/bin/python -m bench $(BENCH_FLAGS)

.venv/ready-run: requirements/run.lock pyproject.toml tools/venv.sh tools/system-packages.sh
	@tools/system-packages.sh run
	@tools/venv.sh run

.venv/ready-dev: requirements/dev.lock pyproject.toml tools/venv.sh tools/system-packages.sh
	@tools/system-packages.sh run
	@tools/venv.sh dev

# For maintainers: writes the lock files again (needs uv).
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --extra build pyproject.toml -o requirements/run.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --extra build --extra dev pyproject.toml -o requirements/dev.lock

clean: stop
	@! grep -F " $(CURDIR)/run/" /proc/self/mountinfo || { echo "These are still mounted; unmount them first." >&2; exit 1; }
	$(SUDO) rm -rf run .venv build src/*.egg-info bench/results.json
	find src tests bench -name __pycache__ -prune -exec rm -rf {} +

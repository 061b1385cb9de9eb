"""Health checks: what a container asks for, and what the results of its checks mean. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

import msgspec

from wharf.apitypes import durations
from wharf.apitypes.containers import ContainerConfig, HostConfig
from wharf.errors import InvalidArgument

#: Results that are remembered, and bytes of a check's output.
REMEMBERED: Final = 5
LONGEST_OUTPUT: Final = 4096
#: The exit code of a check that could not be run or took too long.
NOT_RUN: Final = -1

_INTERVAL: Final = timedelta(seconds=30)
_TIMEOUT: Final = timedelta(seconds=30)
_START_INTERVAL: Final = timedelta(seconds=5)
_RETRIES: Final = 3
_SHELL: Final = ("/bin/sh", "-c")
_SHORTEST: Final = 1_000_000  # nanoseconds


OnFailure = Literal["none", "kill", "restart", "stop"]
ACTIONS: Final[tuple[OnFailure, ...]] = ("kill", "restart", "stop")


class Status(StrEnum):
    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Check:
    """How a container's health is found out."""

    command: tuple[str, ...]
    interval: timedelta = _INTERVAL
    timeout: timedelta = _TIMEOUT
    retries: int = _RETRIES  # failures in a row that make it unhealthy
    start_period: timedelta = timedelta()  # failures do not count so soon after the start
    start_interval: timedelta = _START_INTERVAL  # between checks in the start period


@dataclass(frozen=True, slots=True)
class Result:
    """One check. Times are UTC."""

    start: datetime
    end: datetime
    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class Health:
    """How a container with a check does."""

    status: Status = Status.STARTING
    failing_streak: int = 0
    log: tuple[Result, ...] = ()  # the latest last


def check_of(config: ContainerConfig) -> Check | None:
    """The check of a container; None when it has none, or only an empty or switched-off one."""
    health = config.healthcheck
    if health is None or not health.test:
        return None
    match health.test:
        case ["CMD", *command]:
            pass
        case ["CMD-SHELL", *command]:
            command = [*(config.shell or _SHELL), *command]
        case _:
            return None
    return Check(
        command=tuple(command),
        interval=_span(health.interval, _INTERVAL),
        timeout=_span(health.timeout, _TIMEOUT),
        retries=health.retries or _RETRIES,
        start_period=_span(health.start_period, timedelta()),
        start_interval=_span(health.start_interval, _START_INTERVAL),
    )


def _span(nanoseconds: int, default: timedelta) -> timedelta:
    return timedelta(microseconds=nanoseconds / 1000) if nanoseconds else default


def on_failure(host: HostConfig) -> OnFailure:
    """What is done with a container when it becomes unhealthy. Raises InvalidArgument."""
    chosen = host.health_on_failure
    if chosen is msgspec.UNSET or chosen == "none":
        return "none"
    for known in ACTIONS:
        if chosen == known:
            return known
    raise InvalidArgument(f'invalid health-on-failure "{chosen}": expected none, kill, restart or stop')


def check(config: ContainerConfig, host: HostConfig) -> None:
    """Raises InvalidArgument, in dockerd's words, for what no check can be."""
    action = on_failure(host)
    if action != "none" and check_of(config) is None:
        raise InvalidArgument(f"health-on-failure={action} needs a health check, and the container has none")
    health = config.healthcheck
    if health is None:
        return
    for name in ("interval", "timeout", "start_period", "start_interval"):
        value = getattr(health, name)
        if value and value < _SHORTEST:
            words = "".join(part.capitalize() for part in name.split("_"))
            raise InvalidArgument(f"{words} in Healthcheck cannot be less than 1ms")
    if health.retries < 0:
        raise InvalidArgument("Retries in Healthcheck cannot be negative")


def pause_before_next(check: Check, health: Health, since_start: timedelta) -> timedelta:
    """How long to wait before the next check."""
    if health.status is Status.STARTING and since_start < check.start_period:
        return check.start_interval
    return check.interval


def after(health: Health, result: Result, check: Check, since_start: timedelta) -> Health:
    """The health after another result; `since_start` is the container's age when that check began."""
    log = (*health.log, result)[-REMEMBERED:]
    if result.exit_code == 0:
        return Health(Status.HEALTHY, 0, log)
    if health.status is Status.STARTING and since_start < check.start_period:
        return replace(health, log=log)
    streak = health.failing_streak + 1
    status = Status.UNHEALTHY if streak >= check.retries else health.status
    return Health(status, streak, log)


def began(earlier: Health | None) -> Health:
    """The health of a container that starts, perhaps again."""
    return Health(log=earlier.log if earlier is not None else ())


def stopped(health: Health) -> Health:
    """The health when nothing is checked any more: whoever asks must not take it for well."""
    return replace(health, status=Status.UNHEALTHY)


def status_of(health: Health | None) -> Status:
    """What lists show."""
    return Status.NONE if health is None else health.status


def too_long(timeout: timedelta, output: str) -> str:
    """What the log says of a check that took too long."""
    text = f"Health check exceeded timeout ({durations.write(timeout.total_seconds())})"
    return f"{text}: {output}" if output else text


def shortened(output: bytes) -> str:
    """A check's output as the log keeps it."""
    if len(output) <= LONGEST_OUTPUT:
        return output.decode(errors="replace")
    return output[:LONGEST_OUTPUT].decode(errors="replace") + "..."

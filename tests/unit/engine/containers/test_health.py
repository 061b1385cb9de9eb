from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.containers import ContainerConfig, HealthConfig, HostConfig
from wharf.engine.containers.health import (
    LONGEST_OUTPUT,
    REMEMBERED,
    Check,
    Health,
    Result,
    Status,
    after,
    began,
    check,
    check_of,
    pause_before_next,
    shortened,
    status_of,
    stopped,
    too_long,
)
from wharf.errors import InvalidArgument

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def result(code: int) -> Result:
    return Result(NOW, NOW + SECOND, code, "")


@pytest.mark.parametrize(
    ("test", "command"),
    [
        (["CMD", "true", "-x"], ("true", "-x")),
        (["CMD-SHELL", "a || b"], ("/bin/sh", "-c", "a || b")),
        (["NONE"], None),
        ([], None),
        (["CMD"], ()),
        (["CMD-SHELL", "a", "b"], ("/bin/sh", "-c", "a", "b")),
        (["WHATEVER", "x"], None),
    ],
)
def test_commands(test: list[str], command: tuple[str, ...] | None) -> None:
    found = check_of(ContainerConfig(healthcheck=HealthConfig(test=test)))
    assert (found.command if found else None) == command


def test_the_images_shell_counts() -> None:
    config = ContainerConfig(healthcheck=HealthConfig(test=["CMD-SHELL", "x"]), shell=["/bin/ash", "-ec"])
    found = check_of(config)
    assert found is not None and found.command == ("/bin/ash", "-ec", "x")
    assert check_of(ContainerConfig()) is None


def test_times_are_nanoseconds_and_zero_is_the_default() -> None:
    found = check_of(ContainerConfig(healthcheck=HealthConfig(test=["CMD", "x"], interval=1_500_000_000, retries=7)))
    assert found == Check(("x",), interval=1.5 * SECOND, retries=7)
    assert (found.timeout, found.start_period, found.start_interval) == (30 * SECOND, timedelta(), 5 * SECOND)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (HealthConfig(interval=999_999), "Interval in Healthcheck cannot be less than 1ms"),
        (HealthConfig(timeout=-1), "Timeout in Healthcheck cannot be less than 1ms"),
        (HealthConfig(start_period=1), "StartPeriod in Healthcheck cannot be less than 1ms"),
        (HealthConfig(start_interval=1), "StartInterval in Healthcheck cannot be less than 1ms"),
        (HealthConfig(retries=-1), "Retries in Healthcheck cannot be negative"),
    ],
)
def test_checks_that_cannot_be(config: HealthConfig, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check(ContainerConfig(healthcheck=config), HostConfig())


def test_checks_that_can_be() -> None:
    check(ContainerConfig(), HostConfig(health_on_failure="none"))
    check(ContainerConfig(healthcheck=HealthConfig(interval=1_000_000)), HostConfig())
    check(ContainerConfig(healthcheck=HealthConfig(test=["CMD", "true"])), HostConfig(health_on_failure="stop"))


@pytest.mark.parametrize(
    ("test", "action", "words"),
    [
        (["CMD", "true"], "explode", 'invalid health-on-failure "explode": expected none, kill, restart or stop'),
        (["NONE"], "kill", "health-on-failure=kill needs a health check, and the container has none"),
        (["NONE"], "explode", 'invalid health-on-failure "explode": expected none, kill, restart or stop'),
    ],
)
def test_actions_that_make_no_sense(test: list[str], action: str, words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check(ContainerConfig(healthcheck=HealthConfig(test=test)), HostConfig(health_on_failure=action))
    assert str(caught.value) == words


def test_a_life() -> None:
    rule = Check(("x",), retries=2, start_period=10 * SECOND)
    health = began(None)
    seen = []
    for age, code in [(1, 1), (2, 1), (11, 1), (12, 1), (13, 0), (14, 1), (15, 1), (16, -1), (17, 0)]:
        health = after(health, result(code), rule, age * SECOND)
        seen.append((health.status.value, health.failing_streak))
    assert seen == [
        ("starting", 0),
        ("starting", 0),
        ("starting", 1),
        ("unhealthy", 2),
        ("healthy", 0),
        ("healthy", 1),
        ("unhealthy", 2),
        ("unhealthy", 3),
        ("healthy", 0),
    ]


def test_a_success_ends_the_start_period() -> None:
    rule = Check(("x",), retries=1, start_period=10 * SECOND)
    health = after(after(Health(), result(0), rule, SECOND), result(1), rule, 2 * SECOND)
    assert health.status is Status.UNHEALTHY


def test_checks_come_faster_while_it_starts() -> None:
    rule = Check(("x",), interval=30 * SECOND, start_period=10 * SECOND, start_interval=SECOND)
    assert pause_before_next(rule, Health(), 9 * SECOND) == SECOND
    assert pause_before_next(rule, Health(), 10 * SECOND) == 30 * SECOND
    assert pause_before_next(rule, Health(Status.HEALTHY), SECOND) == 30 * SECOND


def test_a_new_run_starts_anew_but_keeps_the_log() -> None:
    ended = stopped(Health(Status.HEALTHY, 0, (result(0),)))
    assert ended.status is Status.UNHEALTHY
    assert began(ended) == Health(Status.STARTING, 0, (result(0),))
    assert status_of(None) is Status.NONE


@given(st.lists(st.sampled_from([0, 1, -1]), max_size=20), st.integers(1, 5))
def test_unhealthy_is_a_streak_of_failures_and_nothing_else(codes: list[int], retries: int) -> None:
    rule = Check(("x",), retries=retries)
    health = Health()
    for code in codes:
        health = after(health, result(code), rule, timedelta())
    failures = next((n for n, code in enumerate(reversed(codes)) if code == 0), len(codes))
    assert health.failing_streak == failures
    assert (health.status is Status.UNHEALTHY) == (failures >= retries)
    assert [one.exit_code for one in health.log] == codes[-REMEMBERED:]


def test_output() -> None:
    assert shortened(b"ok\xff") == "ok\ufffd"
    assert shortened(b"x" * LONGEST_OUTPUT) == "x" * LONGEST_OUTPUT
    assert shortened(b"x" * (LONGEST_OUTPUT + 1)) == "x" * LONGEST_OUTPUT + "..."


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(milliseconds=200), "200ms"),
        (timedelta(seconds=1.5), "1.5s"),
        (timedelta(seconds=120), "2m0s"),
        (timedelta(hours=1, seconds=3), "1h0m3s"),
    ],
)
def test_a_check_that_takes_too_long(span: timedelta, text: str) -> None:
    assert too_long(span, "") == f"Health check exceeded timeout ({text})"
    assert too_long(span, "out") == f"Health check exceeded timeout ({text}): out"

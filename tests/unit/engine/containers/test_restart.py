from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.containers import RestartPolicy
from wharf.engine.containers import restart
from wharf.errors import InvalidArgument

ALWAYS = RestartPolicy(name="always")


@pytest.mark.parametrize(
    ("policy", "exit_code", "restarts", "again"),
    [
        (RestartPolicy(), 1, 0, False),
        (RestartPolicy(name="no"), 1, 0, False),
        (ALWAYS, 0, 0, True),
        (RestartPolicy(name="unless-stopped"), 0, 7, True),
        (RestartPolicy(name="on-failure"), 0, 0, False),
        (RestartPolicy(name="on-failure"), 3, 99, True),
        (RestartPolicy(name="on-failure", maximum_retry_count=2), 3, 1, True),
        (RestartPolicy(name="on-failure", maximum_retry_count=2), 3, 2, False),
    ],
)
def test_who_is_started_again(policy: RestartPolicy, exit_code: int, restarts: int, again: bool) -> None:
    assert (restart.delay(policy, exit_code, restarts=restarts, quick_exits=1) is not None) is again


@given(st.integers(min_value=0, max_value=10**6))
def test_the_delay_grows_and_has_a_limit(quick: int) -> None:
    now = restart.delay(ALWAYS, 0, restarts=0, quick_exits=quick)
    then = restart.delay(ALWAYS, 0, restarts=0, quick_exits=quick + 1)
    assert now is not None and then is not None
    assert restart.FIRST_DELAY <= now <= then <= restart.LONGEST_DELAY


def test_the_first_delay_is_short() -> None:
    assert restart.delay(ALWAYS, 1, restarts=0, quick_exits=1) == timedelta(milliseconds=100)


@pytest.mark.parametrize(
    ("policy", "auto_remove"),
    [
        (RestartPolicy(name="sometimes"), False),
        (RestartPolicy(name="always", maximum_retry_count=3), False),
        (RestartPolicy(name="on-failure", maximum_retry_count=-1), False),
        (ALWAYS, True),
    ],
)
def test_policies_that_make_no_sense(policy: RestartPolicy, auto_remove: bool) -> None:
    with pytest.raises(InvalidArgument):
        restart.check(policy, auto_remove=auto_remove)


@pytest.mark.parametrize(
    ("name", "most", "words"),
    [
        ("always", 3, "maximum retry count can only be used with 'on-failure'"),
        ("unless-stopped", 3, "maximum retry count can only be used with 'on-failure'"),
        ("no", -1, "maximum retry count can only be used with 'on-failure' and cannot be negative"),
        ("on-failure", -1, "maximum retry count cannot be negative"),
        ("Always", 0, "unknown policy 'Always'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"),
    ],
)
def test_why_a_policy_makes_no_sense(name: str, most: int, words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        restart.check(RestartPolicy(name=name, maximum_retry_count=most), auto_remove=False)
    assert str(caught.value) == f"invalid restart policy: {words}"


@pytest.mark.parametrize(
    ("name", "most", "exit_code", "restarts", "stopped", "again"),
    [
        ("no", 0, 1, 0, False, False),
        ("always", 0, 0, 0, False, True),
        ("always", 0, 0, 0, True, True),
        ("unless-stopped", 0, 0, 0, False, True),
        ("unless-stopped", 0, 0, 0, True, False),
        ("on-failure", 0, 0, 0, False, False),
        ("on-failure", 0, 255, 9, False, True),
        ("on-failure", 3, 1, 2, False, True),
        ("on-failure", 3, 1, 3, False, False),
        ("on-failure", 0, 137, 0, True, False),
    ],
)
def test_what_a_starting_daemon_starts(
    name: str, most: int, exit_code: int, restarts: int, stopped: bool, again: bool
) -> None:
    policy = RestartPolicy(name=name, maximum_retry_count=most)
    found = restart.after_daemon_start(policy, exit_code, restarts=restarts, stopped_by_user=stopped)
    assert found == again

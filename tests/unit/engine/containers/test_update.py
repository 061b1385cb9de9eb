"""docker update: what is refused, what is recorded, what is written."""

import msgspec
import pytest

from wharf.apitypes.containers import HostConfig, RestartPolicy
from wharf.engine.containers.update import check, limits_of, merged
from wharf.errors import Conflict, InvalidArgument
from wharf.linux.cgroup_limits import Limits

MB = 1 << 20


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (HostConfig(memory=MB), "Minimum memory limit allowed is 6MB"),
        (HostConfig(memory=64 * MB, memory_swap=32 * MB), "Minimum memoryswap limit should be larger"),
        (HostConfig(nano_cpus=99 * 10**9), "Range of CPUs is from 0.01 to 2.00"),
        (HostConfig(restart_policy=RestartPolicy(name="x")), "invalid restart policy: unknown policy 'x'"),
        (HostConfig(restart_policy=RestartPolicy(name="no", maximum_retry_count=3)), "only be used with 'on-failure'"),
        (HostConfig(blkio_weight=5), "blkio weight"),
    ],
)
def test_what_no_container_can_have(wanted: HostConfig, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check(wanted, cpus=2)


def test_swap_alone_is_fine() -> None:
    check(HostConfig(memory_swap=64 * MB), cpus=2)


@pytest.mark.parametrize(
    ("host", "wanted", "words"),
    [
        (HostConfig(cpu_period=1000), HostConfig(nano_cpus=1), "Nano CPUs cannot be updated as CPU Period"),
        (HostConfig(cpu_quota=1000), HostConfig(nano_cpus=1), "Nano CPUs cannot be updated as CPU Quota"),
        (HostConfig(nano_cpus=1), HostConfig(cpu_period=1000), "CPU Period cannot be updated as NanoCPUs"),
        (HostConfig(nano_cpus=1), HostConfig(cpu_quota=1000), "CPU Quota cannot be updated as NanoCPUs"),
        (HostConfig(), HostConfig(memory=64 * MB), "update the memoryswap at the same time"),
        (HostConfig(memory=64 * MB), HostConfig(memory=129 * MB), "update the memoryswap at the same time"),
        (
            HostConfig(auto_remove=True),
            HostConfig(restart_policy=RestartPolicy(name="always")),
            "Restart policy cannot be updated because AutoRemove is enabled",
        ),
    ],
)
def test_what_contradicts_the_present(host: HostConfig, wanted: HostConfig, words: str) -> None:
    with pytest.raises(Conflict, match=words):
        merged(host, wanted)


def test_only_what_is_named_changes() -> None:
    host = HostConfig(memory=64 * MB, memory_swap=128 * MB, cpu_shares=5, pids_limit=7, binds=["/a:/b"])
    assert merged(host, HostConfig()) == host
    changed = merged(host, HostConfig(memory=32 * MB, pids_limit=-1, restart_policy=RestartPolicy(name="always")))
    assert changed == msgspec.structs.replace(
        host, memory=32 * MB, pids_limit=-1, restart_policy=RestartPolicy(name="always")
    )


@pytest.mark.parametrize(
    ("old", "new", "limits"),
    [
        (HostConfig(), HostConfig(), Limits()),
        (HostConfig(memory=64), HostConfig(memory=32), Limits(memory=32, memory_and_swap=64)),
        (HostConfig(memory=64), HostConfig(memory=64, memory_swap=-1), Limits(memory=64, memory_and_swap=-1)),
        (HostConfig(), HostConfig(nano_cpus=1_500_000_000), Limits(cpu_quota=150_000, cpu_period=100_000)),
        (HostConfig(pids_limit=5), HostConfig(pids_limit=0), Limits(pids=-1)),
        (HostConfig(), HostConfig(cpuset_cpus="0-1", cpu_shares=9), Limits(cpus="0-1", cpu_shares=9)),
    ],
)
def test_what_is_written(old: HostConfig, new: HostConfig, limits: Limits) -> None:
    assert limits_of(old, new) == limits

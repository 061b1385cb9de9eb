"""docker update: what is refused, what is recorded, what is written."""

import msgspec
import pytest

from wharf.apitypes.containers import HostConfig, RestartPolicy
from wharf.engine.containers.update import limits_of, merged
from wharf.errors import Conflict
from wharf.linux.cgroup_limits import Limits

MB = 1 << 20


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
        (
            HostConfig(memory=64 * MB, memory_swap=128 * MB),
            HostConfig(memory=32 * MB, memory_swap=128 * MB),
            Limits(memory=32 * MB, memory_swap=128 * MB),
        ),
        (
            HostConfig(memory=64, memory_swap=128),
            HostConfig(memory=64, memory_swap=-1),
            Limits(memory=64, memory_swap=-1),
        ),
        (HostConfig(), HostConfig(nano_cpus=1_500_000_000), Limits(cpu_quota=150_000, cpu_period=100_000)),
        (HostConfig(cpu_quota=5000), HostConfig(cpu_quota=-1), Limits(cpu_quota=-1)),
        (HostConfig(pids_limit=5), HostConfig(pids_limit=0), Limits(pids=-1)),
        (HostConfig(), HostConfig(cpuset_cpus="0-1", cpu_shares=9), Limits(cpuset_cpus="0-1", cpu_shares=9)),
        (HostConfig(), HostConfig(blkio_weight=300), Limits(blkio_weight=300)),
        (
            HostConfig(cpu_realtime_period=1000, cpu_realtime_runtime=5),
            HostConfig(cpu_realtime_period=1000, cpu_realtime_runtime=6),
            Limits(cpu_realtime_period=1000, cpu_realtime_runtime=6),
        ),
    ],
)
def test_what_is_written(old: HostConfig, new: HostConfig, limits: Limits) -> None:
    assert limits_of(old, new) == limits

"""What is run in the machine: tests that most hosts, and containers of all, must skip. Each suite is one boot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Init = Literal["none", "systemd"]

_GROUPS: Final = (
    "tests/api/test_limits.py",
    "tests/api/test_stats.py",
    "tests/api/test_devices.py",
    "tests/api/test_states.py",
)


@dataclass(frozen=True, slots=True)
class Suite:
    """Files of tests that want the same machine; `init` is its process 1."""

    name: str
    shows: str
    init: Init
    tests: Sequence[str]
    restarts: bool = False  # whether its tests let the machine start again


SUITES: Final = (
    Suite("groups", "version 2 of control groups alone, made by the engine itself", "none", _GROUPS),
    Suite(
        "groups-systemd", "the same, made by systemd", "systemd", (*_GROUPS, "tests/api/test_plugin_surroundings.py")
    ),
    Suite(
        "networks",
        "ipvlan and 802.1Q",
        "none",
        (
            "tests/kernel/network/test_parent_networks.py",
            "tests/kernel/network/test_ipvlan.py",
            "tests/kernel/network/test_802_1q.py",
            "tests/api/test_ipvlan.py",
        ),
    ),
    Suite("apparmor", "profiles of AppArmor", "none", ("tests/api/test_apparmor.py", "tests/api/test_security.py")),
    Suite(
        "quotas",
        "project quotas on ext4 and xfs",
        "none",
        (
            "tests/kernel/test_project_quota.py",
            "tests/api/test_volume_quota.py",
            "tests/api/test_storage_size.py",
        ),
    ),
    Suite(
        "shares",
        "volumes on NFS and SMB servers",
        "none",
        (
            "tests/api/test_network_volumes.py",
            "tests/api/test_places_that_hang.py",
            "tests/kernel/test_shared_mounts.py",
        ),
    ),
    Suite(
        "service",
        "the systemd units, and a machine that starts again",
        "systemd",
        ("tests/api/test_service.py",),
        restarts=True,
    ),
)


def shown_by(file: str) -> str:
    """The suites that run a file of tests (its path from the project's root); "" for none."""
    return ", ".join(suite.name for suite in SUITES if file in suite.tests)

from typing import Any

import pytest

from wharf.cli.render import usage

SAMPLE: dict[str, Any] = {
    "cpu_stats": {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2000, "online_cpus": 2},
    "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
    "memory_stats": {"usage": 3 << 20, "limit": 8 << 20, "stats": {"total_inactive_file": 1 << 20}},
    "networks": {"eth0": {"rx_bytes": 1016, "tx_bytes": 0}, "eth1": {"rx_bytes": 4, "tx_bytes": 2}},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"op": "Read", "value": 5},
            {"op": "write", "value": 7},
            {"op": "Total", "value": 12},
        ]
    },
}


def test_a_line() -> None:
    assert usage.cpu_text(SAMPLE) == "40.00%"
    assert usage.memory_text(SAMPLE) == "2MiB / 8MiB"
    assert usage.memory_percent(SAMPLE) == "25.00%"
    assert usage.pair_text(usage.network_bytes(SAMPLE)) == "1.02kB / 2B"
    assert usage.pair_text(usage.block_bytes(SAMPLE)) == "5B / 7B"


def test_nothing_yet() -> None:
    assert (usage.cpu_text(None), usage.memory_text(None), usage.pair_text(None)) == ("--", "-- / --", "--")


@pytest.mark.parametrize(
    ("memory", "used"),
    [
        ({"usage": 10, "stats": {"inactive_file": 4}}, 6),
        ({"usage": 10, "stats": {"inactive_file": 11}}, 10),
        ({"usage": 10}, 10),
        ({}, 0),
    ],
)
def test_memory_without_what_can_be_dropped(memory: dict[str, Any], used: int) -> None:
    assert usage.memory_used(memory) == used


def test_a_stopped_container_uses_nothing() -> None:
    empty = {"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "precpu_stats": {}, "memory_stats": {}}
    assert (usage.cpu_text(empty), usage.memory_percent(empty)) == ("0.00%", "0.00%")

"""What systemd is told of other limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.linux.scopes import properties, scope_of

NONE = 2**64 - 1


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/system.slice/wharf-c1.scope", "wharf-c1.scope"),
        ("/a.slice/a-b.slice/wharf-c1.scope/container", "wharf-c1.scope"),
        ("/a.slice/wharf-c1.scope/init.scope", "wharf-c1.scope"),
        ("/a.slice/wharf-c1.scope/more-c1.scope", "wharf-c1.scope"),
        ("/x.slice/foo.scope/y/c1", ""),
        ("/x.slice/foo.scope/wharf-c1.scope", "wharf-c1.scope"),
        ("/wharf/c1", ""),
        ("", ""),
    ],
)
def test_who_made_a_group(path: str, scope: str) -> None:
    assert scope_of(path, "c1") == scope


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("memory.max", "67108864", {"MemoryMax": ("t", 67108864)}),
        ("memory.swap.max", "max", {"MemorySwapMax": ("t", NONE)}),
        ("pids.max", "max", {"TasksMax": ("t", NONE)}),
        ("cpuset.cpus", "0-2,9", {"AllowedCPUs": ("ay", b"\x07\x02")}),
        ("cpuset.mems", "", {"AllowedMemoryNodes": ("ay", b"")}),
        ("cpu.max", "50000 100000", {"CPUQuotaPerSecUSec": ("t", 500_000), "CPUQuotaPeriodUSec": ("t", 100_000)}),
        ("cpu.max", "1234 100000", {"CPUQuotaPerSecUSec": ("t", 20_000), "CPUQuotaPeriodUSec": ("t", 100_000)}),
        ("cpu.max", "max 20000", {"CPUQuotaPerSecUSec": ("t", NONE), "CPUQuotaPeriodUSec": ("t", 20_000)}),
        ("io.bfq.weight", "300", {}),
    ],
)
def test_what_systemd_is_told(file: str, text: str, told: dict[str, object]) -> None:
    assert dict(properties([(f"/group/{file}", text)])) == told


@given(st.sets(st.integers(min_value=0, max_value=8191)))
def test_every_processor_of_a_list_has_its_bit(cpus: set[int]) -> None:
    [(_, (_, bits))] = properties([("cpuset.cpus", ",".join(map(str, cpus)))])
    assert isinstance(bits, bytes)
    assert {number for number in range(8 * len(bits)) if bits[number // 8] >> number % 8 & 1} == cpus

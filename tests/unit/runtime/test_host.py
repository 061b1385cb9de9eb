from pathlib import Path

from wharf.runtime import host
from wharf.runtime.bundle import DEFAULT_MASKED_PATHS


def test_the_heat_of_each_processor_is_masked(tmp_path: Path) -> None:
    for name in ("cpu0/thermal_throttle", "cpu11/thermal_throttle", "cpu2/cache", "cpufreq/thermal_throttle"):
        (tmp_path / name).mkdir(parents=True)
    added = (f"{tmp_path}/cpu0/thermal_throttle", f"{tmp_path}/cpu11/thermal_throttle")
    assert host.masked_paths(str(tmp_path)) == DEFAULT_MASKED_PATHS + added
    assert host.masked_paths("/nowhere") == DEFAULT_MASKED_PATHS

"""What the kernel shows of AppArmor profiles."""

from pathlib import Path

import pytest

from wharf.linux import apparmor


@pytest.mark.parametrize(
    ("name", "shown"),
    [("docker-default", "docker-default.12"), ("odd.name", "odd.name.3"), ("docker", None), ("odd", None)],
)
def test_a_profile_is_found_by_its_whole_name(tmp_path: Path, name: str, shown: str | None) -> None:
    for directory in ("docker-default.12", "odd.name.3", "docker-default-2.13"):
        (tmp_path / directory).mkdir()
    assert apparmor.loaded(name, tmp_path) == (shown and tmp_path / shown)


def test_a_kernel_without_apparmor_knows_none(tmp_path: Path) -> None:
    assert apparmor.loaded("docker-default", tmp_path / "none") is None

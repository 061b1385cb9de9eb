"""Directories of descriptions: which file's devices are offered."""

import json
from pathlib import Path

import pytest

from wharf.engine.cdi import registry


def write(path: Path, *names: str, kind: str = "vendor.com/class", version: str = "0.6.0") -> None:
    path.parent.mkdir(exist_ok=True)
    devices = [{"name": name, "containerEdits": {"env": [f"FROM={path}"]}} for name in names]
    path.write_text(json.dumps({"cdiVersion": version, "kind": kind, "devices": devices}))


@pytest.fixture
def directories(tmp_path: Path) -> list[Path]:
    return [tmp_path / "etc", tmp_path / "run"]


def test_a_host_without_descriptions(directories: list[Path]) -> None:
    assert registry.read(directories) == registry.Registry({}, {})


def test_devices_by_their_full_names(directories: list[Path]) -> None:
    write(directories[0] / "a.json", "one", "two")
    write(directories[1] / "b.json", "gpu0", kind="other.com/gpu")
    (directories[0] / "notes.txt").write_text("not one")
    (directories[0] / "deeper").mkdir()
    write(directories[0] / "deeper" / "c.json", "three")
    found = registry.read(directories)
    assert list(found.offers) == ["other.com/gpu=gpu0", "vendor.com/class=one", "vendor.com/class=two"]
    assert found.kind("vendor.com/class") == ["one", "two"]
    assert not found.faults


def test_a_later_directory_wins(directories: list[Path]) -> None:
    for directory in directories:
        write(directory / "a.json", "one")
    offer = registry.read(directories).offers["vendor.com/class=one"]
    assert offer.device.container_edits.env == [f"FROM={directories[1]}/a.json"]


def test_two_of_one_directory_offer_none(directories: list[Path]) -> None:
    write(directories[0] / "a.json", "one", "two")
    write(directories[0] / "b.json", "one", "three")
    found = registry.read(directories)
    assert list(found.offers) == ["vendor.com/class=three", "vendor.com/class=two"]
    message = 'conflicting device "vendor.com/class=one"'
    assert found.faults == {f"{directories[0]}/{name}.json": message for name in "ab"}


def test_a_file_that_is_wrong_spoils_only_itself(directories: list[Path]) -> None:
    write(directories[0] / "good.json", "one")
    write(directories[0] / "old.json", "two", version="0.1.0")
    (directories[0] / "cut.json").write_text('{"cdiVersion":')
    (directories[0] / "odd.json").write_bytes(b"\xff")
    (directories[0] / "gone.json").symlink_to("/nowhere")
    found = registry.read(directories)
    assert list(found.offers) == ["vendor.com/class=one"]
    assert {Path(path).name for path in found.faults} == {"old.json", "cut.json", "odd.json", "gone.json"}
    assert found.faults[f"{directories[0]}/old.json"].endswith(
        "invalid CDI Spec: the spec version must be at least v0.3.0"
    )

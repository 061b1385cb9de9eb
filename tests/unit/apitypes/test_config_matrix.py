"""The page that lists every member of a create request lists exactly those that the API and our types have."""

import re
from pathlib import Path

import msgspec
import pytest

from wharf.apitypes.containers import ContainerConfig, EndpointSettings, HostConfig

PAGE = Path(__file__).parents[3] / "docs/guide/config-matrix.md"
STATES = {"works", "differs", "accepted", "answer"}
KINDS: dict[str, type[msgspec.Struct]] = {
    "Config": ContainerConfig,
    "HostConfig": HostConfig,
    "EndpointSettings": EndpointSettings,
}


def specified() -> dict[str, set[str]]:
    """Members by definition, from the list that was made of the API's specification."""
    found: dict[str, set[str]] = {}
    for line in Path(__file__).with_name("config_fields.txt").read_text().splitlines():
        if not line.startswith("#"):
            definition, member = line.split()
            found.setdefault(definition, set()).add(member)
    return found


def listed(heading: str) -> list[tuple[str, str]]:
    """Members and states of one of the page's tables."""
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE)


@pytest.mark.parametrize("definition", KINDS)
def test_each_member_has_one_row(definition: str) -> None:
    names = [name for name, _ in listed(definition)]
    assert len(names) == len(set(names))
    assert set(names) == specified()[definition]
    assert {state for _, state in listed(definition)} <= STATES


@pytest.mark.parametrize("definition", KINDS)
def test_our_types_have_each_member_and_ours_are_told_elsewhere(definition: str) -> None:
    kind = KINDS[definition]
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert specified()[definition] <= names
    beyond = {
        field.encode_name for field in msgspec.structs.fields(kind) if getattr(kind(), field.name) is msgspec.UNSET
    }
    older = {"MacAddress"} if definition == "Config" else set()
    assert names - specified()[definition] == beyond | older
    extensions = PAGE.with_name("extensions.md").read_text()
    assert all(f"{definition}.{name}" in extensions for name in beyond)

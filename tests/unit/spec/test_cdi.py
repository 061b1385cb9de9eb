"""Descriptions of devices, checked as the specification demands."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.spec.cdi import VERSIONS, parse_spec


def document(edits: dict[str, Any] | None = None, *, version: str = "1.1.0", **more: Any) -> dict[str, Any]:
    device = {"name": "one", "containerEdits": edits or {"env": ["A=1"]}}
    return {"cdiVersion": version, "kind": "vendor.com/class", "devices": [device], **more}


WHOLE = document(
    {
        "env": ["A=b=c"],
        "deviceNodes": [
            {"path": "/dev/a", "hostPath": "/dev/b", "type": "c", "major": 1, "minor": 2, "permissions": "rw"},
            {"path": "/dev/c", "fileMode": 416, "uid": 5, "gid": 6},
        ],
        "mounts": [{"hostPath": "/lib/x", "containerPath": "/lib/y", "options": ["ro"], "type": "bind"}],
        "hooks": [{"hookName": "createContainer", "path": "/bin/x", "args": ["x"], "env": ["B=1"], "timeout": 3}],
        "intelRdt": {"closID": "gold"},
        "additionalGids": [44],
        "netDevices": [{"hostInterfaceName": "eth1", "name": "lan"}],
    },
    annotations={"made": "by hand"},
    containerEdits={"env": ["ALL=1"]},
)


def test_everything_that_is_specified() -> None:
    spec = parse_spec(WHOLE)
    edits = spec.devices[0].container_edits
    assert (spec.kind, spec.container_edits.env) == ("vendor.com/class", ["ALL=1"])
    assert (edits.device_nodes[0].host_path, edits.device_nodes[1].file_mode) == ("/dev/b", 0o640)
    assert (edits.additional_gids, edits.intel_rdt) == ([44], {"closID": "gold"})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([], "Expected `object`"),
        ({"kind": "a.b/c", "devices": []}, "cdiVersion"),
        (document() | {"foo": 1}, "foo"),
        (document(version="9.0.0"), "invalid version"),
        (document(version="one"), "at least v0.3.0"),
        (document(version="0.2.0"), "the spec version must be at least v0.3.0"),
        (document(kind="class"), "invalid kind"),
        (document(kind="1vendor/class"), "invalid kind"),
        (document(kind="vendor/"), "invalid kind"),
        (document(devices=[]), "invalid spec, no devices"),
        (document(devices=[{"name": "a", "containerEdits": {}}]), 'invalid device "a", empty device edits'),
        (document(devices=[{"name": "a b", "containerEdits": {"env": ["A=1"]}}]), "invalid device name"),
        (document(devices=[{"name": "a", "containerEdits": {"env": ["A=1"]}}] * 2), "multiple device"),
        (document({"env": ["A"]}), "invalid environment variable"),
        (document({"env": ["=A"]}), "invalid environment variable"),
        (document({"deviceNodes": [{"path": "dev"}]}), "invalid device path"),
        (document({"deviceNodes": [{"path": "/dev/x", "type": "x"}]}), "invalid type"),
        (document({"deviceNodes": [{"path": "/dev/x", "permissions": "x"}]}), "invalid permissions"),
        (document({"mounts": [{"hostPath": "", "containerPath": "/x"}]}), "invalid mount"),
        (document({"hooks": [{"hookName": "late", "path": "/x"}]}), "invalid hook name"),
        (document({"hooks": [{"hookName": "poststop", "path": "x"}]}), "invalid hook"),
        (document({"hooks": [{"hookName": "poststop", "path": "/x", "env": ["A"]}]}), "invalid environment variable"),
        (document(containerEdits={"env": ["A"]}), "invalid environment variable"),
    ],
)
def test_what_is_no_description(wrong: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_spec(wrong)


@pytest.mark.parametrize(
    ("needs", "since"),
    [
        (document({"mounts": [{"hostPath": "/a", "containerPath": "/b", "type": "tmpfs"}]}), "0.4.0"),
        (document({"deviceNodes": [{"path": "/dev/a", "hostPath": "/dev/b"}]}), "0.5.0"),
        (document(devices=[{"name": "0", "containerEdits": {"env": ["A=1"]}}]), "0.5.0"),
        (document(kind="vendor.com/a.b"), "0.6.0"),
        (document(annotations={"a": "b"}), "0.6.0"),
        (document({"additionalGids": [5]}), "0.7.0"),
        (document({"intelRdt": {}}), "0.7.0"),
        (document({"netDevices": [{"hostInterfaceName": "a", "name": "b"}]}), "1.1.0"),
    ],
)
def test_what_is_newer_than_the_version_says(needs: dict[str, Any], since: str) -> None:
    parse_spec(needs | {"cdiVersion": since})
    before = [version for version in VERSIONS if version < tuple(map(int, since.split(".")))][-1]
    with pytest.raises(ValueError, match=f"the spec version must be at least v{since}"):
        parse_spec(needs | {"cdiVersion": ".".join(map(str, before))})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(WHOLE)), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(WHOLE)), json_values))
def test_anything_else_is_told_and_never_a_bug(changes: dict[str, Any]) -> None:
    try:
        parse_spec(WHOLE | changes)
    except ValueError as error:
        assert str(error)

"""CDI: devices by name, described in files as vendors write them, and GPUs through them."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engine import missing
from harness.wharfd import Wharfd

RUNTIMES = [name for name in ("crun", "runc") if not missing([name])]
LOOK = "env; stat -c '%n %a %u:%g %t:%T' /dev/thing*; cat /etc/thing; id -G; cat /etc/hooked"


def describe(directory: Path, shared: Path) -> None:
    """One vendor's things as JSON, another's GPUs as YAML."""
    node = directory / "node"
    os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(234, 78))
    (shared / "config").write_text("from the vendor\n")
    hook = "cat > /dev/null; echo hooked > rootfs/etc/hooked"
    thing = {
        "env": ["THING=one"],
        "deviceNodes": [
            {"path": "/dev/thing0", "hostPath": str(node), "permissions": "r"},
            {"path": "/dev/thing1", "type": "c", "major": 234, "minor": 79, "fileMode": 0o640, "uid": 7, "gid": 8},
        ],
        "mounts": [{"hostPath": str(shared / "config"), "containerPath": "/etc/thing", "options": ["ro"]}],
        "hooks": [{"hookName": "createRuntime", "path": "/bin/sh", "args": ["sh", "-c", hook]}],
        "additionalGids": [44],
    }
    document = {
        "cdiVersion": "0.7.0",
        "kind": "vendor.example/thing",
        "containerEdits": {"env": ["THINGS=yes"]},
        "devices": [
            {"name": "one", "containerEdits": thing},
            {"name": "two", "containerEdits": {"env": ["THING=two"]}},
        ],
    }
    (directory / "vendor.json").write_text(json.dumps(document))
    lines = ['cdiVersion: "0.6.0"', "kind: nvidia.com/gpu", "devices:"]
    for name in ('"0"', '"1"', "all"):
        lines += [f"- name: {name}", "  containerEdits:", f"    env: [GPU_{name.strip(chr(34))}=given]"]
    (directory / "nvidia.yaml").write_text("\n".join(lines))
    (directory / "broken.json").write_text('{"cdiVersion": "0.6.0", "kind": "a.b/c", "devices": []}')


@pytest.fixture
def cdi(new_wharfd: Callable[..., Wharfd], tmp_path: Path) -> Wharfd:
    directory, shared = tmp_path / "cdi", tmp_path / "shared"
    directory.mkdir()
    shared.mkdir()
    describe(directory, shared)
    return new_wharfd("--cdi-spec-dir", str(directory))


def gpus(cdi: Wharfd, *options: str) -> set[str]:
    lines = cdi.docker("run", "--rm", *options, "busybox", "env").text.splitlines()
    return {line.partition("=")[0] for line in lines if line.startswith("GPU_")}


def test_devices_by_name(cdi: Wharfd) -> None:
    things = ("--device", "vendor.example/thing=one", "-e", "THING=mine")
    for runtime in RUNTIMES:
        lines = cdi.docker("run", "--rm", "--runtime", runtime, *things, "busybox", "sh", "-c", LOOK).text.splitlines()
        assert {"THINGS=yes", "THING=one"} <= set(lines)
        assert lines[-5:] == [
            "/dev/thing0 666 0:0 ea:4e",
            "/dev/thing1 640 7:8 ea:4f",
            "from the vendor",
            "0 44",
            "hooked",
        ]
    # The right to open a node: the first may be read only, and for the second all is allowed.
    tries = (
        "for way in '< /dev/thing0' '> /dev/thing0' '> /dev/thing1' '> /etc/thing'; do (eval : $way) 2>&1; done; true"
    )
    answers = cdi.docker("run", "--rm", *things, "busybox", "sh", "-c", tries).text.splitlines()
    may, may_not, read_only = "No such device or address", "Operation not permitted", "Read-only file system"
    assert [line.rpartition(": ")[2] for line in answers] == [may, may_not, may, read_only]

    assert gpus(cdi, "--gpus", "all") == {"GPU_all"}
    assert gpus(cdi, "--gpus", "2") == {"GPU_0", "GPU_1"}
    assert gpus(cdi, "--gpus", "device=1,capabilities=utility") == {"GPU_1"}
    assert gpus(cdi, "--device", "nvidia.com/gpu=0") == {"GPU_0"}

    cdi.docker("create", "--name", "box", *things, "busybox")
    asked = json.loads(cdi.docker("inspect", "-f", "{{json .HostConfig.DeviceRequests}}", "box").text)
    assert [(one["Driver"], one["DeviceIDs"]) for one in asked] == [("cdi", ["vendor.example/thing=one"])]

    refused = cdi.docker("run", "--rm", "--device", "vendor.example/thing=nine", "busybox", "true", check=False)
    assert "CDI device injection failed: unresolvable CDI devices vendor.example/thing=nine" in refused.error

    facts = json.loads(cdi.docker("info", "-f", "{{json .}}").text)
    gpu, thing = "nvidia.com/gpu", "vendor.example/thing"
    names = [f"{gpu}=0", f"{gpu}=1", f"{gpu}=all", f"{thing}=one", f"{thing}=two"]
    assert facts["DiscoveredDevices"] == [{"Source": "cdi", "ID": name} for name in names]
    directory = facts["CDISpecDirs"][0]
    fault = f"{directory}/broken.json: failed to load CDI Spec invalid CDI Spec: invalid spec, no devices"
    assert f"CDI: Error associated with spec file {fault}" in facts["Warnings"]
    assert "DiscoveredDevices" not in cdi.request("GET", "/v1.49/info").json
    assert "  cdi: vendor.example/thing=one\n" in cdi.wharf("info").out.decode()


def test_who_has_no_gpus_says_so(wharfd: Wharfd) -> None:
    for client in (wharfd.docker, wharfd.wharf):
        ran = client("run", "--rm", "--gpus", "all", "busybox", "true", check=False)
        assert ran.code == 125
        assert 'could not select device driver "" with capabilities: [[gpu]]' in ran.error
    assert wharfd.docker("ps", "-aq").text == ""


def test_an_engine_that_is_told_to_read_no_descriptions(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd("--cdi-spec-dir", "")
    ran = engine.docker("run", "--rm", "--device", "vendor.example/thing=one", "busybox", "true", check=False)
    assert 'could not select device driver "cdi" with capabilities: []' in ran.error
    assert engine.request("GET", "/info").json["CDISpecDirs"] == []

"""Plugins as the API shows them, and the filters of a list."""

import msgspec
import pytest

from wharf.engine.plugins.describing import describe, list_matcher
from wharf.engine.plugins.record import PluginRecord
from wharf.errors import InvalidArgument
from wharf.spec.plugin_config import (
    PluginConfig,
    PluginDevice,
    PluginEnv,
    PluginInterface,
    PluginLinux,
    PluginRootFS,
    PluginSettings,
)

CONFIG = PluginConfig(
    entrypoint=("/p",),
    env=(PluginEnv(name="A", value="1", settable=("value",)),),
    interface=PluginInterface(socket="p.sock", types=("docker.volumedriver/1.0",)),
    linux=PluginLinux(devices=(PluginDevice(path="/dev/fuse"),)),
    rootfs=PluginRootFS(type="layers", diff_ids=("sha256:0",)),
)
PLUGIN = PluginRecord("1", "p:latest", CONFIG, "", "", "", settings=PluginSettings.of(CONFIG))


def test_all_members_are_those_of_dockerd() -> None:
    device = {"Description": "", "Name": "", "Path": "/dev/fuse", "Settable": None}
    assert msgspec.to_builtins(describe(PLUGIN)) == {
        "Config": {
            "Args": {"Description": "", "Name": "", "Settable": None, "Value": None},
            "Description": "",
            "Documentation": "",
            "Entrypoint": ["/p"],
            "Env": [{"Description": "", "Name": "A", "Settable": ["value"], "Value": "1"}],
            "Interface": {"Socket": "p.sock", "Types": ["docker.volumedriver/1.0"]},
            "IpcHost": False,
            "Linux": {"AllowAllDevices": False, "Capabilities": None, "Devices": [device]},
            "Mounts": None,
            "Network": {"Type": ""},
            "PidHost": False,
            "PropagatedMount": "",
            "User": {},
            "WorkDir": "",
            "rootfs": {"diff_ids": ["sha256:0"], "type": "layers"},
        },
        "Enabled": False,
        "Id": "1",
        "Name": "p:latest",
        "Settings": {"Args": [], "Devices": [device], "Env": ["A=1"], "Mounts": []},
    }


@pytest.mark.parametrize(
    ("filters", "is_shown"),
    [
        ({}, True),
        ({"enabled": ["false"]}, True),
        ({"enabled": ["true"]}, False),
        ({"capability": ["volumedriver"]}, True),
        ({"capability": ["networkdriver"]}, False),
        ({"capability": ["networkdriver", "volumedriver"], "enabled": ["0"]}, True),
    ],
)
def test_a_list_has_what_its_filters_let_through(filters: dict[str, list[str]], is_shown: bool) -> None:
    assert list_matcher(filters)(PLUGIN) is is_shown


@pytest.mark.parametrize("filters", [{"name": ["x"]}, {"enabled": ["x"]}, {"enabled": ["true", "false"]}])
def test_filters_that_do_not_exist_are_refused(filters: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidArgument, match=r"^invalid filter"):
        list_matcher(filters)

from pathlib import Path

import pytest

from wharf.engine.plugins.bundling import Around, spec
from wharf.engine.plugins.record import PluginPlaces, PluginRecord
from wharf.errors import EngineError
from wharf.linux.capabilities import NAMES
from wharf.runtime import bundle
from wharf.runtime.bundle import BundleSpec, Device, DeviceRule, HostFacts, Mount
from wharf.spec.plugin_config import (
    PluginConfig,
    PluginDevice,
    PluginLinux,
    PluginMount,
    PluginNetwork,
    PluginSettings,
)

ID = "a" * 64
PLACES = PluginPlaces(Path("/data/plugins"), Path("/run/plugins"))
AROUND = Around(
    facts=HostFacts(frozenset(NAMES), {}),
    every=frozenset(NAMES),
    hostname="host",
    cgroups_path="/wharf/x",
    unified_cgroups=False,
    devices={"/dev/full": (Device("/dev/full", "c", 1, 7),)},
    restrictions={"/narrow": ("nosuid", "nodev")},
)


def run_of(config: PluginConfig) -> BundleSpec:
    record = PluginRecord(ID, "p:latest", config, "", "", "", settings=PluginSettings.of(config))
    found, warnings = spec(record, PLACES, AROUND)
    assert not warnings
    return found


def test_a_plugin_that_asks_for_nothing_gets_a_container_s_rights_and_no_network() -> None:
    found = run_of(PluginConfig(entrypoint=("/p",)))
    assert (found.args, found.env, found.cwd, found.uid) == (("/p",), (bundle.DEFAULT_PATH,), "/", 0)
    assert found.capabilities == tuple(sorted(bundle.DEFAULT_CAPABILITIES))
    assert found.namespaces == bundle.Namespaces(network=bundle.NEW)
    assert found.device_rules == bundle.default_device_rules()
    assert found.mounts == (
        *bundle.default_mounts(),
        Mount("/run/docker/plugins", "bind", f"/run/plugins/{ID}", ("rbind", "rprivate")),
    )
    assert found.rootfs_propagation == ""


def test_what_it_asks_for() -> None:
    found = run_of(
        PluginConfig(
            entrypoint=("/p", "a"),
            ipc_host=True,
            linux=PluginLinux(capabilities=("CAP_SYS_ADMIN", "sys_time"), devices=(PluginDevice(path="/dev/full"),)),
            mounts=(PluginMount(source="/narrow", destination="/m", type="bind", options=("rbind",)),),
            network=PluginNetwork(type="host"),
            pid_host=True,
            propagated_mount="/mnt",
        )
    )
    assert set(found.capabilities) - set(bundle.DEFAULT_CAPABILITIES) == {"CAP_SYS_ADMIN", "CAP_SYS_TIME"}
    assert (found.namespaces.network, found.namespaces.pid, found.namespaces.ipc) == (bundle.HOST,) * 3
    assert found.device_rules[-1] == DeviceRule(True, "c", 1, 7) and found.devices == (Device("/dev/full", "c", 1, 7),)
    own = found.mounts[len(bundle.default_mounts()) :]
    assert own[0] == Mount("/mnt", "bind", f"/data/plugins/{ID}/propagated-mount", ("rbind", "rw", "rshared"))
    assert own[1] == Mount("/m", "bind", "/narrow", ("rbind", "nosuid", "nodev"))
    assert [mount.destination for mount in own[3:]] == ["/etc/hosts", "/etc/resolv.conf"]
    assert found.rootfs_propagation == "rshared"


def test_all_devices() -> None:
    found = run_of(PluginConfig(entrypoint=("/p",), linux=PluginLinux(allow_all_devices=True)))
    assert found.device_rules == (DeviceRule(True),)


def test_a_dev_of_its_own_is_not_covered_by_ours() -> None:
    config = PluginConfig(entrypoint=("/p",), mounts=(PluginMount(source="/dev", destination="/dev", type="bind"),))
    places = [mount.destination for mount in run_of(config).mounts]
    assert [place for place in places if place.startswith("/dev")] == ["/dev"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (PluginConfig(), "names no entrypoint"),
        (PluginConfig(entrypoint=("/p",), mounts=(PluginMount(destination="/m"),)), "mount source is not specified"),
        (PluginConfig(entrypoint=("/p",), linux=PluginLinux(capabilities=("CAP_X",))), 'unknown capability: "CAP_X"'),
    ],
)
def test_what_cannot_be_run(config: PluginConfig, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        run_of(config)

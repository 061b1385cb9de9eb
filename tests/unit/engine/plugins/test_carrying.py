"""An upgrade keeps what a user has chosen, and brings what the new version says."""

import msgspec

from wharf.engine.plugins.carrying import carried
from wharf.spec.plugin_config import PluginArgs, PluginConfig, PluginDevice, PluginEnv, PluginLinux, PluginMount
from wharf.spec.plugin_config import PluginSettings as Settings


def config(*, env: dict[str, str], mount: str = "/data", device: str = "/dev/a", settable: bool = True) -> PluginConfig:
    return PluginConfig(
        args=PluginArgs(value=("-v",), settable=("value",) if settable else ()),
        env=tuple(PluginEnv(name=k, value=v, settable=("value",) if settable else ()) for k, v in env.items()),
        mounts=(PluginMount(name="state", source=mount, settable=("source",) if settable else ()),),
        linux=PluginLinux(devices=(PluginDevice(name="d", path=device, settable=("path",) if settable else ()),)),
    )


OLD = config(env={"A": "1", "B": "1"})
CHOSEN = msgspec.structs.replace(
    Settings.of(OLD),
    args=("-q",),
    env=("A=mine", "B=1"),
    mounts=(msgspec.structs.replace(OLD.mounts[0], source="/mine"),),
    devices=(msgspec.structs.replace(OLD.linux.devices[0], path="/dev/mine"),),
)


def test_choices_stay_and_defaults_are_those_of_the_new_version() -> None:
    new = config(env={"A": "2", "B": "2", "C": "2"}, mount="/new")
    found = carried(OLD, CHOSEN, new)
    assert found.env == ("A=mine", "B=2", "C=2") and found.args == ("-q",)
    assert found.mounts[0].source == "/mine" and found.devices[0].path == "/dev/mine"


def test_nothing_stays_of_what_nobody_may_set_any_more() -> None:
    new = config(env={"A": "2"}, mount="/new", device="/dev/new", settable=False)
    assert carried(OLD, CHOSEN, new) == Settings.of(new)
    assert carried(OLD, CHOSEN, PluginConfig()) == Settings()


def test_who_has_chosen_nothing_gets_the_new_version_as_it_is() -> None:
    new = config(env={"A": "2"}, mount="/new", device="/dev/new")
    assert carried(OLD, Settings.of(OLD), new) == Settings.of(new)

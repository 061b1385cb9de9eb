import pytest

from wharf.engine.plugins.setting import changed
from wharf.errors import EngineError
from wharf.spec.plugin_config import (
    PluginArgs,
    PluginConfig,
    PluginDevice,
    PluginEnv,
    PluginLinux,
    PluginMount,
    PluginSettings,
)

CONFIG = PluginConfig(
    args=PluginArgs(name="args", settable=("value",), value=("a",)),
    env=(
        PluginEnv(name="DEBUG", value="0", settable=("value",)),
        PluginEnv(name="UNSET", settable=("value",)),
        PluginEnv(name="FIXED", value="1"),
        PluginEnv(name="my.name", value="1", settable=("value",)),
        PluginEnv(name="TWO", value="1", settable=("value", "description")),
    ),
    linux=PluginLinux(devices=(PluginDevice(name="disk", path="/dev/null", settable=("path",)),)),
    mounts=(PluginMount(name="keys", source="/a", destination="/b", settable=("source",)), PluginMount(name="other")),
)
AS_THEY_CAME = PluginSettings.of(CONFIG)


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (["DEBUG=1"], ("DEBUG=1", "FIXED=1", "my.name=1", "TWO=1")),
        (["DEBUG.value=1"], ("DEBUG=1", "FIXED=1", "my.name=1", "TWO=1")),
        (["DEBUG=a=b c"], ("DEBUG=a=b c", "FIXED=1", "my.name=1", "TWO=1")),
        (["DEBUG"], ("DEBUG=", "FIXED=1", "my.name=1", "TWO=1")),
        (["UNSET=x", "DEBUG=2", "UNSET=y"], ("DEBUG=2", "FIXED=1", "my.name=1", "TWO=1", "UNSET=y")),
        (["TWO.value=2"], ("DEBUG=0", "FIXED=1", "my.name=1", "TWO=2")),
    ],
)
def test_variables(arguments: list[str], env: tuple[str, ...]) -> None:
    assert changed(CONFIG, AS_THEY_CAME, arguments).env == env


def test_the_other_kinds() -> None:
    found = changed(CONFIG, AS_THEY_CAME, ["keys.source=/c", "disk=/dev/full", "args=--a b"])
    assert [mount.source for mount in found.mounts] == ["/c", None]
    assert [device.path for device in found.devices] == ["/dev/full"]
    assert found.args == ("--a", "b")
    assert found.env == AS_THEY_CAME.env


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("=x", "invalid format, must be <key>[.<field>][=<value>]"),
        ("", "invalid format, must be <key>[.<field>][=<value>]"),
        ("NOTHING=1", 'setting "NOTHING" not found in the plugin configuration'),
        ("FIXED=2", '"FIXED" is not settable'),
        ("DEBUG.description=x", '"DEBUG.description" is not settable'),
        ("keys.destination=/x", '"keys.destination" is not settable'),
        ("other=/x", '"other" is not settable'),
        ("TWO=2", "multiple fields are settable, one must be specified"),
        ("my.name=2", 'setting "my" not found in the plugin configuration'),
    ],
)
def test_what_is_refused(argument: str, words: str) -> None:
    with pytest.raises(EngineError, match=f"^{words.replace('[', '.').replace(']', '.')}$"):
        changed(CONFIG, AS_THEY_CAME, ["DEBUG=1", argument])

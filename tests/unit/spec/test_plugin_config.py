"""Plugins' configurations: what is read, and that nothing hostile does more than be refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.errors import InvalidArgument
from wharf.spec.plugin_config import (
    PluginConfig,
    PluginDevice,
    PluginEnv,
    PluginInterface,
    PluginMount,
    PluginSettings,
    PluginUser,
    format_plugin_config,
    parse_plugin_config,
)

#: As people write it: Docker's own documentation has the members in camel case.
SSHFS = b"""{
  "description": "sshFS plugin", "documentation": "https://example.com", "entrypoint": ["/sshfs"], "workdir": "/w",
  "env": [{"name": "DEBUG", "settable": ["value"], "value": "0"}, {"name": "KEY", "value": null}],
  "interface": {"socket": "sshfs.sock", "types": ["docker.volumedriver/1.0", "other.thing/2"]},
  "linux": {"capabilities": ["CAP_SYS_ADMIN"], "devices": [{"path": "/dev/fuse"}], "allowAllDevices": true},
  "mounts": [{"source": "/root/.ssh", "destination": "/ssh", "type": "bind", "options": ["rbind"], "unknown": 1}],
  "network": {"type": "host"}, "propagatedMount": "/mnt/volumes", "user": {"uid": 7, "GID": 8}, "pidhost": true,
  "rootfs": {"type": "layers", "diff_ids": ["sha256:00"]}, "nobody": ["knows"]
}"""


def test_a_configuration_as_people_write_it() -> None:
    config = parse_plugin_config(SSHFS)
    assert config.entrypoint == ("/sshfs",) and config.work_dir == "/w" and config.propagated_mount == "/mnt/volumes"
    assert config.interface.capabilities == {"volumedriver"} and config.interface.socket == "sshfs.sock"
    assert config.linux.allow_all_devices and config.linux.devices == (PluginDevice(path="/dev/fuse"),)
    assert config.user == PluginUser(uid=7, gid=8) and config.pid_host and not config.ipc_host
    assert config.rootfs is not None and config.rootfs.diff_ids == ("sha256:00",)
    assert config.mounts == (PluginMount(source="/root/.ssh", destination="/ssh", type="bind", options=("rbind",)),)
    assert parse_plugin_config(format_plugin_config(config)) == config


def test_what_is_not_said_is_empty() -> None:
    assert parse_plugin_config(b'{"mounts": null, "interface": {"types": null}}') == PluginConfig()
    assert PluginInterface(types=("volumedriver/1.0",)).capabilities == frozenset()


def test_settings_begin_with_what_the_configuration_says() -> None:
    config = parse_plugin_config(SSHFS)
    settings = PluginSettings.of(config)
    assert settings.env == ("DEBUG=0",)  # one without a value is not set at all
    assert settings.mounts == config.mounts and settings.devices == config.linux.devices


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"null", b"7", b'"x"', b"{", b"\xff", b"[" * 100_000),
        *(b'{"entrypoint": "sh"}', b'{"env": {"name": "x"}}', b'{"env": [7]}', b'{"args": []}', b'{"linux": 1}'),
        *(b'{"user": {"uid": "root"}}', b'{"user": {"uid": -1}}', b'{"user": {"uid": 4294967296}}'),
        *(b'{"mounts": [{"source": 7}]}', b'{"ipchost": "yes"}', b'{"interface": {"types": [1]}}'),
    ],
)
def test_what_is_no_configuration_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"^failed to parse config"):
        parse_plugin_config(data)


_text = st.text(max_size=5)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | _text,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PluginConfig.__struct_fields__) | _text, inner)
    ),
    max_leaves=12,
)


@given(_json | st.binary(max_size=40))
def test_no_document_does_more_than_be_refused(value: object) -> None:
    import msgspec

    data = value if isinstance(value, bytes) else msgspec.json.encode(value)
    try:
        config = parse_plugin_config(data)
    except InvalidArgument:
        return
    assert parse_plugin_config(format_plugin_config(config)) == config


@given(
    st.builds(
        PluginConfig,
        description=_text,
        env=st.lists(st.builds(PluginEnv, name=_text, value=st.none() | _text)).map(tuple),
    )
)
def test_what_is_written_can_be_read(config: PluginConfig) -> None:
    assert parse_plugin_config(format_plugin_config(config)) == config

"""Bodies, as Go's encoding/json and dockerd would read them."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wharf.api.decode import decode, decode_create, parse_json
from wharf.apitypes.containers import ContainerConfig, HostConfig, NetworkingConfig, PortBinding
from wharf.errors import InvalidArgument


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"xx", "invalid JSON: invalid character 'x' looking for beginning of value"),
        (b'{"Image":', "invalid JSON: unexpected EOF"),
        (b'{"Image":"a', "invalid JSON: unexpected EOF"),
        (b'{"Image" 5}', "invalid JSON: invalid character '5' after object key"),
        (b'{"Image":"a"} x', "unexpected content after JSON"),
        (b'{"Image":"a"}{}', "unexpected content after JSON"),
        (b"{Image:1}", "invalid JSON: invalid character 'I' looking for beginning of object key string"),
        (b"[" * 100_000, "invalid JSON: exceeded max depth"),
        (b'"\xff"', "invalid JSON: invalid UTF-8"),
    ],
)
def test_what_is_no_json_is_told_in_dockers_words(body: bytes, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_json(body)
    assert str(caught.value) == message


@given(st.binary(max_size=30))
def test_any_bytes_are_json_or_an_error_of_ours(body: bytes) -> None:
    try:
        parse_json(body)
    except InvalidArgument as error:
        assert str(error)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"Image":5}', "cannot unmarshal number into Go struct field CreateRequest.Image of type string"),
        (
            '{"Image":"a","HostConfig":{"Memory":"x"}}',
            "cannot unmarshal string into Go struct field CreateRequest.HostConfig.Memory of type int64",
        ),
        (
            '{"Image":"a","HostConfig":{"Memory":1.5}}',
            "cannot unmarshal number 1.5 into Go struct field CreateRequest.HostConfig.Memory of type int64",
        ),
        (
            '{"Image":"a","HostConfig":{"Memory":9223372036854775808}}',
            "cannot unmarshal number 9223372036854775808 into Go struct field "
            "CreateRequest.HostConfig.Memory of type int64",
        ),
        (
            '{"Image":"a","HostConfig":{"BlkioWeight":65536}}',
            "cannot unmarshal number 65536 into Go struct field CreateRequest.HostConfig.BlkioWeight of type uint16",
        ),
        (
            '{"Image":"a","HostConfig":{"BlkioDeviceReadBps":[{"Rate":-1}]}}',
            "cannot unmarshal number -1 into Go struct field "
            "CreateRequest.HostConfig.BlkioDeviceReadBps.Rate of type uint64",
        ),
        (
            '{"Image":"a","HostConfig":{"BlkioWeight":1.5}}',
            "cannot unmarshal number 1.5 into Go struct field CreateRequest.HostConfig.BlkioWeight of type uint16",
        ),
        ('{"Env":"x"}', "cannot unmarshal string into Go struct field CreateRequest.Env of type []string"),
        ('{"Env":[1]}', "cannot unmarshal number into Go struct field CreateRequest.Env of type string"),
        ('{"Tty":"true"}', "cannot unmarshal string into Go struct field CreateRequest.Tty of type bool"),
        ('{"Tty":1}', "cannot unmarshal number into Go struct field CreateRequest.Tty of type bool"),
        ('{"Labels":[]}', "cannot unmarshal array into Go struct field CreateRequest.Labels of type map[string]string"),
        ("[]", "cannot unmarshal array into Go value of type container.CreateRequest"),
    ],
)
def test_wrong_types_are_told_in_gos_words(body: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        decode_create(parse_json(body.encode()))
    assert str(caught.value) == f"invalid JSON: json: {message}"


@pytest.mark.parametrize("body", ["{}", "null", '{"Foo":1}', '{"HostConfig":{}}'])
def test_a_container_needs_a_configuration(body: str) -> None:
    with pytest.raises(InvalidArgument, match="config cannot be empty in order to create a container"):
        decode_create(parse_json(body.encode()))


def test_a_create_body_is_three_values() -> None:
    config, host, networking = decode_create(
        parse_json(
            b"""{"Image": "busybox", "Cmd": "ls", "Entrypoint": ["sh"], "ExposedPorts": {"80/tcp": null}, "Foo": 1,
            "HostConfig": {"Memory": 5, "PortBindings": {"80/tcp": [{"HostPort": "8080"}], "81/tcp": null},
                           "CapAdd": "NET_ADMIN", "MemorySwappiness": null, "PidsLimit": -1},
            "NetworkingConfig": {"EndpointsConfig": {"n": null}}}"""
        )
    )
    assert config == ContainerConfig(image="busybox", cmd=["ls"], entrypoint=["sh"], exposed_ports={"80/tcp": {}})
    assert host == HostConfig(
        memory=5,
        port_bindings={"80/tcp": [PortBinding(host_port="8080")], "81/tcp": []},
        cap_add=["NET_ADMIN"],
        pids_limit=-1,
    )
    assert list(networking.endpoints_config) == ["n"]


def test_names_match_whatever_their_case() -> None:
    config, host, _ = decode_create({"image": "a", "HOSTCONFIG": {"networkmode": "none"}})
    assert (config.image, host.network_mode) == ("a", "none")


def test_null_means_absent_for_every_member() -> None:
    for kind in (ContainerConfig, HostConfig, NetworkingConfig):
        nulls = {field.encode_name: None for field in msgspec.structs.fields(kind)}
        assert decode(nulls, kind, "X") == kind()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
host_names = st.sampled_from([field.encode_name for field in msgspec.structs.fields(HostConfig)])


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
@given(st.dictionaries(host_names, json_values, max_size=4))
def test_any_value_is_decoded_to_its_type_or_refused(value: dict[str, Any]) -> None:
    try:
        host = decode(value, HostConfig, "HostConfig")
    except InvalidArgument:
        return
    # The types are right: what we write is what a strict reader accepts.
    assert msgspec.json.decode(msgspec.json.encode(host), type=HostConfig) == host

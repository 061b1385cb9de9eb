"""Annotations that stand for members of ours."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.api import extensions
from wharf.api.decode import decode_create
from wharf.api.extensions import EXTENSIONS, translated
from wharf.apitypes.containers import ContainerConfig, HostConfig
from wharf.errors import InvalidArgument


def test_an_annotation_of_ours_is_the_member_and_no_annotation() -> None:
    _, host = translated(ContainerConfig(), HostConfig(annotations={"wharf.umask": "0027", "other": "kept"}))
    assert (host.umask, host.annotations) == ("0027", {"other": "kept"})


def test_the_door_translates() -> None:
    _, host, _ = decode_create({"Image": "x", "HostConfig": {"Annotations": {"wharf.umask": "077"}}})
    assert (host.umask, host.annotations) == ("077", {})


def test_the_member_itself_comes_from_clients_that_know_it() -> None:
    assert decode_create({"Image": "x", "HostConfig": {"Umask": "077"}})[1].umask == "077"


@given(st.dictionaries(st.text(), st.text()).filter(lambda found: not any(name.startswith("wharf.") for name in found)))
def test_other_annotations_are_left_alone(annotations: dict[str, str]) -> None:
    config, host = ContainerConfig(), HostConfig(annotations=annotations)
    assert translated(config, host) == (config, host)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (HostConfig(annotations={"wharf.umasc": "1"}), "unknown annotation wharf.umasc: this engine knows"),
        (HostConfig(annotations={"wharf.": ""}), "unknown annotation wharf.: this engine knows"),
        (HostConfig(umask="022", annotations={"wharf.umask": "077"}), "conflicting options: annotation wharf.umask"),
    ],
)
def test_what_is_refused(host: HostConfig, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        translated(ContainerConfig(), host)


def test_the_same_said_twice_is_no_conflict() -> None:
    assert translated(ContainerConfig(), HostConfig(umask="077", annotations={"wharf.umask": "077"}))[1].umask == "077"


@pytest.mark.parametrize(
    ("value", "read"), [("", True), ("true", True), ("True", True), ("0", False), ("false", False)]
)
def test_flags(value: str, read: bool) -> None:
    assert extensions.flag(value) is read


@pytest.mark.parametrize(("value", "read"), [("0", 0), ("17", 17), ("-3", -3)])
def test_numbers(value: str, read: int) -> None:
    assert extensions.number(value) == read


@pytest.mark.parametrize("value", ["", "-", "x", "1.5", "--1", "1_0", "²"])
def test_what_is_no_number(value: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        extensions.number(value)


def test_every_row_names_a_member_that_is_not_shown_unless_asked_for() -> None:
    for name, extension in EXTENSIONS.items():
        assert name == name.lower() and "_" not in name
        kind = ContainerConfig if extension.place == "config" else HostConfig
        # UsernsMode is a member of Docker's, too, which shows it always.
        assert getattr(kind(), extension.field) is ("" if name == "userns" else msgspec.UNSET)

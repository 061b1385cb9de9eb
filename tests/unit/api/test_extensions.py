"""Annotations that stand for members of ours."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.api import extensions
from wharf.api.decode import decode_create
from wharf.api.extensions import EXTENSIONS, translated
from wharf.apitypes.containers import HostConfig
from wharf.errors import InvalidArgument


def test_an_annotation_of_ours_is_the_member_and_no_annotation() -> None:
    host = translated(HostConfig(annotations={"wharf.umask": "0027", "other": "kept"}))
    assert (host.umask, host.annotations) == ("0027", {"other": "kept"})


def test_the_door_translates() -> None:
    _, host, _ = decode_create({"Image": "x", "HostConfig": {"Annotations": {"wharf.umask": "077"}}})
    assert (host.umask, host.annotations) == ("077", {})


def test_the_member_itself_comes_from_clients_that_know_it() -> None:
    assert decode_create({"Image": "x", "HostConfig": {"Umask": "077"}})[1].umask == "077"


@given(st.dictionaries(st.text(), st.text()).filter(lambda found: not any(name.startswith("wharf.") for name in found)))
def test_other_annotations_are_left_alone(annotations: dict[str, str]) -> None:
    host = HostConfig(annotations=annotations)
    assert translated(host) == host


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
        translated(host)


def test_the_same_said_twice_is_no_conflict() -> None:
    assert translated(HostConfig(umask="077", annotations={"wharf.umask": "077"})).umask == "077"


@pytest.mark.parametrize(
    ("value", "read"), [("/a", {"/a": ""}), ("/a=0:1:2,/b/c", {"/a": "0:1:2", "/b/c": ""}), ("/a=x=y", {"/a": "x=y"})]
)
def test_targets(value: str, read: dict[str, str]) -> None:
    assert extensions.targets(value) == read


@pytest.mark.parametrize("value", ["", "a", "/a,/a", "/a,", "=x"])
def test_what_names_no_targets(value: str) -> None:
    with pytest.raises(InvalidArgument, match="expected mount points"):
        translated(HostConfig(annotations={"wharf.idmap": value}))


def test_every_row_names_a_member_that_is_not_shown_unless_asked_for() -> None:
    for name, extension in EXTENSIONS.items():
        assert name == name.lower() and "_" not in name
        # UsernsMode is a member of Docker's, too, which shows it always.
        assert getattr(HostConfig(), extension.field) is ("" if name == "userns" else msgspec.UNSET)

"""Which names and options a local volume may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.errors import InvalidArgument
from wharf.volumes.naming import check_name, check_options


@pytest.mark.parametrize("name", ["ab", "A0", "0.", "my_volume-1.x", "a" * 255, "f" * 64])
def test_names_that_docker_accepts(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["a", "é", "a/b", "../x", "..", ".a", "_a", "a b", "aé", "ab\n", "a" * 256, "a\0b"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        check_name(name)


@given(st.text(min_size=1))
def test_what_passes_is_one_name_of_a_visible_file(name: str) -> None:
    try:
        check_name(name)
    except InvalidArgument:
        return
    assert "/" not in name and "\0" not in name and not name.startswith(".") and len(name) > 1


@pytest.mark.parametrize("text", ["", "m", "-1", "1 000", "12x", "1e3"])
def test_sizes_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^invalid size: '"):
        check_options({"size": text})


def test_options() -> None:
    check_options({})
    with pytest.raises(InvalidArgument, match=r'^invalid option: "foo"$'):
        check_options({"foo": "1"})
    with pytest.raises(InvalidArgument, match=r'^missing required option: "device"$'):
        check_options({"type": "tmpfs"})

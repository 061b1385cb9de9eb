import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.snapshots.container_paths import AskedPath, ask, real_path


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("/a/b", AskedPath("/a/b", False, "b")),
        ("a/b", AskedPath("/a/b", False, "b")),
        ("/a/b/", AskedPath("/a/b", True, "b")),
        ("/a/b/.", AskedPath("/a/b", True, ".")),
        ("/", AskedPath("/", True, "/")),
        (".", AskedPath("/", True, "/")),
        ("/..", AskedPath("/", True, "/")),
        ("//a//../b", AskedPath("/b", False, "b")),
    ],
)
def test_paths_that_clients_write(text: str, asked: AskedPath) -> None:
    assert ask(text) == asked


LINKS = {"/l": "/d", "/d/up": "../x", "/loop": "/loop", "/out": "../../../etc", "/chain": "l/up"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b", "/a/b"),
        ("/l/f", "/d/f"),
        ("/d/up/f", "/x/f"),
        ("/chain", "/x"),
        ("/out", "/etc"),
        ("/l/../l", "/d"),
        ("/missing/../l", "/d"),
    ],
)
def test_where_links_lead(path: str, expected: str) -> None:
    assert real_path(path, LINKS.get) == expected


def test_a_loop_ends() -> None:
    assert real_path("/loop/x", LINKS.get).startswith("/loop")


@given(st.lists(st.sampled_from(["a", "b", "..", ".", "", "l"])).map("/".join))
def test_without_links_it_is_the_plain_path(path: str) -> None:
    assert ask(path).path == posixpath.normpath("/" + path.lstrip("/"))
    assert real_path(path, lambda _: None) == posixpath.normpath("/" + path.lstrip("/"))

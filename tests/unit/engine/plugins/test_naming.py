"""Which plugin a name means."""

import pytest

from wharf.engine.plugins.naming import find, name_of, new_name, parse_name
from wharf.engine.plugins.record import PluginRecord
from wharf.errors import EngineError, InvalidArgument, NotFound
from wharf.spec.plugin_config import PluginConfig

DIGEST = "sha256:" + "0" * 64


def plugin(id: str, name: str) -> PluginRecord:
    return PluginRecord(id.ljust(64, "0"), name, PluginConfig(), "", "", "")


PLUGINS = [
    plugin("ab1", "me/shelf:latest"),
    plugin("ab2", "me/shelf:2"),
    plugin("cd", "registry.example/ab1:latest"),
    plugin("ef", "ab:latest"),
]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("me/shelf", "me/shelf:latest"),
        ("me/shelf:latest", "me/shelf:latest"),
        ("docker.io/me/shelf:2", "me/shelf:2"),
        ("ab2", "me/shelf:2"),
        ("ab1" + "0" * 61, "me/shelf:latest"),
        ("c", "registry.example/ab1:latest"),
        ("ab", "ab:latest"),  # a name is more than the start of an id
    ],
)
def test_a_plugin_is_found_by_name_and_by_id(asked: str, name: str) -> None:
    assert find(PLUGINS, asked).name == name


@pytest.mark.parametrize("asked", ["nobody", "", "me/shelf:3", f"me/shelf@{DIGEST}", "ME:::", "AB1", "f" * 64])
def test_nobody_is_found_by_what_names_nobody(asked: str) -> None:
    with pytest.raises(NotFound) as found:
        find(PLUGINS, asked)
    assert str(found.value) == f'plugin "{asked}" not found'


def test_the_start_of_two_ids_is_not_clear() -> None:
    with pytest.raises(InvalidArgument, match=r'^multiple plugins found for "a"$'):
        find(PLUGINS, "a")


def test_new_names_have_a_tag_and_no_digest() -> None:
    assert new_name(parse_name("shelf"), "no") == "shelf:latest"
    assert new_name(parse_name("registry.example/me/shelf:2"), "no") == "registry.example/me/shelf:2"
    with pytest.raises(EngineError, match=r"^no$"):
        new_name(parse_name(f"shelf@{DIGEST}"), "no")
    for bad in ("", "a b", "x:"):
        with pytest.raises(EngineError, match="invalid reference format") as found:
            parse_name(bad)
        assert not isinstance(found.value, InvalidArgument)  # dockerd answers 500


def test_a_plugin_that_is_pulled_has_its_name_from_where_it_was() -> None:
    assert name_of(parse_name("me/shelf:2")) == "me/shelf:2"
    assert name_of(parse_name(f"registry.example/shelf@{DIGEST}")) == "registry.example/shelf:latest"

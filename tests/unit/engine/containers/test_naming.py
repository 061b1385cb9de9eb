import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.engine.containers import naming
from wharf.errors import InvalidArgument


@pytest.mark.parametrize(("text", "name"), [("web", "web"), ("/web", "web"), ("a.b-c_1", "a.b-c_1"), ("0x", "0x")])
def test_names_that_docker_accepts(text: str, name: str) -> None:
    assert naming.parse(text) == name


@pytest.mark.parametrize("text", ["", "/", "a", "-a", "_ab", "a b", "a/b", "ä1", "//ab", "ab\n"])
def test_names_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid container name"):
        naming.parse(text)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=10**6))
def test_a_generated_name_is_a_name(number: int, attempt: int) -> None:
    name = naming.generate(number, attempt)
    assert naming.parse(name) == name

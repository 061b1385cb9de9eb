import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.errors import InvalidArgument
from wharf.spec.dockerfile_words import expanded, expanded_words, raw_words

VARIABLES = {"A": "1", "SPACED": "x y", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", "plain"),
        ("$A${A}_$A", "11_1"),
        ("${NO:-word}${A:-word}${EMPTY:-word}${EMPTY-word}", "word1word"),
        ("${A:+yes}${NO:+yes}${EMPTY:+yes}${EMPTY+yes}", "yesyes"),
        ("${NO:-$A}", "1"),
        ("'$A' \"$A\" \\$A", "$A 1 $A"),
        ("a\\ b", "a b"),
        ('"a \\" b"', 'a " b'),
        ("$ $", "$ $"),
        ("$SPACED", "x y"),
    ],
)
def test_variables_and_quotes(text: str, found: str) -> None:
    assert expanded(text, VARIABLES) == found


def test_words() -> None:
    assert expanded_words("a  $SPACED \"$SPACED\" 'c d' $EMPTY", VARIABLES) == ["a", "x", "y", "x y", "c d"]
    assert raw_words("a=\"x y\" b='z w' c=\\ d") == ['a="x y"', "b='z w'", "c=\\ d"]


@pytest.mark.parametrize("text", ["'open", '"open', "${A", "${NO:?}", "${}", "${A:x}"])
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(InvalidArgument):
        expanded(text, VARIABLES)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_what_is_quoted_stays_as_it_is(text: str) -> None:
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    assert expanded(quoted, {}) == text
    assert expanded_words(quoted, {}) == ([text] if text else [])

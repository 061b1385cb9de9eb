"""Truth, as Go reads it."""

import pytest

from wharf.spec.booleans import parse_bool


@pytest.mark.parametrize("words", [("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")])
def test_words_of_go(words: tuple[str, ...]) -> None:
    assert {parse_bool(word) for word in words} == {words[0] == "1"}


@pytest.mark.parametrize("word", ["", "yes", "tRUE", "2", " true", "on"])
def test_what_is_neither_true_nor_false(word: str) -> None:
    with pytest.raises(ValueError, match=r"^strconv\.ParseBool: parsing ") as found:
        parse_bool(word)
    assert str(found.value).endswith(f'"{word}": invalid syntax')

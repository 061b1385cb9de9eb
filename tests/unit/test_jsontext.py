"""Reading JSON without the json package."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.jsontext import decode_json


@pytest.mark.parametrize(
    "text",
    ['{"a":1}junk', "{}{}", "[1]]", "1 2", "truefalse", "01", "\xa0{}", "", " ", "{", '{"a":1', '{"a":1}\0'],
)
def test_what_is_not_one_value_is_refused(text: str) -> None:
    for given_as in (text, text.encode()):
        with pytest.raises(ValueError):
            decode_json(given_as)


SPACE = st.text(" \t\r\n", max_size=3)


@given(st.recursive(st.integers() | st.text() | st.none(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_values_come_back(value: object) -> None:
    assert decode_json(json.dumps(value)) == value


@given(SPACE, SPACE)
def test_space_around_a_value_is_nothing(before: str, behind: str) -> None:
    assert decode_json(f'{before}{{"a":1}}{behind}') == {"a": 1}

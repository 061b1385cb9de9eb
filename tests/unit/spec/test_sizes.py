import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.errors import InvalidArgument
from wharf.spec.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("17", 17),
        ("17b", 17),
        ("4k", 4096),
        ("4 KiB", 4096),
        ("512m", 536_870_912),
        ("1.5GiB", 1_610_612_736),
    ],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "-1", "1 000", "12x", "1e3", "1..5", "١", "9999999p", "1\n"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid size"):
        parse_size(text)


@given(st.integers(0, 2**40), st.sampled_from(["", "k", "m"]), st.sampled_from(["", "b", "iB", "B"]))
def test_units_are_powers_of_1024(number: int, unit: str, suffix: str) -> None:
    if unit or suffix != "iB":
        assert parse_size(f"{number}{unit}{suffix}") == number * {"": 1, "k": 1024, "m": 1024**2}[unit]

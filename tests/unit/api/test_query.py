"""Queries, times, filters and credentials: everything small that a request carries."""

import base64
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.api.query import Query, parse_int
from wharf.api.registry_auth import parse_registry_auth
from wharf.api.timestamps import parse_timestamp, with_all_nanoseconds
from wharf.apitypes.filters import parse_filters
from wharf.distribution.config import RegistryAuth
from wharf.errors import InvalidArgument

printable = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@given(st.lists(st.tuples(printable, printable), max_size=5))
def test_what_a_client_encodes_we_read(pairs: list[tuple[str, str]]) -> None:
    values = Query.parse(urlencode(pairs)).values
    for name, value in pairs:
        assert value in values[name]


@pytest.mark.parametrize("text", ["", "0", "no", "false", "none", "FALSE", " 0 "])
def test_what_is_false(text: str) -> None:
    assert not Query({"x": [text]}).flag("x", default=True)


@pytest.mark.parametrize("text", ["1", "true", "yes", "2", "x"])
def test_what_is_true(text: str) -> None:
    assert Query({"x": [text]}).flag("x")


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("12", 12), ("-1", -1), ("+3", 3)])
def test_numbers(text: str, value: int) -> None:
    assert parse_int(text) == value


@pytest.mark.parametrize("text", ["", "x", "1.5", "1_0", "٣", " 1", "9223372036854775808", "9" * 5000])
def test_no_numbers(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"strconv\.Atoi: parsing"):
        parse_int(text)


def test_a_broken_escape_is_refused() -> None:
    with pytest.raises(InvalidArgument, match='invalid URL escape "%zz"'):
        Query.parse("all=%zz")


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1", 10**9),
        ("1.000000005", 10**9 + 5),
        ("-1.5", -1_500_000_000),
        ("1970-01-01", 0),
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T00:00:01.123456789Z", 1_123_456_789),
        ("1970-01-01T01:00:01+01:00", 10**9),
        ("1970-01-01T00:01", 60 * 10**9),
    ],
)
def test_times(text: str, nanoseconds: int) -> None:
    assert parse_timestamp(text) == nanoseconds


@pytest.mark.parametrize("text", ["x", "1e5", "1970-13-01", "1970-01-01T25:00:00Z", "--1", "1.2.3"])
def test_no_times(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_timestamp(text)


def test_log_times_have_nine_digits() -> None:
    assert with_all_nanoseconds("2026-01-01T00:00:00.12Z") == "2026-01-01T00:00:00.120000000Z"
    assert with_all_nanoseconds("2026-01-01T00:00:00Z") == "2026-01-01T00:00:00.000000000Z"


@given(st.dictionaries(printable, st.lists(printable, max_size=3), min_size=1, max_size=3))
def test_filters_are_lists_by_name(filters: dict[str, list[str]]) -> None:
    assert parse_filters(json.dumps(filters)) == filters


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("", {}),
        ("{}", {}),
        ("null", {}),
        ('{"label":{"a":true,"b":false}}', {"label": ["a"]}),
        ('{"label":null}', {"label": []}),
    ],
)
def test_filters(text: str, filters: dict[str, list[str]]) -> None:
    assert parse_filters(text) == filters


@pytest.mark.parametrize("text", ["x", "[]", '{"a":5}', '{"a":[1]}', '{"a":"b"}', "5", '{"a":', "[" * 9999])
def test_no_filters(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid filter"):
        parse_filters(text)


def test_registry_credentials_in_every_alphabet() -> None:
    secret = '{"username":"ü?>","password":"~~>?","serveraddress":"h"}'.encode()
    wanted = RegistryAuth("ü?>", "~~>?", server_address="h")
    for text in (base64.urlsafe_b64encode(secret), base64.b64encode(secret)):
        assert parse_registry_auth(text.decode()) == wanted
        assert parse_registry_auth(text.decode().rstrip("=")) == wanted


@pytest.mark.parametrize("header", ["", "e30=", "!!", "bnVsbA==", "W10=", "eA", "eyJ1c2VybmFtZSI6NX0="])
def test_what_holds_no_credentials_is_anonymous(header: str) -> None:
    assert parse_registry_auth(header) is None


def test_secrets_do_not_show() -> None:
    assert "hunter2" not in repr(RegistryAuth("u", "hunter2"))

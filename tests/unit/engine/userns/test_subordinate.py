import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.engine.userns import subordinate
from wharf.engine.userns.subordinate import Entry
from wharf.errors import InvalidArgument
from wharf.spec.id_mapping import Span

FILE = """\
# a comment
alice:100000:65536

1001:200000:1000
alice:300000:70000
bob:165536:0
"""


def test_all_ranges_of_a_user_count_whatever_it_is_called_there() -> None:
    entries = subordinate.parse(FILE, "/etc/subuid")
    assert subordinate.spans_of(entries, ("alice", "1000")) == (Span(100_000, 65536), Span(300_000, 70_000))
    assert subordinate.spans_of(entries, ("carol", "1001")) == (Span(200_000, 1000),)
    assert subordinate.spans_of(entries, ("bob", "1002")) == ()


@pytest.mark.parametrize("line", ["alice", "alice:1", "alice:1:2:3", "alice:x:1", ":1:1", "alice:-1:5", "alice:1:²"])
def test_a_line_that_is_none_is_refused_with_the_files_name(line: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot parse /etc/subgid"):
        subordinate.parse(f"bob:1:1\n{line}\n", "/etc/subgid")


names = st.text("abcdef0123456789_-", min_size=1, max_size=8)
entries = st.lists(st.builds(Entry, names, st.builds(Span, st.integers(0, 2**32), st.integers(0, 2**20))), max_size=10)


@given(entries)
def test_what_is_written_is_read(written: list[Entry]) -> None:
    text = "".join(f"{one.owner}:{one.span.first}:{one.span.size}\n" for one in written)
    assert subordinate.parse(text, "f") == tuple(written)


@given(entries)
def test_a_new_users_ids_are_nobody_elses(present: list[Entry]) -> None:
    span = subordinate.next_span(present)
    assert span.first >= 100_000
    assert not any(span.overlaps(one.span) for one in present)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        subordinate.parse(text, "f")
    except InvalidArgument:
        pass


@pytest.mark.parametrize(
    ("text", "user", "group"),
    [
        ("default", "dockremap", ""),
        ("alice", "alice", ""),
        ("alice:staff", "alice", "staff"),
        ("1000:1001", "1000", "1001"),
        ("default:default", "dockremap", "dockremap"),
    ],
)
def test_who_is_meant_by_userns_remap(text: str, user: str, group: str) -> None:
    assert subordinate.parse_remap(text) == (user, group)


@pytest.mark.parametrize("text", ["", ":", "alice:", ":staff", "a:b:c"])
def test_what_userns_remap_cannot_mean(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid user/group specification"):
        subordinate.parse_remap(text)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.engine.containers import idmaps
from wharf.engine.containers.idmaps import Idmap, Range
from wharf.errors import InvalidArgument
from wharf.spec.id_mapping import IdMapping, IdRange

ids = st.integers(min_value=0, max_value=2**32 - 2)


def shown(ranges: tuple[Range, ...], id: int) -> int | None:
    return next((id - one.inside + one.outside for one in ranges if one.inside <= id < one.inside + one.size), None)


@given(ids, ids, ids)
def test_owner_and_user_change_places_and_all_others_stay(owner: int, user: int, other: int) -> None:
    ranges = idmaps.exchanged(owner, user)
    assert shown(ranges, owner) == user and shown(ranges, user) == owner
    assert other in (owner, user) or shown(ranges, other) == other


@given(ids, ids)
def test_every_id_but_that_of_nobody_has_one_place(owner: int, user: int) -> None:
    ranges = idmaps.exchanged(owner, user)
    for side in ("inside", "outside"):
        ordered = sorted((getattr(one, side), one.size) for one in ranges)
        assert [start for start, _ in ordered] == [0, *(start + size for start, size in ordered[:-1])]
        assert sum(ordered[-1]) == 2**32 - 1


def test_a_map_says_host_then_container() -> None:
    found = idmaps.parse("uids=1000-0-1#2000-5-10;gids=100-0-1")
    assert found == idmaps.Idmap((Range(1000, 0, 1), Range(2000, 5, 10)), (Range(100, 0, 1),))
    both = idmaps.parse("uids=1000-0-1")
    assert both is not None and both.gids == both.uids
    assert idmaps.parse("") is None


@pytest.mark.parametrize(
    "text",
    ["x", "uids=", "uids=1-2", "uids=1-2-0", "uids=1-2-3;uids=1-2-3", "uids=0-0-4294967296", "uids=0-0-10#5-20-10"],
)
def test_maps_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid idmap"):
        idmaps.parse(text)


@st.composite
def maps(draw: st.DrawFn) -> tuple[Range, ...]:
    """Disjoint on both sides, as the kernel wants them."""
    ranges: list[tuple[int, int]] = []
    inside = outside = 0
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=5)):
        ranges.append((inside + gap, size))
        inside += gap + size
    places = draw(st.permutations(ranges))
    found = []
    for (first, size), gap in zip(places, draw(st.lists(st.integers(0, 9), min_size=5, max_size=5)), strict=False):
        found.append(Range(first, outside + gap, size))
        outside += gap + size
    return tuple(found)


@given(maps(), maps())
def test_in_a_user_namespace_a_map_leads_on_to_users_of_the_host(
    asked: tuple[Range, ...], own: tuple[Range, ...]
) -> None:
    ranges = tuple(IdRange(one.inside, one.outside, one.size) for one in own)
    mapping = IdMapping(ranges, ranges)
    found = idmaps.seen_in(Idmap(asked, asked), mapping)
    for id in range(60):
        inside = shown(asked, id)
        expected = None if inside is None else shown(own, inside)
        assert shown(found.uids, id) == shown(found.gids, id) == expected
    assert [str(one) for one in idmaps.of_namespace(mapping).uids] == [str(one) for one in own]

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.engine.userns.allocating import DEFAULT_POOL, Pool, allocate
from wharf.engine.userns.modes import Auto, KeepId
from wharf.errors import Conflict
from wharf.spec.id_mapping import IdMapping, IdRange, Span, check_mapping


def pool(*spans: tuple[int, int]) -> Pool:
    return Pool(*[tuple(Span(*one) for one in spans)] * 2)


def one(first: int, size: int) -> IdMapping:
    return IdMapping.consecutive([Span(first, size)], [Span(first, size)])


def test_the_first_gap_is_taken_that_is_large_enough() -> None:
    taken = [one(130, 10), one(100, 10), one(115, 5)]
    assert allocate(pool((100, 100)), taken, Auto(5)) == one(110, 5)
    assert allocate(pool((100, 100)), taken, Auto(10)) == one(120, 10)
    assert allocate(pool((100, 100)), taken, Auto(11)) == one(140, 11)
    assert allocate(pool((100, 41), (500, 50)), taken, Auto(11)) == one(500, 11)


def test_users_and_groups_come_from_pools_of_their_own() -> None:
    found = allocate(Pool((Span(100, 50),), (Span(900, 50),)), [one(100, 10)], Auto(10))
    assert found == IdMapping((IdRange(0, 110, 10),), (IdRange(0, 900, 10),))


def test_a_kept_id_is_the_hosts_and_all_others_are_from_the_pool() -> None:
    found = allocate(pool((5000, 100)), [], KeepId(1000, 1001, uid=7, gid=0, size=10))
    assert found.uids == (IdRange(0, 5000, 7), IdRange(7, 1000, 1), IdRange(8, 5008, 2))
    assert found.gids == (IdRange(0, 1001, 1), IdRange(1, 5001, 9))


@pytest.mark.parametrize("size", [101, 2**32])
def test_what_does_not_fit_is_a_conflict(size: int) -> None:
    with pytest.raises(Conflict, match=f"could not find {size} user ids"):
        allocate(pool((100, 100)), [], Auto(size))


def test_the_pool_without_a_word_has_room_for_thousands_and_stays_below_what_nobody_may_use() -> None:
    taken: list[IdMapping] = []
    for _ in range(50):
        taken.append(allocate(DEFAULT_POOL, taken, Auto()))
    assert DEFAULT_POOL.uids[0].size // Auto().size == 4095
    assert DEFAULT_POOL.uids[0].end <= 2**31 - 2


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """One to four disjoint spans, lowest first."""
    spans, first = [], 1
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 60)), min_size=1, max_size=4)):
        spans.append((first + gap, size))
        first += gap + size
    return pool(*spans)


@given(pools(), st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=12))
def test_no_two_containers_share_an_id_and_a_refusal_means_that_there_is_no_gap(
    given_pool: Pool, steps: list[tuple[int, bool]]
) -> None:
    taken: list[IdMapping] = []
    for size, removes in steps:
        if removes and taken:
            taken.pop(0)
        try:
            made = allocate(given_pool, taken, Auto(size))
        except Conflict:
            assert not _has_gap(given_pool, taken, size)
            continue
        check_mapping(made)
        span = made.uids[0].outside
        assert any(part.first <= span.first and span.end <= part.end for part in given_pool.uids)
        assert not any(span.overlaps(other.outside) for each in taken for other in each.uids)
        taken.append(made)


def _has_gap(given_pool: Pool, taken: list[IdMapping], size: int) -> bool:
    used = {id for each in taken for other in each.uids for id in range(other.host, other.host + other.size)}
    return any(
        not used.intersection(range(start, start + size))
        for part in given_pool.uids
        for start in range(part.first, part.end - size + 1)
    )

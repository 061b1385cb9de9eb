import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.errors import InvalidArgument
from wharf.spec.id_mapping import ID_LIMIT, IdMapping, IdRange, Span, check_mapping, table


def mapping(*ranges: tuple[int, int, int]) -> IdMapping:
    return IdMapping(*[tuple(IdRange(*one) for one in ranges)] * 2)


def test_a_map_is_what_the_kernel_reads() -> None:
    assert table(mapping((0, 100_000, 1000), (1000, 1000, 1)).uids) == "0 100000 1000\n1000 1000 1\n"


def test_the_containers_root_is_somebody_on_the_host() -> None:
    two = IdMapping((IdRange(5, 70, 5), IdRange(0, 50, 5)), (IdRange(0, 90, 1),))
    assert two.root == (50, 90)


@pytest.mark.parametrize(
    ("ranges", "why"),
    [
        ([], "user 0 of the container is nobody"),
        ([(1, 100, 10)], "user 0 of the container is nobody"),
        ([(0, 0, 10)], "the host's root"),
        ([(0, 100, 0)], "no ids"),
        ([(0, 100, 10), (5, 200, 10)], "the uids of the container overlap at 5"),
        ([(0, 100, 10), (20, 109, 10)], "the uids of the host overlap at 109"),
        ([(0, ID_LIMIT - 1, 2)], "ids end at"),
        ([(0, 100, 2**40)], "ids end at"),
        ([(n, 1000 + n, 1) for n in range(341)], "341 ranges"),
    ],
)
def test_mappings_that_cannot_be(ranges: list[tuple[int, int, int]], why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        check_mapping(mapping(*ranges))


def test_the_groups_are_checked_as_the_users_are() -> None:
    uids = mapping((0, 100, 10)).uids
    with pytest.raises(InvalidArgument, match="invalid gid mapping"):
        check_mapping(IdMapping(uids, (IdRange(0, 0, 10),)))


sizes = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=8)


@given(sizes)
def test_spans_in_a_row_cover_the_first_ids_without_a_gap(gaps_and_sizes: list[tuple[int, int]]) -> None:
    spans, first = [], 1
    for gap, size in gaps_and_sizes:
        spans.append(Span(first + gap, size))
        first += gap + size
    made = IdMapping.consecutive(spans, spans)
    check_mapping(made)
    ids = [id for one in made.uids for id in range(one.container, one.container + one.size)]
    assert ids == list(range(sum(size for _, size in gaps_and_sizes)))
    assert [one.outside for one in made.uids] == spans

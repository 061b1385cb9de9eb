import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.engine.containers.user_namespace import outermost


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        ([], ()),
        (["/v/a", "/v/a"], ("/v/a",)),
        (["/v/a/sub", "/v/a", "/v/ab"], ("/v/a", "/v/ab")),
    ],
)
def test_no_directory_is_mapped_twice(paths: list[str], kept: tuple[str, ...]) -> None:
    assert outermost(paths) == kept


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))))
def test_each_path_lies_in_exactly_one_that_is_kept(paths: list[str]) -> None:
    kept = outermost(paths)
    for path in paths:
        assert sum(path == one or path.startswith(one + "/") for one in kept) == 1

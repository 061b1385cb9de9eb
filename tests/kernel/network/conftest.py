"""Network namespaces for the tests of the network room."""

from collections.abc import Iterator

import pytest

from harness.world import World, new_world


@pytest.fixture
def world() -> Iterator[World]:
    with new_world() as made:
        yield made

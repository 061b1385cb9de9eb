import pytest

from wharf.engine.containers import storage
from wharf.errors import EngineError


@pytest.mark.parametrize(("options", "asked"), [({}, ""), ({"size": "10g"}, "10g"), ({"SIZE": "1"}, "1")])
def test_the_size_that_is_asked_for(options: dict[str, str], asked: str) -> None:
    assert storage.size_asked(options) == asked


def test_no_other_option_is_known() -> None:
    with pytest.raises(EngineError, match="Unknown option inodes"):
        storage.size_asked({"size": "1g", "inodes": "5"})


def test_a_size_that_is_none() -> None:
    with pytest.raises(EngineError, match="invalid size: 'much'"):
        storage.bytes_of("much")
    assert storage.bytes_of("1k") == 1024

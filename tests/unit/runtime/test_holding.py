"""Sockets that a shim is to hold for published ports."""

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wharf.runtime.shim.main import Shim


def test_a_shim_without_room_for_all_of_them_keeps_those_that_it_has() -> None:
    had = [object()]  # nothing of it is asked for: it is neither closed nor replaced
    shim = cast(Any, SimpleNamespace(_forwarders=had))
    came = os.open(os.devnull, os.O_RDONLY)
    assert "too many open files" in Shim._hold(shim, [{}, {}], [came])
    assert shim._forwarders is had
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(came)

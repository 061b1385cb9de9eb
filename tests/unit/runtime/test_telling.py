"""What a shim tells a wharfd arrives, also when that is too busy to read for a while."""

import _socket
import os
import threading
from types import SimpleNamespace
from typing import Any, cast

from wharf.runtime import wire
from wharf.runtime.shim.loop import Loop
from wharf.runtime.shim.main import Control

#: More than a socket holds.
MESSAGES = 2000


def test_a_wharfd_that_reads_late_is_told_all() -> None:
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    shim = SimpleNamespace(loop=Loop(), control_closed=lambda control: None)
    told: list[int] = []

    def read() -> None:
        reader = wire.Reader(theirs)
        while not reader.at_end:
            told.extend(message["number"] for message in reader.receive())

    control = Control(cast(Any, shim), ours)
    late = threading.Timer(0.2, read)
    late.start()
    for number in range(MESSAGES):
        control.tell({"event": "exec_exit", "number": number})
    control.close()
    late.join()
    assert told == list(range(MESSAGES))


def test_one_that_has_gone_is_no_fault() -> None:
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    gone: list[Control] = []
    control = Control(cast(Any, SimpleNamespace(loop=Loop(), control_closed=gone.append)), ours)
    theirs.close()
    for _ in range(2):
        control.tell({"event": "exec_exit"})
    assert gone == [control]


def test_what_one_that_has_gone_still_asked_for_is_left() -> None:
    """The descriptors of its messages are closed with its connection: nobody may take them then."""
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    obeyed: list[str] = []

    def obey(control: Control, message: dict[str, Any], _reader: wire.Reader) -> None:
        obeyed.append(message["op"])
        control.tell({"event": "answer"})

    loop = Loop()
    Control(cast(Any, SimpleNamespace(loop=loop, control_closed=lambda control: None, obey=obey)), ours)
    # Read at once, since the first brings no descriptor.
    wire.send(theirs, {"op": "redirect"})
    with open(os.devnull) as some:  # noqa: PTH123
        wire.send(theirs, {"op": "hold"}, (some.fileno(),))
    theirs.close()
    loop.turn()
    assert obeyed == ["redirect"]

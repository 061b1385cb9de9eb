"""The event loop of shims."""

import os
import socket
from functools import partial

from wharf.runtime.shim.loop import READ, Loop


def test_what_was_told_of_a_closed_file_is_not_told_of_the_next_with_its_number() -> None:
    """Both ends of a forwarded connection may have news at once: the first closes both, and another one comes."""
    loop, told = Loop(), list[str]()
    pairs = [socket.socketpair() for _ in range(3)]
    here = [end.fileno() for end, _ in pairs]

    def news_of(number: int, _events: int) -> None:
        told.append(os.read(here[number], 100).decode())
        other = here[1 - number]
        loop.forget(other)
        os.dup2(here[2], other)
        loop.watch(other, READ, lambda _: told.append("the new one"))

    for number in (0, 1):
        loop.watch(here[number], READ, partial(news_of, number))
        pairs[number][1].send(b"one of two")
    loop.turn()
    assert told == ["one of two"]
    pairs[2][1].send(b"news")
    loop.turn()
    assert told == ["one of two", "the new one"]
    loop.close()
    for pair in pairs:
        for end in pair:
            end.close()

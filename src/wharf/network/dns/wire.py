"""DNS on the wire (RFC 1035, 4.1): what a query asks, and the bytes of an answer. Pure.

By hand, because a query is a head, one question and perhaps EDNS (RFC 6891), and nothing behind that is believed. The
tests ask dnspython whether it is right, which as a part of the daemon would be a tenth of its memory (ADR 0115).
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

A, PTR, AAAA, ANY = 1, 12, 28, 255
IN: Final = 1
NO_ERROR, MALFORMED, FAILED, NO_SUCH_NAME, NOT_IMPLEMENTED, REFUSED, UNKNOWN_EDNS = 0, 1, 2, 3, 4, 5, 16
#: Bytes of a datagram for clients without EDNS (RFC 1035, 4.2.1); more of a query we do not read.
PLAIN_SIZE: Final = 512

#: Id, two bytes of flags, and the number of records in each of the four parts (RFC 1035, 4.1.1).
_HEAD: Final = struct.Struct("!HBBHHHH")
_IS_RESPONSE, _RECURSION_DESIRED, _TRUNCATED, _RECURSION_AVAILABLE = 0x80, 0x01, 0x02, 0x80
_QUESTION: Final = struct.Struct("!HH")  # behind the name: type and class
#: Behind the name of any other record: type, class, time to live, length. EDNS has its own meanings for them.
_RECORD: Final = struct.Struct("!HHIH")
_OPT: Final = 41
_POINTER: Final = b"\xc0\x0c"  # to the name of the question
_LONGEST_LABEL, _LONGEST_NAME = 63, 255

Labels = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Head:
    id: int
    is_response: bool
    operation: int  # 0 is a query
    recursion_desired: bool
    code: int
    questions: int
    answers: int
    authorities: int
    additional: int

    @property
    def records(self) -> int:
        """In all parts, questions too."""
        return self.questions + self.answers + self.authorities + self.additional


@dataclass(frozen=True, slots=True)
class Question:
    labels: tuple[bytes, ...]  # of the name, in lower case
    kind: int
    family: int  # what DNS calls a class
    wire: bytes  # as it was asked


@dataclass(frozen=True, slots=True)
class Query:
    head: Head
    question: Question
    edns: int  # version, -1 for none
    room: int  # bytes of the largest datagram that the client takes


def read_head(data: bytes) -> Head:
    """Raises ValueError."""
    if len(data) < _HEAD.size:
        raise ValueError("too short for a DNS message")
    id, high, low, *counts = _HEAD.unpack_from(data)
    return Head(id, bool(high & _IS_RESPONSE), high >> 3 & 0xF, bool(high & _RECURSION_DESIRED), low & 0xF, *counts)


def read_question(data: bytes) -> Question:
    """The first question of a message that has one. Raises ValueError."""
    labels, at = _labels(data, _HEAD.size)
    end = at + _QUESTION.size
    if end > len(data):
        raise ValueError("a DNS message ends in its question")
    kind, family = _QUESTION.unpack_from(data, at)
    return Question(tuple(label.lower() for label in labels), kind, family, data[_HEAD.size : end])


def _labels(data: bytes, at: int) -> tuple[list[bytes], int]:
    """A name that stands there in full, and where it ends. Raises ValueError."""
    labels, start = [], at
    while at < len(data) and (length := data[at]):
        # Above are pointers to earlier names (RFC 1035, 4.1.4): before the first there is none.
        if length > _LONGEST_LABEL or at + length - start > _LONGEST_NAME - 2:
            raise ValueError("no name in a DNS message")
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    if at >= len(data):
        raise ValueError("a DNS message ends in a name")
    return labels, at + 1


def read_query(data: bytes) -> Query:
    """A message with one question. What follows all its records is not looked at. Raises ValueError."""
    head = read_head(data)
    question = read_question(data)
    edns, room = -1, PLAIN_SIZE
    at = _HEAD.size + len(question.wire)
    for number in range(head.records - 1):
        own_name = data[at : at + 1] == b"\0"
        at = _after_name(data, at) + _RECORD.size
        if at > len(data):
            raise ValueError("a DNS message ends in a record")
        kind, family, life, length = _RECORD.unpack_from(data, at - _RECORD.size)
        at += length
        if at > len(data):
            raise ValueError("a DNS message ends in a record")
        if kind == _OPT:
            if edns >= 0 or not own_name or number < head.answers + head.authorities:
                raise ValueError("EDNS twice, or out of its place")
            edns, room = life >> 16 & 0xFF, max(family, PLAIN_SIZE)
    return Query(head, question, edns, room)


def _after_name(data: bytes, at: int) -> int:
    """Where a name ends, that may end with a pointer. Raises ValueError."""
    while at < len(data) and 0 < data[at] <= _LONGEST_LABEL:
        at += 1 + data[at]
    if at >= len(data):
        raise ValueError("a DNS message ends in a name")
    return at + (1 if data[at] == 0 else 2)


def bare_answer(head: Head, code: int) -> bytes:
    """An answer that does not even repeat the question."""
    return _head(head, code, questions=0, answers=0, additional=0)


def answer(query: Query, code: int, kind: int = A, records: Sequence[bytes] = (), *, life: int = 0, room: int) -> bytes:
    """The answer with records of one kind, each given by its data; without them where they are too much for `room`.

    A client that sees this asks again by TCP. `life` is how many seconds the records are good for.
    """
    extra = () if query.edns < 0 else (b"\0" + _RECORD.pack(_OPT, PLAIN_SIZE, code >> 4 << 24, 0),)
    found = [_POINTER + _RECORD.pack(kind, IN, life, len(data)) + data for data in records]
    size = _HEAD.size + len(query.question.wire) + sum(map(len, (*found, *extra)))
    truncated = size > room
    if truncated:
        found = []
    head = _head(query.head, code, questions=1, answers=len(found), additional=len(extra), truncated=truncated)
    return b"".join((head, query.question.wire, *found, *extra))


def _head(query: Head, code: int, *, questions: int, answers: int, additional: int, truncated: bool = False) -> bytes:
    flags = _IS_RESPONSE | query.operation << 3
    flags |= (_RECURSION_DESIRED if query.recursion_desired else 0) | (_TRUNCATED if truncated else 0)
    return _HEAD.pack(query.id, flags, _RECURSION_AVAILABLE | code & 0xF, questions, answers, 0, additional)


def name_data(labels: Iterable[bytes]) -> bytes | None:
    """A name on the wire, None for what is no name there."""
    parts = list(labels)
    if not all(0 < len(part) <= _LONGEST_LABEL for part in parts):
        return None
    data = b"".join(bytes([len(part)]) + part for part in (*parts, b""))
    return data if len(data) <= _LONGEST_NAME else None

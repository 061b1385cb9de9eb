"""What a query is answered: our own names here, everything else elsewhere. Pure."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Protocol

from wharf.network.dns import wire
from wharf.network.dns.wire import Labels, Question
from wharf.network.subnets import Address

TTL: Final = 600  # seconds, as dockerd says
_LARGEST: Final = 65535
#: Of a query: its question, what is known already (RFC 1995), EDNS and a signature. Each record, and each option of
#: EDNS, takes time to be read.
_MOST_RECORDS, _LARGEST_QUERY = 5, wire.PLAIN_SIZE
#: Which addresses a question is for. ANY may be answered with less than all (RFC 8482).
_VERSION: Final = {wire.A: 4, wire.ANY: 4, wire.AAAA: 6}
#: Codes by which a server says that it cannot help, and not that there is no such name.
_NO_HELP: Final = (wire.FAILED, wire.REFUSED, wire.NOT_IMPLEMENTED)
_NIBBLES: Final = re.compile(rb"[0-9a-f]{32}")

#: A code, and the data of records of a type.
_Found = tuple[int, int, Sequence[bytes]]


class View(Protocol):
    """What one container may know. Names are lower case and without the closing dot."""

    def addresses(self, name: str, version: int) -> Sequence[Address] | None:
        """Those of a neighbour, of this version of IP; None for a name that is none. Version 0 has no addresses."""

    def names(self, address: Address) -> Sequence[str]:
        """Those of a neighbour, () for an address that is none."""

    def is_private(self, name: str) -> bool:
        """Whether it names a container that this one may not know: nobody outside shall hear of it either."""

    def is_private_address(self, address: Address) -> bool: ...


def answer(query: bytes, view: View, *, stream: bool = False) -> bytes | None:
    """The response to a query, None when somebody else has to be asked. `stream` is for TCP.

    Raises ValueError for what is no query and gets no answer.
    """
    if (refusal := _refusal(query)) is not None:
        return refusal
    asked = wire.read_query(query)
    room = _LARGEST if stream else asked.room
    if asked.edns > 0:
        return wire.answer(asked, wire.UNKNOWN_EDNS, room=room)  # RFC 6891, 6.1.3
    found = _found(asked.question, view)
    if found is None:
        return None
    code, kind, records = found
    return wire.answer(asked, code, kind, records, life=TTL, room=room)


def _refusal(query: bytes) -> bytes | None:
    """The answer to what is no plain query, by its head alone: to read all that a container sends could take long.

    Raises ValueError for a response.
    """
    head = wire.read_head(query)
    if head.is_response:
        raise ValueError("a response, not a query")
    if head.operation != 0 or head.questions != 1:
        return wire.bare_answer(head, wire.NOT_IMPLEMENTED)
    if head.records > _MOST_RECORDS or len(query) > _LARGEST_QUERY:
        return wire.bare_answer(head, wire.MALFORMED)
    return None


def failure(query: bytes) -> bytes | None:
    """The answer when nobody could be asked. None when the query is none."""
    try:
        return wire.answer(wire.read_query(query), wire.FAILED, room=_LARGEST)
    except ValueError:
        return None


def is_failure(response: bytes) -> bool:
    """Whether another server may know more than this one."""
    return len(response) > 3 and response[3] & 0xF in _NO_HELP


def same_question(query: bytes, response: bytes) -> bool:
    """Whether a response (from a server outside) answers this query. What it says besides is for who asked."""
    try:
        asked, head = wire.read_query(query), wire.read_head(response)
        if not head.is_response or (head.id, head.operation) != (asked.head.id, asked.head.operation):
            return False
        if head.questions == 0:
            return head.code in (wire.MALFORMED, *_NO_HELP)  # it may not even have read the question
        if head.questions > 1:
            return False
        told = wire.read_question(response)
    except ValueError:
        return False
    return (told.labels, told.kind, told.family) == (
        asked.question.labels,
        asked.question.kind,
        asked.question.family,
    )


def _found(question: Question, view: View) -> _Found | None:
    if question.family != wire.IN:
        return None
    return _reverse(question.labels, view) if question.kind == wire.PTR else _forward(question, view)


def _forward(question: Question, view: View) -> _Found | None:
    name = _text(question.labels)
    version = _VERSION.get(question.kind, 0)
    addresses = view.addresses(name, version)
    if addresses is not None:
        # A name that exists, but has nothing of the type asked for (such as MX), is an empty answer.
        kind = wire.AAAA if version == 6 else wire.A
        return wire.NO_ERROR, kind, [address.packed for address in addresses]
    if view.is_private(name):
        return wire.NO_SUCH_NAME, wire.A, ()
    return None


def _text(labels: Labels) -> str:
    """A name as people write it. What a dot in a label, or a byte that is no character, makes of it names nobody."""
    escaped = (label.replace(b"\\", b"\\\\").replace(b".", b"\\.") for label in labels)
    return b".".join(escaped).decode("ascii", "backslashreplace")


def _reverse(labels: Labels, view: View) -> _Found | None:
    address = _address(labels)
    if address is None:
        return None
    if names := view.names(address):
        data = (wire.name_data(name.encode().split(b".")) for name in names)
        return wire.NO_ERROR, wire.PTR, [one for one in data if one is not None]
    return (wire.NO_SUCH_NAME, wire.PTR, ()) if view.is_private_address(address) else None


def _address(labels: Labels) -> Address | None:
    """Whose name a question for names has, such as 2.0.18.172.in-addr.arpa (RFC 1035, 3.5, and RFC 3596, 2.5)."""
    zone, digits = tuple(labels[-2:]), labels[-3::-1]
    try:
        if zone == (b"in-addr", b"arpa"):
            return IPv4Address(b".".join(digits).decode("ascii"))
        if zone == (b"ip6", b"arpa") and len(digits) == 32 and _NIBBLES.fullmatch(whole := b"".join(digits)):
            return IPv6Address(bytes.fromhex(whole.decode()))
    except ValueError:
        pass
    return None

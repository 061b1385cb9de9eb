"""What a query is answered: our own names here, everything else elsewhere. Pure."""

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from wharf.network.dns.contract import View

TTL: Final = 600  # seconds, as dockerd says
_PLAIN_SIZE: Final = 512  # bytes of a datagram for clients without EDNS (RFC 1035, 4.2.1)
_LARGEST: Final = 65535
#: Id, two bytes of flags, and the number of records in each of the four parts (RFC 1035, 4.1.1).
_HEAD: Final = struct.Struct("!HBBHHHH")
_IS_RESPONSE, _KEPT_FLAGS, _RECURSION_AVAILABLE = 0x80, 0x79, 0x80
#: Of a query: its question, what is known already (RFC 1995), EDNS and a signature. Each record, and each option of
#: EDNS, takes time to be read.
_MOST_RECORDS, _LARGEST_QUERY = 5, 512
#: Which addresses a question is for. ANY may be answered with less than all (RFC 8482).
_VERSION: Final = {dns.rdatatype.A: 4, dns.rdatatype.ANY: 4, dns.rdatatype.AAAA: 6}


def answer(query: bytes, view: View, *, stream: bool = False) -> bytes | None:
    """The response to a query, None when somebody else has to be asked. `stream` is for TCP.

    Raises ValueError for what is no query and gets no answer.
    """
    if (refusal := _refusal(query)) is not None:
        return refusal
    try:
        message = dns.message.from_wire(query, ignore_trailing=True)
    except dns.exception.DNSException as error:
        raise ValueError(f"not a DNS message: {error}") from None
    if len(message.question) != 1:
        return _encode(message, _reply(message, dns.rcode.NOTIMP), stream=stream)
    if message.edns > 0:
        return _encode(message, _reply(message, dns.rcode.BADVERS), stream=stream)  # RFC 6891, 6.1.3
    question = message.question[0]
    if question.rdclass != dns.rdataclass.IN:
        return None
    backwards = question.rdtype == dns.rdatatype.PTR
    found = _reverse(question.name, view) if backwards else _forward(question, view)
    if found is None:
        return None
    code, records = found
    reply = _reply(message, code)
    if records:
        kind = dns.rdatatype.A if question.rdtype == dns.rdatatype.ANY else question.rdtype
        reply.answer.append(dns.rrset.from_text_list(question.name, TTL, "IN", kind, records))
    return _encode(message, reply, stream=stream)


def _refusal(query: bytes) -> bytes | None:
    """The answer to what is no plain query, by its head alone: to read all that a container sends could take long.

    Raises ValueError for a response.
    """
    if len(query) < _HEAD.size:
        raise ValueError("too short for a DNS message")
    id, flags, _, *counts = _HEAD.unpack_from(query)
    if flags & _IS_RESPONSE:
        raise ValueError("a response, not a query")
    if flags >> 3 & 0xF != dns.opcode.QUERY:
        code = dns.rcode.NOTIMP
    elif sum(counts) > _MOST_RECORDS or len(query) > _LARGEST_QUERY:
        code = dns.rcode.FORMERR
    else:
        return None
    return _HEAD.pack(id, _IS_RESPONSE | flags & _KEPT_FLAGS, _RECURSION_AVAILABLE | code, 0, 0, 0, 0)


def failure(query: bytes) -> bytes | None:
    """The answer when nobody could be asked: SERVFAIL. None when the query is none."""
    try:
        message = dns.message.from_wire(query, ignore_trailing=True)
        return _encode(message, _reply(message, dns.rcode.SERVFAIL), stream=True)
    except dns.exception.DNSException:
        return None


#: Codes by which a server says that it cannot help, and not that there is no such name.
_NO_HELP: Final = (dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP)


def is_failure(response: bytes) -> bool:
    """Whether another server may know more than this one."""
    return len(response) > 3 and response[3] & 0xF in _NO_HELP


def same_question(query: bytes, response: bytes) -> bool:
    """Whether a response (from a server outside) answers this query. What it says besides is for who asked."""
    if len(response) < _HEAD.size or _HEAD.unpack_from(response)[3] > 1:
        return False
    try:
        asked = dns.message.from_wire(query, ignore_trailing=True)
        return asked.is_response(dns.message.from_wire(response, question_only=True, raise_on_truncation=False))
    except dns.exception.DNSException:
        return False


def _reply(message: dns.message.Message, code: dns.rcode.Rcode) -> dns.message.Message:
    reply = dns.message.make_response(message, recursion_available=True)
    reply.set_rcode(code)
    return reply


def _forward(question: dns.rrset.RRset, view: View) -> tuple[dns.rcode.Rcode, list[str]] | None:
    name = question.name.to_text(omit_final_dot=True).lower()
    addresses = view.addresses(name, _VERSION.get(question.rdtype, 0))
    if addresses is not None:
        # A name that exists, but has nothing of the type asked for (such as MX), is an empty answer.
        return dns.rcode.NOERROR, [str(address) for address in addresses]
    if view.is_private(name):
        return dns.rcode.NXDOMAIN, []
    return None


def _reverse(name: dns.name.Name, view: View) -> tuple[dns.rcode.Rcode, list[str]] | None:
    try:
        address = ip_address(dns.reversename.to_address(name))
    except (dns.exception.DNSException, ValueError):
        return None
    if names := view.names(address):
        return dns.rcode.NOERROR, list(_written(names))
    return (dns.rcode.NXDOMAIN, []) if view.is_private_address(address) else None


def _written(names: Iterable[str]) -> Iterator[str]:
    """As DNS writes them; what it has no way to write, such as a part of more than 63 bytes, is left out."""
    for name in names:
        with suppress(dns.exception.DNSException):
            yield dns.name.Name([part.encode() for part in f"{name}.".split(".")]).to_text()


def _encode(query: dns.message.Message, reply: dns.message.Message, *, stream: bool) -> bytes:
    size = _LARGEST if stream else max(query.payload, _PLAIN_SIZE)  # no payload without EDNS
    return reply.to_wire(max_size=size, prefer_truncation=True)  # the client then asks again by TCP

"""The resolver's answers, on the wire, without sockets."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.reversename
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.network.dns import answering
from wharf.network.subnets import Address

#: An address, of the name that is asked for.
RECORD = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xac\x12\0\2"
WEB, WEB6 = IPv4Address("172.18.0.2"), IPv6Address("fd00::2")


class Names:
    """A neighbour `web`, a hidden `secret`, and a service of many."""

    def __init__(self, many: int = 0, called: str = "web.front") -> None:
        self.called = called
        self.many = [IPv4Address("172.18.1.0") + number for number in range(many)]

    def addresses(self, name: str, version: int) -> Sequence[Address] | None:
        known: dict[str, Sequence[Address]] = {
            "web": [WEB],
            "both": [WEB, WEB6],
            "web.front": [WEB],
            "service": self.many,
        }
        found = known.get(name)
        return None if found is None else [address for address in found if address.version == version]

    def names(self, address: Address) -> Sequence[str]:
        return [self.called] if address in (WEB, WEB6) else ()

    def is_private(self, name: str) -> bool:
        return name == "secret"

    def is_private_address(self, address: Address) -> bool:
        return address in (WEB, IPv4Address("172.19.0.2"))


def ask(name: str, kind: str = "A", *, many: int = 0, stream: bool = False, **more: int) -> dns.message.Message | None:
    query = dns.message.make_query(name, kind, **more)  # type: ignore[arg-type]
    response = answering.answer(query.to_wire(), Names(many), stream=stream)
    if response is None:
        return None
    decoded = dns.message.from_wire(response)
    assert query.is_response(decoded)
    return decoded


def test_a_neighbours_address() -> None:
    for name in ("web", "web.", "WEB"):
        answer = ask(name)
        assert answer is not None
        assert [str(item) for item in answer.answer[0]] == [str(WEB)]
        assert answer.flags & dns.flags.RA


def test_each_kind_of_address_is_asked_for_by_itself() -> None:
    for kind, address in (("A", WEB), ("AAAA", WEB6)):
        answer = ask("both", kind)
        assert answer is not None
        assert [str(item) for item in answer.answer[0]] == [str(address)]
    backwards = ask(dns.reversename.from_address(str(WEB6)).to_text(), "PTR")
    assert backwards is not None and str(backwards.answer[0][0]) == "web.front."


def test_a_name_without_what_was_asked_for_is_an_empty_answer() -> None:
    for kind in ("AAAA", "MX", "TXT"):
        answer = ask("web", kind)
        assert answer is not None and answer.rcode() == dns.rcode.NOERROR and not answer.answer


def test_a_private_name_is_nowhere() -> None:
    answer = ask("secret")
    assert answer is not None and answer.rcode() == dns.rcode.NXDOMAIN


def test_other_names_are_for_others() -> None:
    assert ask("example.org") is None
    assert ask("_sip._tcp.example.org", "SRV") is None


def test_a_dot_within_a_label_is_none_between_two() -> None:
    between = ask("web.front")
    assert between is not None and between.answer
    for within in ("web\\.front", "we\\098", "web\\000", "w\\195\\164b"):
        assert (ask(within) is not None) == (within == "we\\098"), within


def test_any_type_is_answered_with_one() -> None:
    answer = ask("both", "ANY")
    assert answer is not None and [str(item) for item in answer.answer[0]] == [str(WEB)]


def test_a_newer_edns_is_told_the_version_that_is_known() -> None:
    query = dns.message.make_query("web", "A", use_edns=1)
    answer = dns.message.from_wire(answering.answer(query.to_wire(), Names()) or b"")
    assert (answer.rcode(), answer.edns, answer.id) == (dns.rcode.BADVERS, 0, query.id)


def test_names_of_addresses() -> None:
    answer = ask("2.0.18.172.in-addr.arpa", "PTR")
    assert answer is not None and str(answer.answer[0][0]) == "web.front."
    hidden = ask("2.0.19.172.in-addr.arpa", "PTR")
    assert hidden is not None and hidden.rcode() == dns.rcode.NXDOMAIN
    assert ask("1.2.0.192.in-addr.arpa", "PTR") is None
    for name in ("nonsense.in-addr.arpa", "0.18.172.in-addr.arpa", "2.0.018.172.in-addr.arpa", "2.ip6.arpa", "arpa"):
        assert ask(name, "PTR") is None


@pytest.mark.parametrize(
    ("called", "told"),
    [
        ("web.my net", ["web.my\\032net."]),
        ('web.a"\t(@', ['web.a\\"\\009\\(\\@.']),
        ("web.käse", ["web.k\\195\\164se."]),
        (f"{'a' * 63}.front", [f"{'a' * 63}.front."]),
        (f"{'a' * 64}.front", []),
        ("web..front", []),
        (f"web.{'n.' * 130}", []),
    ],
)
def test_a_name_that_is_hard_to_write_is_told_as_it_is_or_not_at_all(called: str, told: list[str]) -> None:
    query = dns.message.make_query(dns.reversename.from_address(str(WEB)), "PTR")
    answer = dns.message.from_wire(answering.answer(query.to_wire(), Names(called=called)) or b"")
    assert answer.rcode() == dns.rcode.NOERROR
    assert [str(name) for record in answer.answer for name in record] == told


@given(st.text())
def test_any_name_is_told_or_not(called: str) -> None:
    query = dns.message.make_query(dns.reversename.from_address(str(WEB)), "PTR")
    assert answering.answer(query.to_wire(), Names(called=called)) is not None


def test_what_does_not_fit_a_datagram_is_asked_for_again_by_tcp() -> None:
    short = ask("service", many=100)
    assert short is not None and short.flags & dns.flags.TC and not short.answer
    with_edns = ask("service", many=60, use_edns=0, payload=1400)
    assert with_edns is not None and len(with_edns.answer[0]) == 60
    by_tcp = ask("service", many=500, stream=True)
    assert by_tcp is not None and len(by_tcp.answer[0]) == 500


def test_only_plain_queries_are_answered() -> None:
    query = dns.message.make_query("web", "A")
    query.set_opcode(dns.opcode.NOTIFY)
    answer = answering.answer(query.to_wire(), Names())
    assert answer is not None and dns.message.from_wire(answer).rcode() == dns.rcode.NOTIMP
    response = dns.message.make_response(dns.message.make_query("web", "A"))
    with pytest.raises(ValueError):
        answering.answer(response.to_wire(), Names())


def _with(query: bytes, count: int, record: bytes) -> bytes:
    """A message that has more records behind its question."""
    return query[:6] + count.to_bytes(2, "big") + query[8:] + count * record


def test_what_is_more_than_a_query_is_refused_by_its_head() -> None:
    """A container that sends thousands of records keeps nobody from anything: what is behind the head is not read."""
    query = dns.message.make_query("web", "A").to_wire()
    larger = dns.message.make_query("web", "A", use_edns=0, pad=513).to_wire(max_size=65535)
    for sent in (_with(query, 4000, RECORD), _with(query, 4000, b""), larger):
        answer = dns.message.from_wire(answering.answer(sent, Names()) or b"")
        assert (answer.id.to_bytes(2, "big"), answer.rcode()) == (sent[:2], dns.rcode.FORMERR)
        assert answer.flags & dns.flags.RD


def test_of_a_servers_answer_only_the_question_is_read() -> None:
    query = dns.message.make_query("example.org", "A")
    response = dns.message.make_response(query).to_wire()
    assert answering.same_question(query.to_wire(), _with(response, 4000, b""))
    several = response[:4] + (2).to_bytes(2, "big") + response[6:] + response[12:]
    assert not answering.same_question(query.to_wire(), several)


def test_a_failure_is_told() -> None:
    query = dns.message.make_query("example.org", "A")
    answer = answering.failure(query.to_wire())
    assert answer is not None and dns.message.from_wire(answer).rcode() == dns.rcode.SERVFAIL


def test_an_answer_to_another_question_is_none() -> None:
    query, other = (dns.message.make_query(name, "A", id=7) for name in ("example.org", "example.net"))
    assert answering.same_question(query.to_wire(), dns.message.make_response(query).to_wire())
    assert not answering.same_question(query.to_wire(), dns.message.make_response(other).to_wire())
    assert not answering.same_question(query.to_wire(), b"\0" * 12)


def test_a_server_that_could_not_read_the_question_answers_it() -> None:
    query = dns.message.make_query("example.org", "A").to_wire()
    for code, flag in ((dns.rcode.FORMERR, True), (dns.rcode.NOERROR, False)):
        bare = query[:2] + bytes([0x80, code]) + bytes(8)
        assert answering.same_question(query, bare) is flag


@given(st.binary(max_size=600))
def test_any_bytes_are_answered_or_refused(data: bytes) -> None:
    """A container may send what it likes."""
    try:
        answering.answer(data, Names())
    except ValueError:
        pass
    answering.failure(data)
    answering.same_question(dns.message.make_query("web", "A").to_wire(), data)


@given(st.data())
def test_damaged_queries_are_answered_or_refused(data: st.DataObject) -> None:
    query = bytearray(dns.message.make_query("web.example.org", "PTR", use_edns=0).to_wire())
    for _ in range(data.draw(st.integers(1, 4))):
        query[data.draw(st.integers(0, len(query) - 1))] = data.draw(st.integers(0, 255))
    try:
        answering.answer(bytes(query), Names())
    except ValueError:
        pass

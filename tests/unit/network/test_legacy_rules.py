"""Rules of iptables-legacy, as it lists them, and what packets meet of them."""

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.network import hurdles, legacy_rules
from wharf.network.conditions import Packet
from wharf.network.facts import Chain, Service, World
from wharf.network.hurdles import Flow
from wharf.network.rules import Fate

#: What iptables 1.8.9 lists for a table that docker, ufw and people have filled.
LISTING = """-P INPUT DROP
-P FORWARD DROP
-P OUTPUT ACCEPT
-N DOCKER-USER
-N ufw-before-forward
-N late
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m multiport --dports 22,8000:8100 -m comment --comment "ours -j DROP \\"too\\"" -j ACCEPT
-A INPUT -s 192.0.2.0/24 -j NFQUEUE --queue-num 1
-A FORWARD -j DOCKER-USER
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m limit --limit 3/min -j LOG --log-prefix "[x] -j DROP "
-A FORWARD -j ufw-before-forward
-A FORWARD -g late
-A DOCKER-USER -d 172.18.0.9/32 ! -i eth1 -j REJECT --reject-with icmp-port-unreachable
-A DOCKER-USER -j RETURN
-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-forward -m conntrack --ctstate DNAT -j ACCEPT
-A late -o br+ -p udp -m udp --dport 53 -j ACCEPT
""".splitlines()

TO_WEB = Packet(incoming="eth0", outgoing="br0", protocol="tcp", port=80, asked=8080, target=ip_address("172.18.0.2"))


def chains(*rules: str, version: int = 4) -> dict[str, Chain]:
    listing = ["-P INPUT ACCEPT", "-P FORWARD ACCEPT", "-N mine", *rules] if rules else LISTING
    return {chain.name: chain for chain in legacy_rules.base_chains(version, "filter", listing)}


def fate(chain: Chain, packet: Packet) -> Fate:
    assert chain.rules is not None
    return chain.rules.fate(chain.name, packet, drops=chain.drops)


@pytest.mark.parametrize(
    ("chain", "packet", "expected"),
    [
        ("FORWARD", {"translated": True}, Fate(True)),
        ("FORWARD", {}, Fate(False, "FORWARD")),
        ("FORWARD", {"protocol": "udp", "port": 53}, Fate(True)),
        ("FORWARD", {"protocol": "udp", "port": 53, "outgoing": "eth1"}, Fate(False, "FORWARD")),
        ("FORWARD", {"target": ip_address("172.18.0.9"), "translated": True}, Fate(False, "DOCKER-USER")),
        ("FORWARD", {"target": ip_address("172.18.0.9"), "translated": True, "incoming": "eth1"}, Fate(True)),
        ("INPUT", {"port": 8080}, Fate(True)),
        ("INPUT", {"source": ip_address("198.51.100.2")}, Fate(False, "INPUT")),
        ("INPUT", {}, Fate(None, depends=("a program that is asked (queue)", "ip saddr 192.0.2.0/24"))),
    ],
)
def test_ways_through_a_table(chain: str, packet: dict[str, Any], expected: Fate) -> None:
    known = {name: getattr(TO_WEB, name) for name in TO_WEB.__slots__}
    assert fate(chains()[chain], Packet(**known | packet)) == expected


#: A rule's matches, and whether TO_WEB has what they ask for.
MATCHES: list[tuple[str, bool | None]] = [
    ("", True),
    ("-i eth0", True),
    ("! -i eth+", False),
    ("-o +", True),
    ("-p tcp -m tcp --dport 80:90", True),
    ("-p tcp -m tcp ! --dport 80", False),
    ("-p tcp -m tcp --sport 1024:65535", None),
    ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", True),
    ("-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN", False),
    ("-p tcp -m tcp --tcp-flags SYN,RST SYN", None),
    ("-p gre", False),
    ("! -p udp", True),
    ("-p tcp -m multiport ! --dports 22,81:90", True),
    ("-p tcp -m multiport --ports 80", None),
    ("-d 172.18.0.0/16", True),
    ("-d 172.18.0.0/255.255.0.255", None),
    ("-s 192.0.2.1/32", None),
    ("-m iprange --dst-range 172.18.0.1-172.18.0.9", True),
    ("-m iprange ! --dst-range 172.18.0.1-172.18.0.9", False),
    ("-m conntrack ! --ctstate NEW,UNTRACKED", False),
    ("-m conntrack --ctstate NEW,DNAT", True),
    ("-m conntrack --ctproto 6 --ctorigdstport 8080", True),
    ("-m conntrack --ctorigdstport 80", False),
    ("-m conntrack --ctorigdst 198.51.100.1", None),
    ("-m addrtype --dst-type LOCAL", False),
    ("-m addrtype ! --dst-type LOCAL", True),
    ("-m addrtype ! --dst-type LOCAL --limit-iface-in", None),
    ("-m mark --mark 0x1/0xff", None),
    ("-m mac --mac-source 02:42:ac:12:00:02", None),
    ("-m limit --limit 3/min", None),
    ("-m physdev --physdev-in eth0", None),
    ("-m set --match-set friends src,dst -i eth1", False),
    ("-m set ! --match-set friends src", None),
    ("--dport 80", None),
    ('-m comment --comment "-j ACCEPT"', True),
    ("-m comment --comment x -i eth1", False),
    ("-f", None),
]


@pytest.mark.parametrize(("text", "matches"), MATCHES)
def test_matches(text: str, matches: bool | None) -> None:
    found = fate(chains(f"-A FORWARD {text} -j DROP")["FORWARD"], TO_WEB)
    assert found.passes is (None if matches is None else not matches)
    assert bool(found.depends) is (matches is None)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("-j DROP", Fate(False, "FORWARD")),
        ("-j REJECT --reject-with tcp-reset", Fate(False, "FORWARD")),
        ("-j LOG --log-prefix x", Fate(True)),
        ("-j TCPMSS --clamp-mss-to-pmtu", Fate(True)),
        ("-j mine", Fate(False, "mine")),
        ("-j NFQUEUE --queue-num 1", Fate(None, depends=("a program that is asked (queue)",))),
        ("-j STEAL", Fate(None, depends=("what iptables' STEAL does",))),
        ("-j DROP --what", Fate(None, depends=("what iptables' DROP does",))),
        ("-j", Fate(None, depends=("an extension of iptables",))),
        ("-p tcp -m tcp", Fate(True)),
    ],
)
def test_targets(target: str, expected: Fate) -> None:
    assert fate(chains(f"-A FORWARD {target}", "-A mine -j DROP")["FORWARD"], TO_WEB) == expected


def test_each_version_of_ip_has_its_tables() -> None:
    six = chains("-A FORWARD -d fd00::/64 -j DROP", version=6)["FORWARD"]
    four = chains("-A FORWARD -d 172.18.0.0/16 -j DROP")["FORWARD"]
    world = World({}, chains=[four, six], devices={"front": "br0"})
    for address, family in (("172.18.0.2", "iptables-legacy"), ("fd00::2", "ip6tables-legacy")):
        steps = hurdles.met(world, "forward", Flow(goes="front", target=address, service=Service(80)))
        assert [(step.passes, step.text) for step in steps] == [
            (False, f"the chain FORWARD of the table {family} filter drops it")
        ]


words = st.lists(
    st.sampled_from("-A FORWARD -N mine -P DROP ! -m comment --comment tcp --dport -d -j -g : / - \" ' \\ 1:2".split())
    | st.text(max_size=4),
    max_size=9,
).map(" ".join)


@given(st.lists(words | words.map("-A FORWARD {}".format), max_size=5), st.sampled_from([4, 6]))
def test_whatever_is_listed_there_is_an_answer(lines: list[str], version: int) -> None:
    listing = ["-P FORWARD ACCEPT", *lines]
    for chain in legacy_rules.base_chains(version, "filter", listing):
        assert fate(chain, TO_WEB).passes in (True, False, None)

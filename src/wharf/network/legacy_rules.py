"""Rules of iptables-legacy, from what it lists (`-S`), told as nftables' are in libnftables-json(5). Pure.

What is not read here, an extension of iptables or a line of another shape, is a condition of which nothing is known.
"""

import re
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from wharf.network.conditions import Json
from wharf.network.facts import Chain
from wharf.network.rules import Table

#: As the first word of a table's name, by version of IP.
FAMILY: Final = {4: "iptables-legacy", 6: "ip6tables-legacy"}
#: Tables that filter, with the priority of their chains (enum nf_ip_hook_priorities).
PRIORITY: Final = {"mangle": -150, "filter": 0, "security": 50}
HOOKS: Final = {"FORWARD": "forward", "INPUT": "input"}

_PROTOCOLS: Final = {"6": "tcp", "17": "udp"}
#: Extensions with options that are read; of others it is only known that they are there.
_READ: Final = ("tcp", "udp", "multiport", "conntrack", "state", "addrtype", "iprange", "mark", "mac")
_FIRST_OF_TCP: Final = ["FIN,SYN,RST,ACK", "SYN"]  # --syn
#: In quotation marks, with others behind a backslash; or as it is.
_WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
#: What a rule looks at, and what it wants there.
_Condition = tuple[Json, Json]
_L4PROTO: Final = {"meta": {"key": "l4proto"}}


def base_chains(version: int, table: str, listing: Sequence[str]) -> Iterator[Chain]:
    """Those of a table that see what is forwarded, or for the host itself."""
    policies: dict[str, str] = {}
    rules: dict[str, list[Sequence[Json]]] = {}
    for line in listing:
        match line.split(maxsplit=2):
            case ["-P", name, policy]:
                policies[name] = policy
                rules[name] = []
            case ["-N", name]:
                rules[name] = []
            case ["-A", name, rule] if name in rules:  # chains are listed first
                rules[name].append(_statements(rule, version, rules.keys()))
    for name, hook in HOOKS.items():
        if name in policies:
            drops = policies[name] != "ACCEPT"
            yield Chain(f"{FAMILY[version]} {table}", name, hook, drops, Table(rules), PRIORITY[table])


def unread(version: int, table: str) -> Iterator[Chain]:
    """The same, where nobody can list them."""
    for name, hook in HOOKS.items():
        yield Chain(f"{FAMILY[version]} {table}", name, hook, drops=False, priority=PRIORITY[table])


def _statements(rule: str, version: int, chains: Collection[str]) -> Sequence[Json]:
    words = deque(quoted or word for quoted, word in _WORD.findall(rule))
    found: list[Json] = []
    extension = ""
    while words:
        option, negated = words.popleft(), False
        if option == "!" and words:
            option, negated = words.popleft(), True
        if option in ("-j", "-g"):
            return [*found, _verdict(option, [*words], chains)]
        if option == "-m" and words:
            extension = words.popleft()
            found += _beginning(extension)
            continue
        arguments = _arguments(option, words)
        own = option.startswith("--")  # the extension's
        if not own or extension in ("", *_READ):
            name = extension if own else option
            found.append(_match(_condition(version, extension, option, arguments), name, negated))
    return found


def _beginning(extension: str) -> Iterator[Json]:
    """What the mere name of an extension tells."""
    if extension == "limit":
        yield {"limit": None}
    elif extension not in ("comment", *_READ):
        yield _unknown(extension)


def _arguments(option: str, words: deque[str]) -> list[str]:
    """Takes them from the words that follow. A comment may look like an option."""
    if option == "--comment" and words:
        return [words.popleft()]
    found = []
    while words and not words[0].startswith("-") and words[0] != "!":
        found.append(words.popleft())
    return found


def _unknown(name: str) -> Json:
    return {"xt": {"type": "match", "name": name}}


def _match(condition: _Condition | None, name: str, negated: bool) -> Json:
    if condition is None:
        return _unknown(name)
    left, right = condition
    return {"match": {"op": "!=" if negated else "in", "left": left, "right": right}}


def _condition(version: int, extension: str, option: str, arguments: Sequence[str]) -> _Condition | None:
    """None for what is not read."""
    header = "ip" if version == 4 else "ip6"
    match extension, option, arguments:
        case _, "-s" | "-d", [text]:
            return _field(header, f"{option[1]}addr"), _addresses(text)
        case _, "-i" | "-o", [name]:
            return {"meta": {"key": f"{option[1]}ifname"}}, f"{name[:-1]}*" if name.endswith("+") else name
        case (_, "-p", [name]) | ("conntrack", "--ctproto", [name]):
            return _L4PROTO, _PROTOCOLS.get(name, name)
        case "tcp" | "udp", "--sport" | "--dport", [text]:
            return _field(extension, option[2:]), _numbers(text)
        case "tcp", "--tcp-flags", [*flags] if flags == _FIRST_OF_TCP:
            return _L4PROTO, "tcp"  # so it is with every first packet
        case "multiport", "--sports" | "--dports", [text]:
            return _field("th", option[2:-1]), _numbers(text)
        case ("conntrack", "--ctstate", [text]) | ("state", "--state", [text]):
            return _state(text.split(","))
        case "conntrack", "--ctorigdstport", [text]:
            return {"ct": {"key": "proto-dst", "dir": "original"}}, _numbers(text)
        case "addrtype", "--src-type" | "--dst-type", [text]:
            return {"fib": {"result": "type", "flags": [f"{option[2]}addr"]}}, {"set": text.lower().split(",")}
        case "iprange", "--src-range" | "--dst-range", [text]:
            return _field(header, f"{option[2]}addr"), {"range": text.split("-", 1)}
        case "mark", "--mark", [text]:
            return {"meta": {"key": "mark"}}, text
        case "mac", "--mac-source", [text]:
            return _field("ether", "saddr"), text
    return None


def _field(header: str, name: str) -> Json:
    return {"payload": {"protocol": header, "field": name}}


def _addresses(text: str) -> Json:
    address, slash, length = text.partition("/")
    if not slash:
        return text
    # A mask may have another shape than a prefix: that is not read.
    return {"prefix": {"addr": address, "len": int(length)}} if length.isdecimal() else {"mask": text}


def _numbers(text: str) -> Json:
    return {"set": [_number(one) for one in text.split(",")]}


def _number(text: str) -> Json:
    first, colon, last = text.partition(":")
    if colon and first.isdecimal() and last.isdecimal():
        return {"range": [int(first), int(last)]}
    return int(text) if text.isdecimal() else {"name": text}


def _state(states: Sequence[str]) -> _Condition:
    """States of a connection; iptables also calls it one that its target was translated."""
    if "DNAT" in states and "NEW" not in states:
        return {"ct": {"key": "status"}}, {"set": ["dnat"]}  # the other ones are none of a first packet
    return {"ct": {"key": "state"}}, {"set": [state.lower() for state in states]}


def _verdict(option: str, words: Sequence[str], chains: Collection[str]) -> Json:
    match words:
        case ["ACCEPT" | "DROP" | "RETURN" as name]:
            return {name.lower(): None}
        case [name] if name in chains:
            return {"goto" if option == "-g" else "jump": {"target": name}}
        case ["NFQUEUE" | "QUEUE", *_]:
            return {"queue": None}
        case [name, *_]:
            return {"xt": {"type": "target", "name": name}}
    return {"xt": None}

"""Matches of iptables' own (xt), of which libnftables' JSON has but the name, read from its listing as text. Pure.

There they are translated to nft's language. Only what is as plain as that is read, and the rest stays unknown.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from wharf.network.conditions import Json

_TABLE: Final = re.compile(r"^table (\S+ \S+) \{[^\n]*$(.*?)^\}$", re.MULTILINE | re.DOTALL)
_RULE: Final = re.compile(r"^\t\t(.+) # handle (\d+)$", re.MULTILINE)
_NOT: Final = r"(?P<not>!=? )?"
#: What each kind of match is translated to; where a rule has more of that kind, it is another one's.
_WORDS: Final = {
    "conntrack": re.compile(rf"\bct (?P<key>state|status) {_NOT}(?P<values>[a-z,]+)(?= |$)"),
    "state": re.compile(rf"\bct (?P<key>state) {_NOT}(?P<values>[a-z,]+)(?= |$)"),
    "addrtype": re.compile(rf"\bfib (?P<key>[sd]addr) type {_NOT}(?P<values>[a-z]+)(?= |$)"),
    "multiport": re.compile(rf"\b(?P<key>tcp|udp) dport {_NOT}(?P<values>\{{ [^}}]+ \}}|[0-9-]+)(?= |$)"),
}
_SIGN: Final = {"conntrack": "ct ", "state": "ct ", "addrtype": "fib ", "multiport": "port "}


def by_handle(listing: str) -> Mapping[tuple[str, int], str]:
    """The rules of a listing as text with handles (`nft -a list ruleset`), by table and handle."""
    return {
        (table, int(handle)): rule for table, body in _TABLE.findall(listing) for rule, handle in _RULE.findall(body)
    }


def translated(statements: Sequence[Json], rule: str) -> Sequence[Json]:
    """The same, with the matches in it that can be read in the rule's text."""
    return [_translated(statement, rule) for statement in statements]


def _translated(statement: Json, rule: str) -> Json:
    match statement:
        case {"xt": {"type": "match", "name": str(name)}} if name in _WORDS and rule.count(_SIGN[name]) == 1:
            if found := _WORDS[name].search(rule):
                left, right = _left(name, found["key"]), {"set": _values(found["values"])}
                return {"match": {"op": "!=" if found["not"] else "in", "left": left, "right": right}}
    return statement


def _left(name: str, key: str) -> Json:
    if name == "addrtype":
        return {"fib": {"result": "type", "flags": [key]}}
    if name == "multiport":
        return {"payload": {"protocol": key, "field": "dport"}}
    return {"ct": {"key": key}}


def _values(text: str) -> Sequence[Json]:
    return [_value(one.strip()) for one in text.strip("{} ").split(",")]


def _value(text: str) -> Json:
    first, _, last = text.partition("-")
    if last.isdecimal() and first.isdecimal():
        return {"range": [int(first), int(last)]}
    return int(text) if text.isdecimal() else text

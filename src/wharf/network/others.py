"""What the firewalls of others say, read from a listing of all rules (`nft list ruleset`). Pure."""

import re
from collections.abc import Iterator
from typing import Final

from wharf.network.checking import Chain
from wharf.network.coexisting import COMMENT, USER_TABLE
from wharf.network.firewall import PREFIX

_TABLE: Final = re.compile(r"^table (\S+ \S+) \{$(.*?)^\}$", re.MULTILINE | re.DOTALL)
_CHAIN: Final = re.compile(r"^\tchain (\S+) \{$(.*?)^\t\}$", re.MULTILINE | re.DOTALL)
_BASE: Final = re.compile(r"type filter hook (\w+) [^\n]*?; policy (\w+);")


def base_chains(ruleset: str) -> Iterator[Chain]:
    """Those of others that filter, and may drop something: by a rule or by policy."""
    for table, body in _TABLE.findall(ruleset):
        if table.split()[1].startswith(PREFIX):
            continue
        for name, content in _CHAIN.findall(body):
            base = _BASE.search(content)
            if base is None:
                continue
            rules = _rules(content)
            ours = [rule for rule in rules if f'comment "{COMMENT}"' in rule]
            drops = base[2] == "drop" and not ours
            if drops or len(rules) > len(ours):
                yield Chain(table, name, base[1], drops)


def user_rules(ruleset: str) -> int:
    """How many rules the user has in the table that is made for them."""
    return sum(
        len(_rules(content))
        for table, body in _TABLE.findall(ruleset)
        if table == USER_TABLE
        for _, content in _CHAIN.findall(body)
    )


def _rules(chain: str) -> list[str]:
    lines = (line.strip() for line in chain.splitlines())
    return [line for line in lines if line and not line.startswith(("type ", "#", "comment "))]

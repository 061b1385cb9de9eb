"""The rules of others, read from a listing of all rules in JSON (`nft -j list ruleset`). Pure."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from wharf.network import xt_text
from wharf.network.coexisting import USER_TABLE
from wharf.network.conditions import Json
from wharf.network.facts import Chain
from wharf.network.families import PREFIX
from wharf.network.rules import Table


class UnreadableRules(Exception):
    """What should be a listing is none."""


def needs_text(listing: str) -> bool:
    """Whether there are matches in it that are told in the listing as text only."""
    return '"xt"' in listing


def base_chains(listing: str, text: str = "") -> Sequence[Chain]:
    """Chains of others, and the users' own, that filter and may drop something: by a rule or by policy.

    `text` is the same listing, with handles; see `needs_text`. Raises UnreadableRules.
    """
    as_text = xt_text.by_handle(text)
    rules: defaultdict[str, defaultdict[str, list[Sequence[Json]]]] = defaultdict(lambda: defaultdict(list))
    sets: defaultdict[str, dict[str, Sequence[Json]]] = defaultdict(dict)
    bases: list[Chain] = []
    for kind, found in _objects(listing):
        table = f"{found.get('family')} {found.get('table')}"
        match kind, found:
            case "chain", {"name": str(name), "type": "filter", "hook": str(hook), "prio": int(priority)}:
                known = Table(rules[table], sets[table])  # they are listed after the chains
                bases.append(Chain(table, name, hook, found.get("policy") == "drop", known, priority))
            case "rule", {"chain": str(name), "handle": int(handle), "expr": [*statements]}:
                rules[table][name].append(xt_text.translated(statements, as_text.get((table, handle), "")))
            case "set" | "map", {"name": str(name)}:
                sets[table][name] = found.get("elem", [])  # left out where it has none at the moment
    return [chain for chain in bases if not _is_engines(chain.table) and chain.matters]


def _is_engines(table: str) -> bool:
    return table.split()[1].startswith(PREFIX) and table != USER_TABLE


def _objects(listing: str) -> Sequence[tuple[str, dict[str, Any]]]:
    try:
        found: Json = json.loads(listing)
    except (ValueError, RecursionError) as error:
        raise UnreadableRules(f"nftables' listing is broken: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("nftables"), list):
        raise UnreadableRules("nftables' listing is broken: it has no rules")
    objects = (one for one in found["nftables"] if isinstance(one, dict))
    return [(kind, body) for one in objects for kind, body in one.items() if _is_object(body)]


def _is_object(body: Json) -> bool:
    return isinstance(body, dict)

"""Whom a resolver asks for names that are not ours."""

import asyncio

import dns.message

from wharf.network.dns import upstream
from wharf.network.dns.contract import Server


def test_a_server_whose_address_is_none_is_passed_over() -> None:
    query = dns.message.make_query("far.example", "A").to_wire()
    servers = [Server("nonsense"), Server("é" * 64)]  # whatever stands in the host's resolv.conf
    assert asyncio.run(upstream.ask(query, servers, -1)) is None

"""What is told of addresses that a container changes itself, with CAP_NET_ADMIN."""

import asyncio
from dataclasses import replace
from ipaddress import IPv6Interface

import pytest

from harness.files import no_more_files
from harness.world import World, ip, run
from wharf.linux.addressing import add_address, delete_address
from wharf.linux.advertisements import Advertised
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import RouteSocket, attribute
from wharf.network import advertised
from wharf.network.advertised import Watch
from wharf.network.contract import Endpoint

pytestmark = pytest.mark.kernel

ENDPOINT = Endpoint("e", "c", "lan", "", "", "", 0, "", advertised=True)
BY_HAND = IPv6Interface("2001:db8::5/64")
IFA_PROTO, BY_ADVERTISEMENT = 11, b"\x02"


def with_interface(world: World) -> int:
    """A container whose eth0 no router is on."""
    namespace = world.namespace()
    with inside_network(namespace):
        ip("link", "set", "lo", "up")
        ip("link", "add", "eth0", "type", "bridge")
        ip("link", "set", "eth0", "up")
    return namespace


def test_changes_without_a_pause_are_not_told_one_by_one(world: World) -> None:
    async def body() -> None:
        namespace = with_interface(world)
        told: list[Advertised] = []
        last = asyncio.Event()
        addresses = [IPv6Interface(f"2001:db8:1::{number}/64") for number in range(1, 21)]

        def tell(found: Advertised) -> None:
            told.append(found)
            if found.address == str(addresses[-1].ip):
                last.set()

        watch = await Watch.begun(ENDPOINT, namespace, world.kernel(), tell)
        with RouteSocket.inside(namespace) as routes:
            link = routes.link("eth0")
            assert link is not None
            routes.request(add_address(link.index, BY_HAND))
            for number, address in enumerate(addresses):
                if number:
                    routes.request(delete_address(link.index, addresses[number - 1]))
                added = add_address(link.index, address)
                routes.request(replace(added, body=added.body + attribute(IFA_PROTO, BY_ADVERTISEMENT)))
                await asyncio.sleep(0.01)
        await asyncio.wait_for(last.wait(), 20)
        await watch.stop()
        assert len(told) < len(addresses) / 2
        assert str(BY_HAND.ip) not in {one.address for one in told}

    run(body)


def test_after_a_failure_they_are_told_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as with too many open files."""
    monkeypatch.setattr(advertised, "_PAUSE", 0.01)
    monkeypatch.setattr(advertised, "_LONG_PAUSE", 0.01)
    address = IPv6Interface("2001:db8:1::1/64")

    async def body() -> None:
        namespace = with_interface(world)
        told: asyncio.Queue[Advertised] = asyncio.Queue()
        watch = await Watch.begun(ENDPOINT, namespace, world.kernel(), told.put_nowait)
        with RouteSocket.inside(namespace) as routes:
            link = routes.link("eth0")
            assert link is not None
            added = add_address(link.index, address)
            added = replace(added, body=added.body + attribute(IFA_PROTO, BY_ADVERTISEMENT))
            routes.request(added)
            assert (await asyncio.wait_for(told.get(), 20)).address == str(address.ip)
            with no_more_files():
                routes.request(delete_address(link.index, address))
                while not caplog.records:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert await asyncio.wait_for(told.get(), 20) == Advertised()
        await watch.stop()

    run(body)
    assert len(caplog.records) == 1

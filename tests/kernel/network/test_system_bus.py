"""Speaking to services over a real bus, and what happens without one."""

import asyncio
import os
from collections.abc import Callable, Iterator

import pytest
from jeepney import Message, MessageType, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusConnection, open_dbus_connection

from harness.bus import VARIABLE, Bus
from harness.engine import missing
from wharf.errors import EngineError
from wharf.linux.system_bus import BusError, Interface, SystemBus
from wharf.network.zones import Zones

pytestmark = pytest.mark.skipif(bool(missing(["dbus-daemon"])), reason="not installed: dbus-daemon")

NAME = "org.freedesktop.DBus"
DRIVER = Interface(NAME, "/org/freedesktop/DBus", NAME)
NOBODY = Interface("org.example.Nobody", "/", "org.example.Nobody")
ANSWERS: dict[str, Callable[[Message], Message]] = {
    "refuses": lambda asked: new_error(asked, "org.example.No"),
    "says nothing": new_method_return,
    "says something else": lambda asked: new_method_return(asked, "u", (7,)),
}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    with Bus() as made:
        monkeypatch.setenv(VARIABLE, made.address)
        yield made


def test_a_service_answers_comes_and_goes(bus: Bus) -> None:
    async def body() -> None:
        one, other = await SystemBus.open(), await SystemBus.open()
        assert NAME in (await one.call(DRIVER, "ListNames"))[0]
        with pytest.raises(BusError, match="NoSuchMethod: "):
            await one.call(DRIVER, "NoSuchMethod")
        with pytest.raises(BusError, match="was not provided by any"):
            await one.call(NOBODY, "Anything")
        assert await one.process_of(NOBODY.service) is None
        await one.listen(NOBODY, "Changed")
        waiting = asyncio.create_task(_offered_by(one, os.getpid()))
        assert (await other.call(DRIVER, "RequestName", "su", NOBODY.service, 0))[0] == 1
        await asyncio.wait_for(waiting, 60)
        waiting = asyncio.create_task(_offered_by(one, None))
        await other.close()
        await asyncio.wait_for(waiting, 60)
        await one.close()

    asyncio.run(body())


def test_a_bus_that_ends_is_an_error_and_no_wait(bus: Bus) -> None:
    async def body() -> None:
        connection = await SystemBus.open()
        await connection.listen(NOBODY, "Changed")
        bus.end()
        with pytest.raises(BusError, match="gone"):
            for _ in range(3):  # the bus may have told us our own name before
                await asyncio.wait_for(connection.changed(), 60)
        with pytest.raises(EngineError):
            await connection.call(DRIVER, "ListNames")
        await connection.close()
        with pytest.raises(BusError, match="no system bus"):
            await SystemBus.open()
        zones = Zones()
        await zones.begin()
        await zones.admit("br0")
        assert zones.known == {}
        await zones.close()  # while it looks for a bus

    asyncio.run(body())


@pytest.mark.parametrize("how", ANSWERS)
def test_a_firewalld_that_does_not_do_its_part_stops_nobody(bus: Bus, how: str) -> None:
    async def body() -> None:
        somebody, zones = await open_dbus_connection("SYSTEM"), Zones()
        await somebody.send(message_bus.RequestName("org.fedoraproject.FirewallD1"))
        answering = asyncio.create_task(_answer(somebody, ANSWERS[how]))
        await asyncio.wait_for(zones.begin(), 60)
        await asyncio.wait_for(zones.admit("br0"), 60)
        assert zones.known == {"br0": ""}
        await asyncio.wait_for(zones.dismiss("br0"), 60)
        await zones.close()
        answering.cancel()
        await somebody.close()

    asyncio.run(body())


async def _answer(somebody: DBusConnection, how: Callable[[Message], Message]) -> None:
    while True:
        message = await somebody.receive()
        if message.header.message_type is MessageType.method_call:
            await somebody.send(how(message))


async def _offered_by(bus: SystemBus, pid: int | None) -> None:
    while await bus.process_of(NOBODY.service) != pid:
        await bus.changed()

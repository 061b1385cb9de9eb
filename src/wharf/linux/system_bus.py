"""The system bus (D-Bus), by jeepney: asking services, and being told of what they signal.

To be imported where `host.has_system_bus()` says so: reading this costs more than looking whether there is a bus.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from jeepney import DBusAddress, DBusErrorResponse, HeaderFields, MatchRule, Message, MessageType, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusConnection, open_dbus_connection
from jeepney.wrappers import unwrap_msg

from wharf.errors import EngineError

#: Seconds. Services answer in milliseconds, but one may be about to read its configuration.
_PATIENCE: Final = 15.0
_NO_OWNER: Final = "org.freedesktop.DBus.Error.NameHasNoOwner"
_GONE: Final = "the system bus is gone"


class BusError(EngineError):
    """A service answered with an error or not at all, or there is no bus any more. The text is for people."""

    def __init__(self, text: str, name: str = "") -> None:
        super().__init__(text)
        self.name = name  # D-Bus's own, of an answer


@dataclass(frozen=True, slots=True)
class Interface:
    """What a service offers at one of its paths."""

    service: str
    path: str
    name: str

    @property
    def address(self) -> DBusAddress:
        return DBusAddress(self.path, bus_name=self.service, interface=self.name)


class SystemBus:
    """One connection, used by one event loop."""

    def __init__(self, connection: DBusConnection) -> None:
        self._connection = connection
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._told = asyncio.Event()
        self._task = asyncio.create_task(self._receive(), name="system bus")

    @classmethod
    async def open(cls) -> Self:
        """Raises BusError."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return cls(await open_dbus_connection("SYSTEM"))
        except (OSError, EOFError, TimeoutError, ValueError, RuntimeError) as error:
            raise BusError(f"no system bus: {error}") from error

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._connection.close()
        except OSError:
            pass  # the bus was quicker

    async def _receive(self) -> None:
        try:
            while True:
                message = await self._connection.receive()
                waiting = self._answers.pop(message.header.fields.get(HeaderFields.reply_serial, -1), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
                elif message.header.message_type is MessageType.signal:
                    self._told.set()  # the bus sends only those that were asked for
        except (OSError, EOFError):
            pass
        finally:
            self._told.set()
            for waiting in self._answers.values():
                if not waiting.done():
                    waiting.set_exception(BusError(_GONE))

    async def call(self, interface: Interface, method: str, signature: str = "", *arguments: object) -> Sequence[Any]:
        """What a method returns. Raises BusError."""
        return await self._ask(new_method_call(interface.address, method, signature or None, arguments), method)

    async def _ask(self, message: Message, what: str) -> Sequence[Any]:
        if self._task.done():
            raise BusError(_GONE)
        serial = next(self._connection.outgoing_serial)
        waiting = self._answers[serial] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._connection.send(message, serial=serial)
                answer: Sequence[Any] = unwrap_msg(await waiting)
        except DBusErrorResponse as error:
            raise BusError(f"{what}: {' '.join(map(str, error.data)) or error.name}", error.name) from None
        except (OSError, TimeoutError) as error:
            raise BusError(f"{what}: {error or 'no answer'}") from error
        finally:
            self._answers.pop(serial, None)
        return answer

    async def process_of(self, service: str) -> int | None:
        """The process that offers a service; None when none does. Raises BusError."""
        try:
            answer = await self._ask(message_bus.GetConnectionUnixProcessID(service), "GetConnectionUnixProcessID")
        except BusError as error:
            if error.name == _NO_OWNER:
                return None
            raise
        pid: int = answer[0]
        return pid

    async def listen(self, interface: Interface, signal: str) -> None:
        """From now on changed() tells of the signal, and of the coming and going of its service. Raises BusError."""
        presence = MatchRule(type="signal", sender=message_bus.bus_name, member="NameOwnerChanged")
        presence.add_arg_condition(0, interface.service)
        told = MatchRule(
            type="signal", sender=interface.service, path=interface.path, interface=interface.name, member=signal
        )
        for rule in (presence, told):
            await self._ask(message_bus.AddMatch(rule), "AddMatch")

    async def changed(self) -> None:
        """Returns after what was listened for; several signals may be one. Raises BusError when the bus is gone."""
        await self._told.wait()
        self._told.clear()
        if self._task.done():
            raise BusError(_GONE)

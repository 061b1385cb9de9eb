"""firewalld by its D-Bus interface: the zone of our bridges. See `zones`.

Zone and policies are made once, in its permanent configuration, and never changed: what the user makes of them stays.
Which bridge is in the zone is told to the running firewalld only.
"""

from typing import Any, Final, Self, TypeVar

from wharf.linux.namespaces import shares_network
from wharf.linux.system_bus import BusError, Interface, SystemBus
from wharf.network.coexisting import ZONE

_T = TypeVar("_T")

#: From where to where: containers are reached (as far as our own tables allow), and reach others. What they send to the
#: host itself is decided by the zone's target.
POLICIES: Final = {"wharf-forwarding": ("ANY", ZONE), "wharf-outgoing": (ZONE, "ANY")}
_NAME: Final = "org.fedoraproject.FirewallD1"
_PATH: Final = "/org/fedoraproject/FirewallD1"
_MAIN: Final = Interface(_NAME, _PATH, _NAME)
_ZONES: Final = Interface(_NAME, _PATH, f"{_NAME}.zone")
_POLICIES: Final = Interface(_NAME, _PATH, f"{_NAME}.policy")
_CONFIG: Final = Interface(_NAME, f"{_PATH}/config", f"{_NAME}.config")
_TAKEN: Final = "NAME_CONFLICT"  # it is in the permanent configuration, and was not read yet


class Firewalld:
    """What it is asked and told. All methods raise BusError."""

    def __init__(self, bus: SystemBus) -> None:
        self._bus = bus

    @classmethod
    async def open(cls) -> Self:
        """Listens to it from now on, whether it runs or not: see changed()."""
        bus = await SystemBus.open()
        try:
            await bus.listen(_MAIN, "Reloaded")
        except BaseException:
            await bus.close()
            raise
        return cls(bus)

    async def close(self) -> None:
        await self._bus.close()

    async def changed(self) -> None:
        """Returns when it has come, gone, or read its configuration anew."""
        await self._bus.changed()

    async def runs(self) -> bool:
        """Whether it keeps the firewall of the network namespace that we are in."""
        pid = await self._bus.process_of(_NAME)
        return pid is not None and shares_network(pid)

    async def prepare(self) -> None:
        """Sees to it that the zone and its policies are there. The first time, it has firewalld read them."""
        zones, policies = await self._ask(list, _ZONES, "getZones"), await self._ask(list, _POLICIES, "getPolicies")
        missing = [name for name in POLICIES if name not in policies]
        if ZONE not in zones:
            await self._make("addZone2", ZONE, "Networks of wharf's containers")
        for name in missing:
            source, target = POLICIES[name]
            more = {"ingress_zones": ("as", [source]), "egress_zones": ("as", [target])}
            await self._make("addPolicy", name, "What wharf's own rules decide", **more)
        if missing or ZONE not in zones:
            await self._bus.call(_MAIN, "reload")

    async def _make(self, method: str, name: str, description: str, **more: tuple[str, Any]) -> None:
        settings = {"short": ("s", name), "description": ("s", description), "target": ("s", "ACCEPT"), **more}
        try:
            await self._bus.call(_CONFIG, method, "sa{sv}", name, settings)
        except BusError as error:
            if _TAKEN not in str(error):
                raise

    async def _ask(self, expected: type[_T], interface: Interface, method: str, *names: str) -> _T:
        answer = await self._bus.call(interface, method, "s" * len(names), *names)
        if len(answer) != 1 or not isinstance(answer[0], expected):
            raise BusError(f"{method}: an unexpected answer: {answer!r}")
        return answer[0]

    async def zone_of(self, interface: str) -> str:
        """ "" for one that is in no zone in particular: it then has what the default zone has."""
        return await self._ask(str, _ZONES, "getZoneOfInterface", interface)

    async def admit(self, bridge: str) -> str:
        """Puts a bridge into our zone, unless the user has put it elsewhere. Returns the zone that it is in."""
        if zone := await self.zone_of(bridge):
            return zone
        await self._ask(str, _ZONES, "addInterface", ZONE, bridge)
        return ZONE

    async def dismiss(self, bridge: str) -> None:
        if await self.zone_of(bridge) == ZONE:
            await self._ask(str, _ZONES, "removeInterface", ZONE, bridge)

"""What a lease that changes while its container runs changes with it: record, files, way out; and who is told."""

import logging
from dataclasses import replace

from wharf.engine.containers.record import ALIVE, Container
from wharf.engine.containers.running import Lives
from wharf.engine.containers.starting import Starter
from wharf.engine.tasks import Tasks
from wharf.errors import EngineError
from wharf.linux.advertisements import Advertised
from wharf.network.contract import Endpoint
from wharf.network.leased import LeaseChange

log = logging.getLogger(__name__)


class Leases:
    """Takes the changes of all networks, each in its turn with all else that changes its container."""

    def __init__(self, lives: Lives, starter: Starter) -> None:
        self._lives = lives
        self._starter = starter
        self._networks = starter.sandboxes.networks
        self._tasks = Tasks("a change of a container's address is not noted")
        self._networks.lease_changed = self._changed

    def _changed(self, change: LeaseChange) -> None:
        self._tasks.begin(self._note(change), f"lease of {change.container_id[:12]}")

    async def close(self) -> None:
        await self._tasks.close()

    async def _note(self, change: LeaseChange) -> None:
        container = self._lives.store.get(change.container_id)
        if container is None:
            return
        async with self._lives.of(container).lock:
            container = self._lives.store.get(change.container_id)
            if container is None or container.status not in ALIVE:
                return
            before = container.endpoints.get(change.network)
            if before is None or before.id != change.endpoint_id:
                return  # another place in the network: it was left meanwhile
            after = change.applied(before)
            container = container.with_(endpoints={**container.endpoints, change.network: after})
            self._lives.store.update(container)
            if replace(after, lease=None) != replace(before, lease=None):
                await self._moved(change, container, before, after)

    async def _moved(self, change: LeaseChange, container: Container, before: Endpoint, after: Endpoint) -> None:
        addresses = {"before": " ".join(before.addresses), "after": " ".join(after.addresses)}
        facts = {"container": container.id, "network": change.network, **addresses}
        expected = isinstance(change.now, Advertised)  # after each start
        log.log(logging.INFO if expected else logging.WARNING, "a container's address has changed", extra=facts)
        try:
            await self._starter.sandboxes.lead_out_again(container)
            self._starter.note_addresses(container)
        except (EngineError, OSError) as error:
            log.warning("its way out, or its /etc/hosts, is not as it should be", extra={**facts, "reason": str(error)})
        self._networks.publish_lease(change, after.address6 if expected else after.address)

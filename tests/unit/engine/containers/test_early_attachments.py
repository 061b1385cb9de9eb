"""Clients that attached before a start: each is told, whatever happens to the others."""

import asyncio
from typing import Any, cast

import pytest

from wharf.engine.containers.attaching import Attachment, AttachOptions
from wharf.engine.containers.live import Live
from wharf.engine.containers.starting import Starter
from wharf.errors import EngineError
from wharf.runtime.contract import Monitor


class Refusing:
    """A monitor whose shim has just died."""

    async def attach(self, **wanted: Any) -> None:
        raise EngineError("the container has ended")


def test_all_early_attachments_end_when_the_first_cannot_be_connected() -> None:
    async def scenario() -> list[bytes]:
        live = Live("c")
        waiting = [Attachment(AttachOptions(stdout=True), tty=True) for _ in range(3)]
        live.early = list(waiting)
        with pytest.raises(EngineError):
            await Starter._connect_early(live, cast(Monitor, Refusing()))
        return [await asyncio.wait_for(attachment.read(), 60) for attachment in waiting]

    assert asyncio.run(scenario()) == [b"", b"", b""]

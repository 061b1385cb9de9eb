"""Waits that end when nobody wants any more what is waited for."""

import asyncio

import pytest

from wharf.network.waits import GivenUp, Waits


async def waiting(waits: Waits, container: str, until: asyncio.Event) -> str:
    async with waits.until_given_up(container):
        await until.wait()
    return container


def test_only_the_containers_own_wait_is_given_up() -> None:
    async def body() -> None:
        waits, over = Waits(), asyncio.Event()
        one, other = (asyncio.create_task(waiting(waits, name, over)) for name in ("one", "other"))
        await asyncio.sleep(0)
        assert waits.give_up("one") and not waits.give_up("third")
        with pytest.raises(GivenUp, match="the wait was ended"):
            await one
        assert not waits.give_up("one"), "there is none any more"
        over.set()
        assert await other == "other" and not waits.give_up("other")

    asyncio.run(body())


@pytest.mark.parametrize("rounds", [0, 1])
def test_a_wait_is_given_up_once(rounds: int) -> None:
    """Also while the one who waited has not yet heard of it."""

    async def body() -> None:
        waits = Waits()
        one = asyncio.create_task(waiting(waits, "one", asyncio.Event()))
        await asyncio.sleep(0)
        assert waits.give_up("one")
        for _ in range(rounds):
            await asyncio.sleep(0)
        assert not one.done() and not waits.give_up("one")
        with pytest.raises(GivenUp):
            await one

    asyncio.run(body())


def test_other_ends_stay_what_they_are() -> None:
    async def body() -> None:
        waits = Waits()
        with pytest.raises(TimeoutError):
            async with waits.until_given_up("one"):
                raise TimeoutError
        cut_off = asyncio.create_task(waiting(waits, "one", asyncio.Event()))
        await asyncio.sleep(0)
        cut_off.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut_off
        assert not waits.give_up("one")

    asyncio.run(body())

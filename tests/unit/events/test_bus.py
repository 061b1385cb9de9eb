import asyncio

import pytest

from wharf.errors import InvalidArgument
from wharf.events import Bus, Event, bus
from wharf.events.filters import event_filter


class Clock:
    """Nanoseconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        self.now += 10
        return self.now


async def _collect(subscription: bus.Subscription) -> list[str]:
    return [event.action async for event in subscription]


def test_a_reader_hears_what_comes_after_it_subscribed() -> None:
    async def scenario() -> list[str]:
        events = Bus(Clock())
        events.publish("container", "create", "c1")
        with events.subscribe() as subscription:
            events.publish("container", "start", "c1")
            subscription.close()
            return await _collect(subscription)

    assert asyncio.run(scenario()) == ["start"]


def test_since_and_until_replay_the_history_and_end() -> None:
    async def scenario() -> list[str]:
        clock = Clock()
        events = Bus(clock)
        made = [events.publish("container", action, "c1") for action in ("create", "start", "die", "destroy")]
        clock.now = 10_000
        with events.subscribe(since_ns=made[1].time_ns, until_ns=made[2].time_ns) as subscription:
            return await _collect(subscription)

    assert asyncio.run(scenario()) == ["start", "die"]


def test_a_reader_with_a_future_end_waits_for_it() -> None:
    async def scenario() -> list[str]:
        events = Bus()
        with events.subscribe(until_ns=events.publish("x", "before", "").time_ns + 50_000_000) as subscription:
            events.publish("x", "during", "")
            return await asyncio.wait_for(_collect(subscription), 60)

    assert asyncio.run(scenario()) == ["during"]


def test_the_history_is_bounded_and_in_order_even_when_the_clock_is_set_back() -> None:
    clock = Clock()
    events = Bus(clock)
    for number in range(bus.HISTORY + 50):
        clock.now = 5_000 - number
        events.publish("x", str(number), "")

    async def replay() -> list[Event]:
        with events.subscribe(since_ns=0) as subscription:
            subscription.close()
            return [event async for event in subscription]

    found = asyncio.run(replay())
    assert len(found) == bus.HISTORY
    assert found == sorted(found, key=lambda event: event.time_ns)


def test_a_slow_reader_is_let_go_and_the_others_go_on() -> None:
    async def scenario() -> None:
        events = Bus(Clock())
        with events.subscribe() as slow, events.subscribe(filters={"event": ["last"]}) as other:
            for _ in range(bus.QUEUE + 1):
                events.publish("x", "y", "")
            assert slow.lagged
            assert events.listeners == 1
            events.publish("x", "last", "")
            assert (await anext(other)).action == "last"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({}, True),
        ({"type": ["container"]}, True),
        ({"type": ["image", "container"]}, True),
        ({"type": ["image"]}, False),
        ({"event": ["health_status"]}, True),
        ({"event": ["health_status: healthy"]}, True),
        ({"event": ["health_status: unhealthy"]}, False),
        ({"container": ["web"]}, True),
        ({"container": ["0123"]}, True),
        ({"container": ["123"]}, False),
        ({"network": ["web"]}, False),
        ({"image": ["busybox"]}, True),
        ({"image": ["busybox:1.36"]}, True),
        ({"image": ["busybox:1.35"]}, False),
        ({"label": ["tier"]}, True),
        ({"label": ["tier=front"]}, True),
        ({"label": ["tier=back"]}, False),
        ({"label": ["tier", "absent"]}, False),
        ({"scope": ["local"]}, True),
        ({"scope": ["swarm"]}, False),
        ({"type": ["container"], "event": ["die"]}, False),
    ],
)
def test_filters(filters: dict[str, list[str]], wanted: bool) -> None:
    attributes = {"name": "web", "image": "busybox:1.36", "tier": "front"}
    event = Event("container", "health_status: healthy", "0123456789", attributes)
    matches = event_filter(filters)
    assert matches(event) is wanted


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="invalid filter 'colour'"):
        Bus().subscribe(filters={"colour": ["red"]})

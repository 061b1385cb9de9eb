"""Which containers a list shows: the filters of GET /containers/json and of prune. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from wharf.apitypes.filters import until
from wharf.engine.containers import wording
from wharf.engine.containers.health import Health, status_of
from wharf.engine.containers.ports import parse_port
from wharf.engine.containers.record import Container, Status
from wharf.engine.networks import attachments
from wharf.errors import InvalidArgument

Filters = Mapping[str, Sequence[str]]

#: Every filter we know, so that a misspelt one is refused.
KNOWN: Final = frozenset(
    """
    ancestor before exited expose health id is-task isolation label name network publish since status volume
    """.split()
)
PRUNE_KNOWN: Final = frozenset({"until", "label", "label!"})


#: Filters whose values are a short list, and what errors call them.
_VALUES: Final = {
    "status": ("state", ("created", "running", "paused", "restarting", "removing", "exited", "dead")),
    "health": ("health", ("none", "starting", "healthy", "unhealthy")),
}
_TASKS: Final = frozenset({"true", "false", "1", "0"})
_LAST_PORT: Final = 65535


def check(filters: Filters, known: frozenset[str] = KNOWN) -> None:
    """Raises InvalidArgument for a filter that does not exist or a value that cannot match anything."""
    for name in filters:
        if name not in known:
            raise InvalidArgument(f"invalid filter '{name}'")
    for code in filters.get("exited", ()):
        if not code.removeprefix("-").isdecimal():
            raise InvalidArgument(f"invalid filter 'exited={code}': strconv.Atoi: parsing \"{code}\": invalid syntax")
    for name, (what, values) in _VALUES.items():
        for value in filters.get(name, ()):
            if value not in values:
                raise InvalidArgument(
                    f"invalid filter '{name}={value}': invalid value for {what} ({value}): "
                    f"must be one of {', '.join(values)}"
                )
    tasks = filters.get("is-task", ())
    if not _TASKS.issuperset(tasks) or len(set(tasks)) > 1:
        raise InvalidArgument(f"invalid filter 'is-task=[{' '.join(tasks)}]'")
    for name in ("publish", "expose"):
        for text in filters.get(name, ()):
            _check_ports(name, text)


def label_matches(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    """Whether all of `name` or `name=value` hold."""
    for text in wanted:
        name, equals, value = text.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True


def _name_matches(container: Container, pattern: str) -> bool:
    try:
        expression = re.compile(pattern)
    except re.error:
        return pattern in container.name
    return bool(expression.search(container.name) or expression.search(f"/{container.name}"))


def _volume_matches(container: Container, wanted: str) -> bool:
    return any(wanted in (mount.name, mount.source, mount.destination) for mount in container.mounts)


def _port_set(texts: Sequence[str]) -> set[tuple[int, str]]:
    """Ports of `80`, `80/udp`, `8000-8010/tcp`."""
    found = set()
    for text in texts:
        numbers, _, protocol = text.partition("/")
        first, _, last = numbers.partition("-")
        start, kind = parse_port(f"{first}/{protocol}")
        end = parse_port(f"{last}/{protocol}")[0] if last else start
        found |= {(number, kind) for number in range(start, end + 1)}
    return found


def _check_ports(name: str, text: str) -> None:
    """Raises InvalidArgument with dockerd's words for what are no ports."""
    numbers, _, protocol = text.partition("/")
    wrong = f"error while looking up for {name} {text}: "
    for number in numbers.split("-", 1):
        if not number.isdecimal() or int(number) > _LAST_PORT:
            fault = "value out of range" if number.isdecimal() else "invalid syntax"
            raise InvalidArgument(f'{wrong}strconv.ParseUint: parsing "{number}": {fault}')
    if protocol.lower() not in ("", "tcp", "udp", "sctp"):
        raise InvalidArgument(f"{wrong}invalid proto: {protocol}")


def _published(container: Container) -> set[tuple[int, str]]:
    return {(port.host_port, port.protocol) for endpoint in container.endpoints.values() for port in endpoint.ports}


def _exposed(container: Container) -> set[tuple[int, str]]:
    return {parse_port(text) for text in container.config.exposed_ports}


def matcher(
    filters: Filters,
    images: Callable[[str], frozenset[str]],
    health_of: Callable[[Container], Health | None] = lambda container: None,
    network_name: Callable[[str], str] = str,
) -> Callable[[Container], bool]:
    """A test of one container.

    `images` gives the ids of an image and of all that are built on it, `network_name` the name for a network's id.
    """
    tests: list[Callable[[Container], bool]] = []
    if wanted := filters.get("id"):
        tests.append(lambda c: any(id and c.id.startswith(id) for id in wanted))
    if names := filters.get("name"):
        tests.append(lambda c: any(_name_matches(c, name) for name in names))
    if labels := filters.get("label"):
        tests.append(lambda c: label_matches(c.config.labels, labels))
    if states := filters.get("status"):
        tests.append(lambda c: c.status.value in states)
    if codes := filters.get("exited"):
        numbers = {int(code) for code in codes}
        tests.append(lambda c: c.exit_code in numbers and c.status is Status.EXITED)
    if ancestors := filters.get("ancestor"):
        ids = frozenset[str]().union(*(images(name) for name in ancestors))
        tests.append(lambda c: c.image in ids or c.config.image in ancestors)
    if networks := filters.get("network"):
        named = {network_name(ref) for ref in networks}
        tests.append(lambda c: not named.isdisjoint(attachments.of(c)))
    if volumes := filters.get("volume"):
        tests.append(lambda c: any(_volume_matches(c, volume) for volume in volumes))
    if publish := filters.get("publish"):
        published = _port_set(publish)
        tests.append(lambda c: bool(_published(c) & published))
    if expose := filters.get("expose"):
        exposed = _port_set(expose)
        tests.append(lambda c: bool(_exposed(c) & exposed))
    if health := filters.get("health"):
        tests.append(lambda c: status_of(health_of(c)).value in health)
    if is_task := filters.get("is-task"):
        tests.append(lambda c: "false" in is_task or "0" in is_task)
    return lambda container: all(test(container) for test in tests)


def prune_matcher(filters: Filters, now: datetime) -> Callable[[Container], bool]:
    """A test of whether prune takes a container: `label`, `label!`, `until` (a time, or a duration back from now)."""
    wanted, unwanted = filters.get("label", ()), filters.get("label!", ())
    limit = until(filters, now)

    def matches(container: Container) -> bool:
        labels = container.config.labels
        return (
            label_matches(labels, wanted)
            and not any(label_matches(labels, [text]) for text in unwanted)
            and (limit is None or wording.parse_time(container.created) < limit)
        )

    return matches

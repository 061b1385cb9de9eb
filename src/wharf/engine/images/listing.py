"""Which images a list shows, and how."""

import fnmatch
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from wharf.apitypes.filters import until
from wharf.apitypes.images import ImageSummary
from wharf.engine.images.catalogue import digests, tags
from wharf.engine.images.describing import unix_time
from wharf.engine.images.record import Image
from wharf.engine.images.stock import Stock
from wharf.errors import InvalidArgument
from wharf.spec.image_config import is_built_on
from wharf.spec.reference import Reference

Filters = Mapping[str, Sequence[str]]
Test = Callable[[Image], bool]

_KNOWN: Final = frozenset({"dangling", "label", "label!", "before", "since", "reference", "until"})
_NEVER_TAGGED: Final = ["<none>:<none>"]
_NO_DIGEST: Final = ["<none>@<none>"]


def summaries(stock: Stock, filters: Filters) -> list[ImageSummary]:
    """GET /images/json: newest first. Raises InvalidArgument, and NoSuchImage for `before` and `since`."""
    tests = conditions(stock, filters)
    shown = [image for image in stock.catalogue if all(test(image) for test in tests)]
    shown.sort(key=lambda image: unix_time(image.created), reverse=True)
    patterns = filters.get("reference", ())
    return [_summary(stock, image, patterns) for image in shown]


def _summary(stock: Stock, image: Image, patterns: Sequence[str]) -> ImageSummary:
    names = [name for name in stock.catalogue.names(image.id) if not patterns or matches(name, patterns)]
    repo_tags, repo_digests = tags(names), digests(names)
    return ImageSummary(
        id=image.id,
        parent_id=image.parent,
        repo_tags=repo_tags or _NEVER_TAGGED,
        repo_digests=repo_digests or ([] if repo_tags else _NO_DIGEST),
        created=unix_time(image.created),
        size=image.size,
        virtual_size=image.size,
        labels=image.config.config.labels or None,
        containers=sum(1 for _ in stock.users(image.id)),
    )


def with_shared_sizes(stock: Stock, summaries: Sequence[ImageSummary]) -> list[ImageSummary]:
    """The same with what each image shares with others of this machine, in bytes."""
    uses = Counter(layer for image in stock.catalogue for layer in image.layers)
    layers = {image.id: image.layers for image in stock.catalogue}
    return [
        msgspec.structs.replace(
            one, shared_size=sum(stock.layers.get(layer).size for layer in layers[one.id] if uses[layer] > 1)
        )
        for one in summaries
    ]


def conditions(stock: Stock, filters: Filters, known: frozenset[str] = _KNOWN) -> list[Test]:
    """The tests that the filters ask for; an image is shown when it passes all. Raises InvalidArgument."""
    for key in filters:
        if key not in known:
            raise InvalidArgument(f"invalid filter '{key}'")
    tests: list[Test] = []
    if "dangling" in filters:
        wanted = boolean("dangling", filters["dangling"])
        tests.append(lambda image: is_dangling(stock, image) == wanted)
    for text in filters.get("label", ()):
        tests.append(_has_label(text))
    for text in filters.get("label!", ()):
        test = _has_label(text)
        tests.append(lambda image, test=test: not test(image))  # type: ignore[misc]
    for name in filters.get("before", ()):
        limit = stock.catalogue.get(name)
        tests.append(lambda image, limit=limit: _is_older(image, limit))  # type: ignore[misc]
    for name in filters.get("since", ()):
        limit = stock.catalogue.get(name)
        tests.append(lambda image, limit=limit: _is_older(limit, image))  # type: ignore[misc]
    if (moment := until(filters, datetime.now(UTC))) is not None:
        tests.append(lambda image: unix_time(image.created) < moment.timestamp())
    if patterns := filters.get("reference", ()):
        tests.append(lambda image: any(matches(name, patterns) for name in stock.catalogue.names(image.id)))
    return tests


def _is_older(image: Image, other: Image) -> bool:
    return image.id != other.id and (
        unix_time(image.created) < unix_time(other.created) or is_built_on(other.layers, image.layers)
    )


def is_dangling(stock: Stock, image: Image) -> bool:
    """Whether an image has no tag."""
    return not any(name.tag for name in stock.catalogue.names(image.id))


def boolean(key: str, values: Sequence[str]) -> bool:
    """The value of a yes-or-no filter. Raises InvalidArgument."""
    if not values or not set(values) <= {"true", "false", "1", "0"} or len({value in "1true" for value in values}) > 1:
        raise InvalidArgument(f"invalid filter '{key}={list(values)}'")
    return values[0] in ("1", "true")


def _has_label(text: str) -> Test:
    key, equals, value = text.partition("=")

    def test(image: Image) -> bool:
        labels = image.config.config.labels
        return key in labels and (not equals or labels[key] == value)

    return test


def matches(name: Reference, patterns: Sequence[str]) -> bool:
    """Whether a name fits a pattern such as `busybox`, `*/app:1.*`; `*` does not cross a slash."""
    shown = (name.familiar_name, name.familiar)
    return any(_fits(text, pattern) for pattern in patterns for text in shown)


def _fits(text: str, pattern: str) -> bool:
    parts, wanted = text.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))

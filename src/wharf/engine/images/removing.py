"""Removal of names and images."""

from collections.abc import Iterable
from typing import Final

from wharf.apitypes.images import DeleteItem, ImagesPruned
from wharf.engine.images.listing import Filters, boolean, conditions, is_dangling
from wharf.engine.images.record import Image
from wharf.engine.images.stock import Stock
from wharf.errors import Conflict, InvalidArgument
from wharf.spec.digest import Digest
from wharf.spec.image_config import is_built_on
from wharf.spec.reference import Reference

_PRUNE_FILTERS: Final = frozenset({"dangling", "label", "label!", "until"})


def remove(stock: Stock, name: str, *, force: bool) -> list[DeleteItem]:
    """Takes a name away, and with the last one the image. Raises NoSuchImage, Conflict with dockerd's words."""
    image = stock.catalogue.get(name)
    names = stock.catalogue.names(image.id)
    asked = _as_name(image, name)
    if asked is None:
        return _remove_by_id(stock, image, names, force=force)
    asked = asked if asked in names else next(known for known in names if known.digest == asked.digest)
    # A digest lives as long as its repository has a tag for the image.
    left = [known for known in names if known != asked]
    tags_left = [known for known in left if known.tag]
    if tags_left:
        gone = [asked]
        if asked.tag and not any(known.name == asked.name for known in tags_left):
            gone += [known for known in left if known.digest is not None and known.name == asked.name]
        return _untag(stock, image, gone)
    _check_users(stock, image, f'unable to remove repository reference "{name}"', force=force, by_name=True)
    if any(running for _, running in stock.users(image.id)):
        # Force was given: the name goes, the image stays for what runs.
        return _untag(stock, image, [asked])
    return _delete(stock, image, names)


def _as_name(image: Image, text: str) -> Reference | None:
    """The name that was asked for; None when it was (the beginning of) the id."""
    digits = text.removeprefix("sha256:")
    if image.id.startswith(f"sha256:{digits}"):
        try:
            known = Reference.parse(text)
        except InvalidArgument:
            return None
        # A tag may look like an id; the catalogue prefers the whole id, then names.
        return None if text.startswith("sha256:") or image.id == f"sha256:{text}" or not known.tag else known
    return Reference.parse(text) if "@" in text else Reference.parse(text).with_default_tag()


def _remove_by_id(stock: Stock, image: Image, names: list[Reference], *, force: bool) -> list[DeleteItem]:
    short = image.id.removeprefix("sha256:")[:12]
    if len({known.name for known in names}) > 1 and not force:
        raise Conflict(
            f"conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
        )
    if len([known for known in names if known.tag]) > 1 and not force:
        raise Conflict(
            f"conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
        )
    _check_users(stock, image, f"unable to delete {short}", force=force, by_name=False)
    children = [other for other in stock.catalogue if other.parent == image.id]
    if children:
        raise Conflict(f"conflict: unable to delete {short} (cannot be forced) - image has dependent child images")
    return _delete(stock, image, names)


def _check_users(stock: Stock, image: Image, what: str, *, force: bool, by_name: bool) -> None:
    for container, running in sorted(stock.users(image.id), key=lambda user: not user[1]):
        user = container[:12]
        if by_name:
            if not force:
                short = image.id.removeprefix("sha256:")[:12]
                raise Conflict(
                    f"conflict: {what} (must force) - container {user} is using its referenced image {short}"
                )
        elif running:
            raise Conflict(f"conflict: {what} (cannot be forced) - image is being used by running container {user}")
        elif not force:
            raise Conflict(f"conflict: {what} (must be forced) - image is being used by stopped container {user}")


def _untag(stock: Stock, image: Image, gone: Iterable[Reference]) -> list[DeleteItem]:
    gone = list(gone)
    with stock.catalogue.change() as change:
        for name in gone:
            change.unname(name)
    for _ in gone:
        stock.tell("untag", image.id, image.id)
    return [DeleteItem(untagged=name.familiar) for name in gone]


def _delete(stock: Stock, image: Image, names: Iterable[Reference]) -> list[DeleteItem]:
    """Removes the image with all its names, then the layers that nothing else needs."""
    items = _untag(stock, image, names) if names else []
    with stock.catalogue.change() as change:
        change.delete(image.id)
    gone, _ = stock.sweep()
    stock.tell("delete", image.id, image.id)
    return [*items, DeleteItem(deleted=image.id), *_deleted_layers(gone)]


def _deleted_layers(gone: Iterable[Digest]) -> list[DeleteItem]:
    return [DeleteItem(deleted=str(layer)) for layer in gone]


def prune(stock: Stock, filters: Filters) -> ImagesPruned:
    """Removes images that no container uses: those without tags, or with dangling=false all. Raises InvalidArgument."""
    only_dangling = boolean("dangling", filters["dangling"]) if "dangling" in filters else True
    rest = {key: values for key, values in filters.items() if key != "dangling"}
    tests = conditions(stock, rest, _PRUNE_FILTERS)
    items: list[DeleteItem] = []
    before = stock.layers.total()
    for image in list(stock.catalogue):
        if only_dangling and not is_dangling(stock, image):
            continue
        if not all(test(image) for test in tests) or any(True for _ in stock.users(image.id)):
            continue
        if only_dangling and any(
            is_built_on(other.layers, image.layers) and other.parent == image.id for other in stock.catalogue
        ):
            continue
        items += _delete(stock, image, stock.catalogue.names(image.id))
    stock.sweep()  # also what removed containers were the last to stand on
    freed = before - stock.layers.total()
    stock.events.publish("image", "prune", "", {"reclaimed": str(freed)})
    return ImagesPruned(images_deleted=items or None, space_reclaimed=freed)

"""The records of images and their names, in the database and (to be quick) in memory."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from sqlite3 import Connection

import msgspec

from wharf.db.database import Database
from wharf.engine.images.record import Image
from wharf.errors import Conflict, InvalidArgument, NoSuchImage
from wharf.spec.reference import Reference

_SHORTEST_ID = 4  # digits; fewer are a name
_LONGEST_ID = 64


def _is_id(text: str) -> bool:
    """Whether this is a whole id, which is never a name."""
    digits = text.removeprefix("sha256:")
    return len(digits) == _LONGEST_ID and all(digit in "0123456789abcdef" for digit in digits)


def now() -> str:
    """The time, as records keep it: RFC 3339, UTC."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Catalogue:
    """All images, and which names lead to which. Names are canonical: docker.io/library/busybox:latest."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._images: dict[str, Image] = {}
        self._names: dict[str, str] = {}

    def open(self) -> None:
        """Reads the records."""
        decoder = msgspec.json.Decoder(Image)
        for id, record in self._db.read("SELECT id, record FROM images"):
            assert isinstance(record, bytes)
            self._images[str(id)] = decoder.decode(record)
        for reference, image in self._db.read("SELECT reference, image FROM tags"):
            self._names[str(reference)] = str(image)

    def __iter__(self) -> Iterator[Image]:
        return iter(list(self._images.values()))

    def __len__(self) -> int:
        return len(self._images)

    def by_id(self, id: str) -> Image | None:
        return self._images.get(id)

    def names(self, id: str) -> list[Reference]:
        """All names of an image, tags before digests."""
        found = sorted(name for name, image in self._names.items() if image == id)
        references = [Reference.parse(name) for name in found]
        return sorted(references, key=lambda reference: reference.digest is not None)

    def named(self, reference: Reference) -> Image | None:
        """The image with exactly this name."""
        id = self._names.get(str(reference))
        return self._images.get(id) if id else None

    def get(self, name: str) -> Image:
        """By tag, digest, id or unique beginning of an id.

        Raises NoSuchImage, Conflict when ids are ambiguous, InvalidArgument for what cannot be a name.
        """
        image = self._images.get(name) or self._images.get(f"sha256:{name}")
        if image is not None:
            return image
        if _is_id(name):
            raise NoSuchImage(name)
        reference = Reference.parse(name)
        exact = self.named(reference.with_default_tag() if reference.digest is None else reference)
        if exact is None and reference.digest is not None:
            exact = self.named(reference.with_digest(reference.digest))
        return exact or self._by_beginning(name)

    def _by_beginning(self, name: str) -> Image:
        digits = name.removeprefix("sha256:")
        if len(digits) >= 1 and all(digit in "0123456789abcdef" for digit in digits):
            found = [image for id, image in self._images.items() if id.startswith(f"sha256:{digits}")]
            if len(found) == 1:
                return found[0]
            if len(found) > 1 and len(digits) >= _SHORTEST_ID:
                raise Conflict(f"ambiguous image id prefix: {name}")
        raise NoSuchImage(name if ":" in name or "@" in name or name in self._images else _with_tag(name))

    @contextmanager
    def change(self) -> Iterator["Change"]:
        """One durable transaction on the records; what memory shows changes when it has succeeded."""
        change = Change(self._images, self._names)
        with self._db.write(durable=True) as connection:
            yield change
            change.write(connection)
        self._images, self._names = change.images, change.names


class Change:
    """Changes to come."""

    def __init__(self, images: dict[str, Image], names: dict[str, str]) -> None:
        self.images = dict(images)
        self.names = dict(names)
        self._old_images = images
        self._old_names = names
        self._others: list[Callable[[Connection], None]] = []

    def also(self, write: Callable[[Connection], None]) -> None:
        """Adds another room's rows to the same transaction."""
        self._others.append(write)

    def put(self, image: Image) -> None:
        self.images[image.id] = image

    def name(self, reference: Reference, image: str) -> None:
        self.names[str(reference)] = image

    def unname(self, reference: Reference) -> None:
        self.names.pop(str(reference), None)

    def delete(self, id: str) -> None:
        """Takes an image and all its names away."""
        self.images.pop(id, None)
        self.names = {name: image for name, image in self.names.items() if image != id}

    def write(self, connection: Connection) -> None:
        for other in self._others:
            other(connection)
        connection.executemany(
            "DELETE FROM tags WHERE reference = ?", [(name,) for name in self._old_names.keys() - self.names.keys()]
        )
        connection.executemany(
            "INSERT OR REPLACE INTO images (id, record) VALUES (?, ?)",
            [
                (id, msgspec.json.encode(image))
                for id, image in self.images.items()
                if self._old_images.get(id) is not image
            ],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO tags (reference, image) VALUES (?, ?)",
            [(name, id) for name, id in self.names.items() if self._old_names.get(name) != id],
        )
        connection.executemany(
            "DELETE FROM images WHERE id = ?", [(id,) for id in self._old_images.keys() - self.images.keys()]
        )


def _with_tag(name: str) -> str:
    """The name as dockerd shows it when there is no such image."""
    try:
        return Reference.parse(name).with_default_tag().familiar
    except InvalidArgument:
        return name


def tags(names: Iterable[Reference]) -> list[str]:
    """RepoTags."""
    return [name.familiar for name in names if name.digest is None]


def digests(names: Iterable[Reference]) -> list[str]:
    """RepoDigests."""
    return [name.familiar for name in names if name.digest is not None]

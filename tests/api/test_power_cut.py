"""What a power cut may leave of a container's files does not stop the daemon, and not the container either."""

import shutil
import sqlite3
from collections.abc import Callable

import pytest

from harness.wharfd import Wharfd


@pytest.mark.parametrize("left", [b"", b"sha256:0123", b"\0" * 72])
def test_the_names_of_the_layers_come_from_the_image(new_wharfd: Callable[..., Wharfd], left: bytes) -> None:
    engine = new_wharfd()
    torn = engine.docker("create", "busybox", "echo", "hello").text
    engine.stop()
    (engine.root / "data/overlay2/containers" / torn / "layers").write_bytes(left)
    engine.start()
    assert engine.docker("start", "-a", torn).text == "hello"


def test_without_its_image_only_that_container_is_lost(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    lost = engine.docker("create", "busybox", "true").text
    engine.docker("create", "--name", "whole", "busybox", "true")
    engine.stop()
    (engine.root / "data/overlay2/containers" / lost / "layers").write_bytes(b"")
    with sqlite3.connect(engine.root / "data/wharf.db") as db:
        db.execute("DELETE FROM tags")
        db.execute("DELETE FROM images")
    db.close()
    engine.start()
    engine.docker("start", "-a", "whole")
    refused = engine.docker("start", lost, check=False)
    assert refused.code == 1
    assert "lost in a crash" in refused.error
    engine.docker("inspect", lost)
    engine.docker("rm", lost)


def test_a_container_whose_layer_was_not_on_the_disk_yet_is_as_new(new_wharfd: Callable[..., Wharfd]) -> None:
    """Its record is written with a flush, the names of directories come to the disk when the kernel likes."""
    engine = new_wharfd()
    new = engine.docker("create", "busybox", "sh", "-c", "echo hello; test ! -e /file; echo 1 > /file").text
    ran = engine.docker("run", "-d", "busybox", "sh", "-c", "echo hello; test ! -e /file; echo 1 > /file").text
    engine.docker("wait", ran)
    engine.stop()
    for id in (new, ran):
        shutil.rmtree(engine.root / "data/overlay2/containers" / id)
    engine.start()
    for id in (new, ran):
        assert engine.docker("start", "-a", id).text.split()[-1] == "hello"
        engine.docker("rm", id)

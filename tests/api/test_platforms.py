"""Images for other machines: told at the creation, and run where the kernel has an emulator for them."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from harness import images
from harness.engine import API
from harness.wharfd import Wharfd

FOREIGN = {"amd64": "arm64", "arm64": "amd64"}


@pytest.fixture
def foreign(wharfd: Wharfd) -> str:
    """An image that says it is for another architecture; its name is that of its platform."""
    own = images.own_architecture()
    other = FOREIGN[own]
    archive = images.archive("elsewhere:latest", [images.busybox_layer()], {"Cmd": ["true"]}, architecture=other)
    wharfd.docker("load", input=archive)
    return other


def test_nobody_runs_a_foreign_image_without_knowing(wharfd: Wharfd, foreign: str) -> None:
    own = images.own_architecture()

    def create(query: str = "", image: str = "elsewhere") -> tuple[int, object]:
        answer = wharfd.request("POST", f"{API}/containers/create{query}", {"Image": image})
        return answer.status, answer.json["Warnings"] if answer.status == 201 else answer.message

    warning = (
        f"The requested image's platform (linux/{foreign}) does not match the detected host platform (linux/{own}) "
        "and no specific platform was requested"
    )
    assert create() == (201, [warning])
    assert create(f"?platform=linux/{foreign}") == (201, [])
    refused = (
        f"image with reference elsewhere was found but its platform (linux/{foreign}) "
        f"does not match the specified platform (linux/{own})"
    )
    assert create(f"?platform=linux/{own}") == (404, refused)
    assert create(f"?platform=linux/{own}", "busybox") == (201, [])
    ran = wharfd.docker("run", "--rm", "--platform", f"linux/{foreign}", "--pull", "never", "elsewhere", "echo", "ran")
    assert (ran.text, ran.error) == ("ran", "")  # what is in it is really ours


MAGIC = b"\x7fELSEWHERE"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[None]:
    """An interpreter, opened when it was registered (flag F), for programs of a kind that only this test has."""
    interpreter, table = tmp_path / "cat", tmp_path / "binfmt"
    shutil.copy(images.busybox_program(), interpreter)
    table.mkdir()
    name = f"wharf-test-{os.getpid()}"
    mount = subprocess.run(["mount", "-t", "binfmt_misc", "none", str(table)], capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip("this kernel has no binfmt_misc")
    try:
        escaped = "".join(f"\\x{byte:02x}" for byte in MAGIC)
        (table / "register").write_text(f":{name}:M::{escaped}::{interpreter}:F")
        try:
            yield
        finally:
            (table / name).write_text("-1")
    finally:
        subprocess.run(["umount", str(table)], check=True)


def test_programs_of_other_machines_run_where_the_kernel_has_an_emulator(wharfd: Wharfd, emulator: None) -> None:
    def build(tar: tarfile.TarFile) -> None:
        entry = tarfile.TarInfo("program")
        data = MAGIC + b" was emulated"
        entry.size, entry.mode = len(data), 0o755
        tar.addfile(entry, BytesIO(data))

    other = FOREIGN[images.own_architecture()]
    archive = images.archive("alien:latest", [images.layer(build)], {"Cmd": ["/program"]}, architecture=other)
    wharfd.docker("load", input=archive)
    ran = wharfd.docker("run", "--rm", "--platform", f"linux/{other}", "--pull", "never", "alien")
    assert ran.out == MAGIC + b" was emulated"

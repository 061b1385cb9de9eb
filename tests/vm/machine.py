"""One boot of the virtual machine: a command runs in it, its output is ours, and so is its exit status."""

import base64
import os
import select
import shlex
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vm.image import SOURCE, Image

SILENT: Final = 124  # as `timeout` has it
UNTOLD: Final = 125
MEMORY: Final = 1024  # MiB
CPUS: Final = 2
#: What of the project goes in. Compiled files too: compiling takes minutes where the CPU is emulated.
CONTENTS: Final = ("src", "tests", "contrib", "examples", "pyproject.toml")
#: Of QEMU: a machine that starts again ends. A panic is no endless loop then.
_ONCE: Final = "-no-reboot"


def run(image: Image, command: Sequence[str], *, init: str, kvm: bool, silence: float, restarts: bool = False) -> int:
    """Boots with `init` ("systemd" or "none") as process 1, runs `command`, and gives its exit status.

    With `restarts` the status 75 lets the machine start again in order, and run the command once more. Without `kvm`
    its processor is emulated, which is some ten times slower. Nothing that it writes is kept. SILENT when it said
    nothing for `silence` seconds, UNTOLD when it told no status.
    """
    with tempfile.TemporaryDirectory(prefix="wharf-vm-") as directory:
        place = Path(directory)
        status = place / "status"
        qemu = boot_line(image, command, packed(place), [status], init=init, kvm=kvm)
        if restarts:
            qemu.remove(_ONCE)
        if not _followed(qemu, silence):
            return SILENT
        text = status.read_text().strip() if status.exists() else ""
        return int(text) if text.isdecimal() else UNTOLD


def _followed(command: Sequence[str], silence: float) -> bool:
    """Passes on what a program says; whether it ended of itself, and not because it said nothing for so many seconds.

    How long a machine takes in all says nothing where its processor is emulated by a busy one.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.fileno()
        try:
            while select.select([said], [], [], silence)[0]:
                if not (text := os.read(said, 65536)):
                    return True
                sys.stdout.buffer.write(text)
                sys.stdout.flush()
            return False
        finally:
            process.kill()


def end_in_order() -> None:
    """From now on SIGTERM leaves neither a machine nor its files behind."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def packed(place: Path) -> Path:
    """A file in `place` with what of the project goes into the machine."""
    file = place / "project.tar"
    with tarfile.open(file, "w") as archive:
        for name in CONTENTS:
            archive.add(SOURCE / name, arcname=name)
    # The machine reads it as a disk, which has whole sectors.
    with file.open("ab") as end:
        end.truncate(-(-end.tell() // 4096) * 4096)
    return file


def boot_line(
    image: Image, command: Sequence[str], project: Path, lines: Sequence[Path], *, init: str, kvm: bool
) -> list[str]:
    """QEMU's command line for a machine that runs `command`. Its console is stdin and stdout.

    What it writes on its further serial lines is in the files `lines`: the first gets the command's exit status.
    """
    start = "systemd.unit=wharf-tests.service" if init == "systemd" else "init=/opt/wharf/init.sh"
    # The kernel's line has no quotes that would last.
    encoded = base64.b64encode(shlex.join(command).encode()).decode()
    # A busy host gives the kernel's check of its timer too few ticks.
    quiet = "quiet panic=-1 mitigations=off no_timer_check"
    line = f"root=/dev/vda rw console=ttyS0 {quiet} {start} wharf.run={encoded}"
    return [
        "qemu-system-x86_64",
        *("-nodefaults", _ONCE, "-display", "none", "-machine", "pc"),
        *(("-accel", "kvm", "-cpu", "host") if kvm else ("-accel", "tcg,thread=multi", "-cpu", "max")),
        *("-smp", str(CPUS), "-m", str(MEMORY)),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", line),
        *("-serial", "stdio"),
        *(word for file in lines for word in ("-serial", f"file:{file}")),
        *("-drive", f"file={image.disk},format=raw,if=virtio,snapshot=on"),
        *("-drive", f"file={project},format=raw,if=virtio,readonly=on"),
        *("-device", "virtio-rng-pci"),
    ]

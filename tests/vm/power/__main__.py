"""`make test-power`: boots, lets the client work, cuts the power, and looks what is there, again and again."""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vm.image import Image, image
from vm.machine import boot_line, end_in_order, packed
from vm.power.disk import VolatileDisk
from vm.power.ledger import Step, World, faults, steps_of

DISK_SIZE: Final = 2 << 30  # bytes; it is sparse
#: Seconds for a boot, and a look at all that is there, where the processor is emulated.
PATIENCE: Final = 240.0
#: Seconds of work before a cut.
WORK: Final = (4.0, 25.0)


class Failed(Exception):
    """Something promised is missing, or the engine did not come back."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m vm.power", description=__doc__)
    parser.add_argument("--cuts", type=int, default=6, help="how often the power goes")
    parser.add_argument("--seed", type=int, default=1, help="chooses what is done and which writes are lost")
    parser.add_argument("--file-system", choices=("ext4", "xfs"), default="ext4")
    parser.add_argument("--kvm", action="store_true", help="lend the machine this one's own processor")
    chosen = parser.parse_args()
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="wharf-power-") as directory:
        test = Test(Path(directory), image(), chosen.file_system, chosen.seed, kvm=chosen.kvm)
        try:
            for number in range(chosen.cuts + 1):
                test.boot(number, last=number == chosen.cuts)
        except Failed as failed:
            print(f"FAILED: {failed}\n{test.console()}")
            return 1
    return 0


@dataclass(slots=True)
class Test:
    """One disk through many boots."""

    place: Path
    image: Image
    file_system: str
    seed: int
    kvm: bool
    _world: World = field(default_factory=World)
    _steps: list[Step] = field(default_factory=list)  # before the last cut

    def __post_init__(self) -> None:
        packed(self.place)
        with (self.place / "disk").open("wb") as disk:
            disk.truncate(DISK_SIZE)

    def boot(self, number: int, *, last: bool) -> None:
        """Boots, compares what is there with what must be, and cuts the power after some work, or (`last`) at once.

        Raises Failed.
        """
        began = time.monotonic()
        chance = random.Random(self.seed * 1000 + number)
        disk = VolatileDisk(self.place / "disk", self.place / f"disk.{number}")
        journal = self.place / f"journal.{number}"
        with (self.place / "console").open("wb") as console:
            machine = subprocess.Popen(self._line(number, journal), stdin=subprocess.DEVNULL, stdout=console)
            try:
                self._check(journal, machine)
                after = time.monotonic() - began
                print(f"boot {number}: all is there after {after:.0f} s: {_in_words(self._world)}", flush=True)
                if not last:
                    self._work(journal, machine, chance.uniform(*WORK))
                    disk.silence(chance.randint(1, 30), PATIENCE / 10)
                # Told before this moment is acknowledged before the cut; told later, it may be.
                told = _lines(journal)
                lost = disk.cut(chance.randrange(1 << 30) if number % 2 else None)
            finally:
                machine.kill()
                machine.wait()
        self._steps = steps_of([*told, *(line for line in _lines(journal)[len(told) :] if "begin" in line)])
        if not last:
            print(f"  cut after {sum(step.ended for step in self._steps)} steps; {lost}", flush=True)

    def _line(self, number: int, journal: Path) -> list[str]:
        work = ("env", "PYTHONPATH=tests", "python", "-m", "vm.power.work", "/dev/vdc", self.file_system, "/dev/ttyS2")
        lines = [self.place / "status", journal]
        project = self.place / "project.tar"
        seed = str(self.seed * 100 + number)
        address = self.place / f"disk.{number}"
        return [
            *boot_line(self.image, [*work, seed], project, lines, init="none", kvm=self.kvm),
            *("-drive", f"file=nbd+unix:///?socket={address},format=raw,if=virtio,cache=writeback"),
        ]

    def _check(self, journal: Path, machine: subprocess.Popen[bytes]) -> None:
        """Waits until the machine has told what is there. Raises Failed unless that may be so."""
        end = time.monotonic() + PATIENCE
        while not (lines := _lines(journal)):
            if time.monotonic() > end or machine.poll() is not None:
                raise Failed("the machine did not come up")
            time.sleep(0.2)
        self._raise_trouble(lines)
        if found := faults(self._world, self._steps, World.told(lines[0]["seen"])):
            raise Failed("\n".join([*found, "after:", *map(str, self._steps[-3:])]))
        self._world = World.told(lines[0]["now"])

    def _work(self, journal: Path, machine: subprocess.Popen[bytes], seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and machine.poll() is None:
            time.sleep(0.05)
            self._raise_trouble(_lines(journal))

    def _raise_trouble(self, lines: list[Mapping[str, Any]]) -> None:
        for line in lines:
            if "trouble" in line:
                raise Failed(line["trouble"])

    def console(self) -> str:
        """The end of what the last machine said."""
        return "\n".join((self.place / "console").read_text(errors="replace").splitlines()[-30:])


def _lines(journal: Path) -> list[Mapping[str, Any]]:
    """What was told, without a line that is being written."""
    found = []
    with suppress(FileNotFoundError):
        for line in journal.read_bytes().split(b"\n")[:-1]:
            found.append(json.loads(line))
    return found


def _in_words(world: World) -> str:
    return f"{len(world.volumes)} volumes, {len(world.containers)} containers, {len(world.images)} images"


if __name__ == "__main__":
    sys.exit(main())

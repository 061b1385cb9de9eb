"""The confined child: reads a tar archive from stdin, writes it below the directory given, answers with one JSON line.

Run as `python -I -S -c "…; main()" DIRECTORY LIMITS`, since a fork of a process with threads is not safe.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from wharf.linux import confinement
from wharf.snapshots.extraction import Limits, Refused, extract
from wharf.snapshots.tarstream import DamagedArchive, TarReader

_NEEDED = (
    confinement.CAP_CHOWN,
    confinement.CAP_DAC_OVERRIDE,
    confinement.CAP_FOWNER,
    confinement.CAP_FSETID,
    confinement.CAP_MKNOD,
    confinement.CAP_SETFCAP,
    confinement.CAP_SYS_ADMIN,  # trusted.overlay.*
)


def _read(count: int) -> bytes:
    return os.read(0, count)


def answer(limits: Limits) -> dict[str, object]:
    """Unpacks stdin into the working directory and says how it went."""
    reader = TarReader(_read)
    try:
        unpacked = asdict(extract(reader, limits))
        reader.drain()
    except Refused as error:
        return {"error": str(error), "kind": "refused"}
    except DamagedArchive as error:
        return {"error": str(error), "kind": "damaged"}
    except OSError as error:
        name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        return {"error": f"{error.strerror}: {name}" if name else str(error.strerror), "kind": "system"}
    return {**unpacked, "implied": [path.decode("latin-1") for path in unpacked["implied"]]}


def main() -> None:
    """Confines itself, works, answers."""
    limits = Limits(**json.loads(sys.argv[2]))
    try:
        confinement.confine(Path(sys.argv[1]), _NEEDED)
        result = answer(limits)
    except OSError as error:
        result = {"error": f"cannot confine the unpacking process: {error.strerror}", "kind": "system"}
    os.write(1, json.dumps(result).encode())

"""The engine's identity: one id for the life of a data-root."""

import secrets
import uuid
from pathlib import Path
from typing import Final

_FILE: Final = "engine-id"


def engine_id(data_root: Path) -> str:
    """The id in the data-root; made at the first call. Two first calls at once agree: the link decides."""
    path = data_root / _FILE
    if not path.exists():
        temporary = data_root / f".{_FILE}-{secrets.token_hex(4)}"
        temporary.write_text(f"{uuid.uuid4()}\n")
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            pass  # another call was faster, and its id holds
        finally:
            temporary.unlink()
    return path.read_text().strip()

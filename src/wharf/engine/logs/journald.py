"""The driver journald. Pure."""

import re
from typing import Final

from wharf.engine.logs.about import About
from wharf.runtime.contract import LogReceiver

OPTIONS: Final = frozenset("labels labels-regex env env-regex tag".split())
#: What the shim writes with each message, and what journald believes of no other than root.
_RESERVED: Final = re.compile(r"|MESSAGE|PRIORITY|OBJECT_PID|SYSLOG_TIMESTAMP|CONTAINER_(LOG|PARTIAL)_.*")
SOCKET: Final = "/run/systemd/journal/socket"


def receiver(about: About) -> LogReceiver:
    container, tag = about.container, about.tag()
    fields = {
        **{name: value for name, value in about.attributes(_field_name).items() if not _RESERVED.fullmatch(name)},
        "CONTAINER_ID": container.id[:12],
        "CONTAINER_ID_FULL": container.id,
        "CONTAINER_NAME": container.name,
        "CONTAINER_TAG": tag,
        "IMAGE_NAME": container.config.image,
        "SYSLOG_IDENTIFIER": tag,
    }
    return LogReceiver(
        "journald", "unixgram", SOCKET, {"fields": fields}, unreachable="journald is not enabled on this host"
    )


def _field_name(name: str) -> str:
    """journald takes capitals, digits and "_", and keeps a leading "_" for itself."""
    return re.sub(r"[^A-Z0-9_]", "_", name.upper()).lstrip("_0123456789")

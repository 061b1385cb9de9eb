"""Where a container's output goes, as the shim reads it. Pure."""

from typing import Any

from wharf.runtime.contract import Log, LogReceiver


def log_message(log: Log) -> dict[str, Any]:
    """See shim/logs.py, and for `remote` shim/remote/."""
    file = log.file
    return {
        "path": None if file is None else str(file.path),
        "format": "json" if file is None else file.format,
        "max_size": 0 if file is None else file.max_size,
        "max_files": 1 if file is None else file.max_files,
        "compress": file is not None and file.compress,
        "attributes": {} if file is None else file.attributes,
        "buffer": log.buffer,
        "remote": None if log.receiver is None else _receiver(log.receiver, log.buffer),
    }


def _receiver(one: LogReceiver, buffer: int | None) -> dict[str, Any]:
    return {
        "driver": one.driver,
        "network": one.network,
        "address": one.address,
        "tls": {"ca": one.tls.ca, "cert": one.tls.cert, "key": one.tls.key, "verify": one.tls.verify},
        "lazy": one.lazy,
        "unreachable": one.unreachable,
        "retry": {"wait": one.retry.wait, "grows": one.retry.grows, "times": one.retry.times},
        "room": one.room if buffer is None else buffer,
        "most": one.most if buffer is None else 0,
        "drops": one.drops or buffer is not None,
        "renew": one.renew,
        "stuck_limit": one.stuck_limit,
        "settings": dict(one.settings),
    }

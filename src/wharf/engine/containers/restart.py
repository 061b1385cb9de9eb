"""When a container that ended is started again. Pure: the caller sleeps."""

from datetime import timedelta
from typing import Final

from wharf.apitypes.containers import RestartPolicy
from wharf.errors import InvalidArgument

FIRST_DELAY: Final = timedelta(milliseconds=100)
LONGEST_DELAY: Final = timedelta(minutes=1)
#: A run of at least this long was a success: the next delay is the first one again.
STABLE_AFTER: Final = timedelta(seconds=10)


def check(policy: RestartPolicy, *, auto_remove: bool) -> None:
    """Raises InvalidArgument, in dockerd's words, for a policy that makes no sense."""
    if auto_remove and policy.name not in ("", "no"):
        raise InvalidArgument("can't create 'AutoRemove' container with restart policy")
    count = policy.maximum_retry_count
    match policy.name:
        case "":
            pass
        case "no" | "always" | "unless-stopped":
            if count:
                more = " and cannot be negative" if count < 0 else ""
                raise InvalidArgument(
                    f"invalid restart policy: maximum retry count can only be used with 'on-failure'{more}"
                )
        case "on-failure":
            if count < 0:
                raise InvalidArgument("invalid restart policy: maximum retry count cannot be negative")
        case _:
            raise InvalidArgument(
                f"invalid restart policy: unknown policy '{policy.name}'; "
                "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            )


def delay(policy: RestartPolicy, exit_code: int, *, restarts: int, quick_exits: int) -> timedelta | None:
    """How long to wait before the next start, or None to leave the container stopped.

    `restarts` counts all restarts so far, `quick_exits` the latest runs that were shorter than STABLE_AFTER.
    """
    match policy.name:
        case "always" | "unless-stopped":
            pass
        case "on-failure":
            spent = 0 < policy.maximum_retry_count <= restarts
            if exit_code == 0 or spent:
                return None
        case _:
            return None
    return min(FIRST_DELAY * (1 << min(max(quick_exits - 1, 0), 10)), LONGEST_DELAY)


def after_daemon_start(policy: RestartPolicy, exit_code: int, *, restarts: int, stopped_by_user: bool) -> bool:
    """Whether a container that does not run when the daemon starts is started by it; it has run before."""
    if policy.name == "always":
        return True
    return not stopped_by_user and delay(policy, exit_code, restarts=restarts, quick_exits=0) is not None

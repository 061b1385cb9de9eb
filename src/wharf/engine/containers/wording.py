"""Texts for people: the STATUS and COMMAND columns of ps. Pure."""

from datetime import datetime

from wharf.apitypes import durations
from wharf.engine.containers.record import Container, Status


def parse_time(text: str) -> datetime:
    """An RFC 3339 time as we write it, in UTC; parts of a microsecond are dropped."""
    head, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{(fraction + '000000')[:6]}+00:00")


def status(container: Container, now: datetime, health: str = "none") -> str:
    """`Up 3 hours`, `Up 3 hours (healthy)`, `Exited (0) 5 seconds ago`, `Created` …"""

    def since(moment: str) -> str:
        return durations.human((now - parse_time(moment)).total_seconds())

    match container.status:
        case Status.RUNNING:
            shown = {"none": "", "starting": " (health: starting)"}.get(health, f" ({health})")
            return f"Up {since(container.started_at)}{shown}"
        case Status.PAUSED:
            return f"Up {since(container.started_at)} (Paused)"
        case Status.RESTARTING:
            return f"Restarting ({container.exit_code}) {since(container.finished_at)} ago"
        case Status.REMOVING:
            return "Removal In Progress"
        case Status.DEAD:
            return "Dead"
        case Status.EXITED:
            return f"Exited ({container.exit_code}) {since(container.finished_at)} ago"
    return "Created"


def command(container: Container) -> str:
    """The command line of ps; arguments with blanks are quoted as dockerd does."""
    words = [container.path, *(f"'{arg}'" if " " in arg else arg for arg in container.args)]
    return " ".join(word for word in words if word)


def still_running(container: Container) -> str:
    """Why a container is not removed."""
    if container.status is Status.PAUSED:
        return "container is paused and must be unpaused first"
    return f"container is {container.status}: stop the container before removing or force remove"

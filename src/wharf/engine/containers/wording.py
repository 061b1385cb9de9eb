"""Texts for people: the STATUS and COMMAND columns of ps. Pure."""

from datetime import datetime, timedelta

from wharf.engine.containers.record import Container, Status


def parse_time(text: str) -> datetime:
    """An RFC 3339 time as we write it, in UTC; parts of a microsecond are dropped."""
    head, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{(fraction + '000000')[:6]}+00:00")


def human_duration(span: timedelta) -> str:
    """`About a minute`, `3 hours`: go-units' HumanDuration, as Docker prints it."""
    seconds = int(span.total_seconds())
    minutes, hours = seconds // 60, int(span.total_seconds() / 3600 + 0.5)
    if seconds < 1:
        return "Less than a second"
    if seconds == 1:
        return "1 second"
    if seconds < 60:
        return f"{seconds} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{hours // 24 // 365} years"


def status(container: Container, now: datetime, health: str = "none") -> str:
    """`Up 3 hours`, `Up 3 hours (healthy)`, `Exited (0) 5 seconds ago`, `Created` …"""

    def since(moment: str) -> str:
        return human_duration(now - parse_time(moment))

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
    return (
        f"You cannot remove a running container {container.id}. "
        "Stop the container before attempting removal or force remove"
    )

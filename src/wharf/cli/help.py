"""The text of --help, made of the same tables that the parser reads."""

from wharf.cli import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wharf.cli.command import Command
    from wharf.cli.flags import Flag

WIDTH = 80


def command_help(path: str, command: "Command") -> str:
    parts = [f"Usage:  wharf {path} {command.usage}".rstrip(), command.summary]
    names = table.names_of(path)
    if len(names) > 1:
        parts.append("Aliases:\n  " + ", ".join(f"wharf {name}" for name in names))
    if command.flags:
        parts.append("Options:\n" + _flags(command.flags))
    return "\n\n".join(parts) + "\n"


def group_help(group: str) -> str:
    summary, verbs = table.GROUPS[group]
    commands = _columns(sorted(verbs.items()))
    return (
        f"Usage:  wharf {group} COMMAND\n\n{summary}\n\nCommands:\n{commands}\n\n"
        f"Run 'wharf {group} COMMAND --help' for more information on a command.\n"
    )


def top_help(flags: "Sequence[Flag]") -> str:
    common = _columns((verb, table.summary_of(verb)) for verb in table.COMMON)
    groups = _columns((name, summary) for name, (summary, _) in table.GROUPS.items())
    others = _columns((verb, table.summary_of(verb)) for verb in sorted(table.TOP) if verb not in table.COMMON)
    return (
        "Usage:  wharf [OPTIONS] COMMAND\n\nA container platform: engine, API server and command line\n\n"
        f"Common Commands:\n{common}\n\nManagement Commands:\n{groups}\n\nCommands:\n{others}\n\n"
        f"Global Options:\n{_flags(flags)}\n\nRun 'wharf COMMAND --help' for more information on a command.\n"
    )


def _columns(rows: "Iterable[tuple[str, str]]") -> str:
    return "\n".join(f"  {name:<10}  {text}" for name, text in rows)


def _flags(flags: "Sequence[Flag]") -> str:
    left = [_left(flag) for flag in flags]
    margin = max(map(len, left)) + 3
    lines = []
    for start, flag in sorted(zip(left, flags, strict=True), key=lambda pair: pair[1].name):
        first, *more = _wrap(flag.help + _default(flag), WIDTH - margin)
        lines.append(f"{start:<{margin}}{first}")
        lines.extend(" " * margin + line for line in more)
    return "\n".join(lines)


def _left(flag: "Flag") -> str:
    short = f"-{flag.short}, " if flag.short else "    "
    return f"  {short}--{flag.name} {flag.kind.label}".rstrip()


def _default(flag: "Flag") -> str:
    if flag.kind.many or flag.default in ("", 0, None, False):
        return ""
    if flag.default is True:
        return " (default true)"
    return f' (default "{flag.default}")' if isinstance(flag.default, str) else f" (default {flag.default})"


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines

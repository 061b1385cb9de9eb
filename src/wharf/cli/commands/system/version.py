"""`wharf version`."""

import os

from wharf.cli.command import Call, Command
from wharf.cli.flags import STRING, Flag
from wharf.cli.main import VERSION
from wharf.cli.output import out
from wharf.client import system
from wharf.client.client import NEWEST
from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
WIDTH = 17


def _client_facts(api: str) -> "dict[str, Any]":
    import sys

    machine = os.uname().machine
    return {
        "Version": VERSION,
        "ApiVersion": api,
        "DefaultAPIVersion": NEWEST,
        "PythonVersion": ".".join(map(str, sys.version_info[:3])),
        "Os": os.uname().sysname.lower(),
        "Arch": ARCHITECTURES.get(machine, machine),
        "Context": "default",
    }


def run(call: Call) -> int:
    problem: EngineError | None = None
    server: dict[str, Any] | None = None
    try:
        server = system.version(call.client)
        api = call.client.version
    except EngineError as error:
        problem, api = error, NEWEST
    facts = {"Client": _client_facts(api), "Server": server}
    if call.options["format"]:
        from wharf.cli.template.objects import Template

        format = call.options["format"]
        out(Template("{{json .}}" if format == "json" else format).render(facts) + "\n")
    else:
        out(_show(facts))
    if problem is not None:
        raise problem
    return 0


def _show(facts: "dict[str, Any]") -> str:
    client, server = facts["Client"], facts["Server"]
    api = client["ApiVersion"]
    lowered = f" (downgraded from {NEWEST})" if api != NEWEST else ""
    lines = ["Client:"]
    lines += _lines(
        1,
        {
            "Version:": client["Version"],
            "API version:": f"{api}{lowered}",
            "Python version:": client["PythonVersion"],
            "OS/Arch:": f"{client['Os']}/{client['Arch']}",
            "Context:": client["Context"],
        },
    )
    if server is not None:
        name = (server.get("Platform") or {}).get("Name", "")
        lines += ["", f"Server: {name}".rstrip()]
        for component in server.get("Components") or []:
            lines.append(f" {component['Name']}:")
            lines += _lines(2, _component(component))
    return "\n".join(lines) + "\n"


def _component(component: "dict[str, Any]") -> dict[str, str]:
    details = dict(component.get("Details") or {})
    shown = {"Version:": component.get("Version", "")}
    if "ApiVersion" in details:
        shown["API version:"] = f"{details['ApiVersion']} (minimum version {details.get('MinAPIVersion', '')})"
    for name, label in (
        ("PythonVersion", "Python version:"),
        ("GoVersion", "Go version:"),
        ("GitCommit", "Git commit:" if "ApiVersion" in details else "GitCommit:"),
        ("BuildTime", "Built:"),
    ):
        if name in details:
            shown[label] = details[name]
    if "Os" in details:
        shown["OS/Arch:"] = f"{details['Os']}/{details.get('Arch', '')}"
    if "Experimental" in details:
        shown["Experimental:"] = details["Experimental"]
    return shown


def _lines(depth: int, values: dict[str, str]) -> list[str]:
    return [" " * depth + f"{name:<{WIDTH}} {value}" for name, value in values.items()]


COMMAND = Command(
    run,
    "[OPTIONS]",
    "Show the versions of client and daemon",
    (Flag("format", "f", STRING, "'json', or a Go template"),),
)

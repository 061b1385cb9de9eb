"""`wharf info`."""

from wharf.cli.command import Call, Command
from wharf.cli.flags import STRING, Flag
from wharf.cli.main import VERSION
from wharf.cli.output import err, out
from wharf.cli.render.values import binary_size
from wharf.client import system
from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(call: Call) -> int:
    format = call.options["format"]
    client = {"Version": VERSION, "Context": "default", "Debug": call.globals["debug"]}
    try:
        facts = system.info(call.client)
    except EngineError as error:
        if format:
            raise
        out(_show_client(client) + "\nServer:\n")
        err(f"{error}\n")
        return 1
    if format:
        from wharf.cli.template.objects import Template

        facts["ClientInfo"] = client
        out(Template("{{json .}}" if format == "json" else format).render(facts) + "\n")
        return 0
    out(_show_client(client) + "\nServer:\n" + "".join(f" {line}\n" for line in _lines(facts)) + "\n")
    for warning in facts.get("Warnings") or []:
        err(f"{warning}\n")
    return 0


def _show_client(client: "dict[str, Any]") -> str:
    debug = "true" if client["Debug"] else "false"
    return f"Client:\n Version:    {client['Version']}\n Context:    default\n Debug Mode: {debug}\n"


def _yes(value: "Any") -> str:
    return "true" if value else "false"


def _lines(facts: "dict[str, Any]") -> list[str]:
    lines = [f"Containers: {facts['Containers']}"]
    lines += [f" {state}: {facts[f'Containers{state}']}" for state in ("Running", "Paused", "Stopped")]
    lines += [
        f"Images: {facts['Images']}",
        f"Server Version: {facts['ServerVersion']}",
        f"Storage Driver: {facts['Driver']}",
    ]
    lines += [f" {name}: {value}" for name, value in facts.get("DriverStatus") or []]
    lines += [
        f"Logging Driver: {facts['LoggingDriver']}",
        f"Cgroup Driver: {facts['CgroupDriver']}",
        f"Cgroup Version: {facts['CgroupVersion']}",
        "Plugins:",
    ]
    plugins = facts.get("Plugins") or {}
    for kind in ("Volume", "Network", "Authorization", "Log"):
        if plugins.get(kind):
            lines.append(f" {kind}: {' '.join(plugins[kind])}")
    lines += _devices(facts)
    lines.append(f"Swarm: {(facts.get('Swarm') or {}).get('LocalNodeState') or 'inactive'}")
    lines.append(f"Runtimes: {' '.join(sorted(facts.get('Runtimes') or {}))}")
    lines.append(f"Default Runtime: {facts.get('DefaultRuntime', '')}")
    lines += _programs(facts)
    lines += _security(facts.get("SecurityOptions") or [])
    lines += [
        f"Kernel Version: {facts['KernelVersion']}",
        f"Operating System: {facts['OperatingSystem']}",
        f"OSType: {facts['OSType']}",
        f"Architecture: {facts['Architecture']}",
        f"CPUs: {facts['NCPU']}",
        f"Total Memory: {binary_size(facts['MemTotal'])}",
        f"Name: {facts['Name']}",
        f"ID: {facts['ID']}",
        f"Docker Root Dir: {facts['DockerRootDir']}",
        f"Debug Mode: {_yes(facts.get('Debug'))}",
    ]
    for name, label in (("HttpProxy", "HTTP Proxy"), ("HttpsProxy", "HTTPS Proxy"), ("NoProxy", "No Proxy")):
        if facts.get(name):
            lines.append(f"{label}: {facts[name]}")
    if facts.get("Labels"):
        lines += ["Labels:", *(f" {label}" for label in facts["Labels"])]
    lines.append(f"Experimental: {_yes(facts.get('ExperimentalBuild'))}")
    lines += _registries(facts.get("RegistryConfig") or {})
    lines.append(f"Live Restore Enabled: {_yes(facts.get('LiveRestoreEnabled'))}")
    return lines


def _devices(facts: "dict[str, Any]") -> list[str]:
    lines = []
    if directories := facts.get("CDISpecDirs"):
        lines += ["CDI spec directories:", *(f" {path}" for path in directories)]
    if devices := facts.get("DiscoveredDevices"):
        lines += ["Discovered Devices:", *(f" {device['Source']}: {device['ID']}" for device in devices)]
    return lines


def _programs(facts: "dict[str, Any]") -> list[str]:
    lines = []
    if facts.get("InitBinary"):
        lines.append(f"Init Binary: {facts['InitBinary']}")
    for field, name in (("ContainerdCommit", "containerd"), ("RuncCommit", "runc"), ("InitCommit", "init")):
        if facts.get(field) is not None:
            lines.append(f"{name} version: {facts[field].get('ID', '')}")
    return lines


def _security(options: list[str]) -> list[str]:
    """Options such as `name=seccomp,profile=default`."""
    lines = ["Security Options:"] if options else []
    for option in options:
        fields = dict(field.partition("=")[::2] for field in option.split(","))
        lines.append(f" {fields.pop('name', option)}")
        lines += [f"  {name.capitalize()}: {value}" for name, value in fields.items()]
    return lines


def _registries(config: "dict[str, Any]") -> list[str]:
    known = config.get("IndexConfigs") or {}
    insecure = [name for name, index in known.items() if not index.get("Secure")]
    insecure += config.get("InsecureRegistryCIDRs") or []
    lines = ["Insecure Registries:", *(f" {name}" for name in insecure)] if insecure else []
    mirrors = config.get("Mirrors") or []
    return lines + (["Registry Mirrors:", *(f" {mirror}" for mirror in mirrors)] if mirrors else [])


COMMAND = Command(
    run,
    "[OPTIONS]",
    "Show facts about the daemon and its machine",
    (Flag("format", "f", STRING, "'json', or a Go template"),),
)

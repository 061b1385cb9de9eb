"""The API's request that the flags of `wharf container edit` make of what a container is now. Pure."""

from wharf.cli.commands.container import limits
from wharf.cli.commands.container.mounts import idmaps, read_volume
from wharf.cli.commands.container.options import restart_policy
from wharf.cli.commands.container.ports import read_publish
from wharf.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wharf.cli.flags import Options


def edit_body(found: "dict[str, Any]", options: "Options", command: "list[str]") -> "dict[str, Any]":
    """The body of POST /containers/{name}/edit; `found` is what inspect says. Raises InvalidArgument."""
    # An edit that waits already is not to be lost.
    now: dict[str, Any] = found.get("PendingEdit") or found
    config, host = now["Config"], now["HostConfig"]
    body = _process(config, options, command)
    wanted = {field: options[flag] for flag, field in limits.FIELDS.items() if flag in options.given}
    if options["restart"]:
        wanted["RestartPolicy"] = restart_policy(options["restart"])
    if options["publish-add"] or options["publish-rm"]:
        wanted["PortBindings"], body["ExposedPorts"] = _ports(config, host, options)
    if options["mount-add"] or options["mount-rm"] or options["volume-add"]:
        mounts = _mounts(config, host, options)
        body["Volumes"] = mounts.pop("Volumes")
        wanted |= mounts
    if wanted:
        body["HostConfig"] = wanted
    if not body:
        raise InvalidArgument("you must provide one or more flags, or a command, when using this command")
    return body


def _process(config: "dict[str, Any]", options: "Options", command: "list[str]") -> "dict[str, Any]":
    body: dict[str, Any] = {
        field: options[flag]
        for flag, field in (("hostname", "Hostname"), ("user", "User"), ("workdir", "WorkingDir"))
        if flag in options.given
    }
    if command:
        body["Cmd"] = command
    if "entrypoint" in options.given:
        body["Entrypoint"] = [options["entrypoint"]]
    if options["env"] or options["env-rm"]:
        body["Env"] = _environment(config.get("Env") or [], options["env"], options["env-rm"])
    if options["label"] or options["label-rm"]:
        labels = dict(config.get("Labels") or {})
        for name in options["label-rm"]:
            if labels.pop(name, None) is None:
                raise InvalidArgument(f"no such label: {name}")
        body["Labels"] = labels | dict(text.partition("=")[::2] for text in options["label"])
    return body


def _environment(present: "list[str]", added: "list[str]", removed: "list[str]") -> "list[str]":
    by_name = {text.partition("=")[0]: text for text in present}
    for name in removed:
        if by_name.pop(name, None) is None:
            raise InvalidArgument(f"no such environment variable: {name}")
    by_name |= {text.partition("=")[0]: text for text in added}
    return list(by_name.values())


def _ports(
    config: "dict[str, Any]", host: "dict[str, Any]", options: "Options"
) -> "tuple[dict[str, Any], dict[str, Any]]":
    """PortBindings and ExposedPorts."""
    bindings = {port: list(places) for port, places in (host.get("PortBindings") or {}).items()}
    exposed = dict(config.get("ExposedPorts") or {})
    for text in options["publish-rm"]:
        port = text if "/" in text else f"{text}/tcp"
        if bindings.pop(port, None) is None:
            raise InvalidArgument(f"port {port} is not published")
        exposed.pop(port, None)
    for port, places in read_publish(options["publish-add"]).items():
        present = bindings.setdefault(port, [])
        present += [place for place in places if place not in present]
        exposed[port] = {}
    return bindings, exposed


def _mounts(config: "dict[str, Any]", host: "dict[str, Any]", options: "Options") -> "dict[str, Any]":
    """Binds, Mounts and Tmpfs of the host's configuration, and Volumes of the other."""
    volumes = [read_volume(text) for text in options["volume-add"]]
    added = {target_of_bind(text) for text, _ in volumes} | {_path(mount["Target"]) for mount in options["mount-add"]}
    removed = {_path(target) for target in options["mount-rm"]}
    gone = added | removed
    kept: dict[str, Any] = {
        "Binds": {text: target_of_bind(text) for text in host.get("Binds") or []},
        "Tmpfs": {target: _path(target) for target in host.get("Tmpfs") or {}},
        "Volumes": {target: _path(target) for target in config.get("Volumes") or {}},
    }
    mounts = [mount for mount in host.get("Mounts") or [] if _path(mount["Target"]) not in gone]
    present = {_path(mount["Target"]) for mount in host.get("Mounts") or []}.union(*(d.values() for d in kept.values()))
    if missing := removed - present:
        raise InvalidArgument(f"nothing is mounted at {', '.join(sorted(missing))}")
    stay = {kind: [text for text, at in found.items() if at not in gone] for kind, found in kept.items()}
    added_mounts, maps = idmaps(options["mount-add"])
    maps = {target: text for target, text in (host.get("Idmaps") or {}).items() if _path(target) not in gone} | maps
    return {
        "Binds": [*stay["Binds"], *(text for text, alone in volumes if not alone)],
        "Mounts": [*mounts, *added_mounts],
        "Tmpfs": {target: host["Tmpfs"][target] for target in stay["Tmpfs"]},
        "Volumes": {target: {} for target in (*stay["Volumes"], *(text for text, alone in volumes if alone))},
        **({"Idmaps": maps} if maps or host.get("Idmaps") else {}),
    }


def target_of_bind(text: str) -> str:
    """The path in the container of a text of -v."""
    parts = text.split(":")
    return _path(parts[0] if len(parts) == 1 else parts[1])


def _path(text: str) -> str:
    return "/" + "/".join(part for part in text.split("/") if part not in ("", "."))

"""The one list of the operations that this engine offers."""

from typing import Final

from wharf.api.router import Handler, Operation
from wharf.api.routes import archive, build, containers, exec, images, networks, ping, resources, system, volumes

#: The first whose method and path match is taken: literal paths are found before patterns, else the order counts.
_TABLE: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/_ping", ping.ping),
    ("HEAD", "/_ping", ping.ping_head),
    ("GET", "/info", system.info),
    ("GET", "/version", system.version),
    ("POST", "/auth", system.log_in),
    ("GET", "/events", system.events),
    ("GET", "/system/df", system.disk_usage),
    ("GET", "/containers/json", containers.list_containers),
    ("POST", "/containers/create", containers.create),
    ("POST", "/containers/prune", containers.prune),
    ("GET", "/containers/{name}/json", containers.inspect),
    ("GET", "/containers/{name}/logs", containers.logs),
    ("GET", "/containers/{name}/top", containers.top),
    ("GET", "/containers/{name}/archive", archive.read),
    ("HEAD", "/containers/{name}/archive", archive.stat),
    ("PUT", "/containers/{name}/archive", archive.write),
    ("GET", "/containers/{name}/export", archive.export),
    ("GET", "/containers/{name}/changes", archive.changes),
    ("GET", "/containers/{name}/stats", resources.stats),
    ("POST", "/containers/{name}/update", resources.update),
    ("POST", "/commit", resources.commit),
    ("POST", "/containers/{name}/start", containers.start),
    ("POST", "/containers/{name}/stop", containers.stop),
    ("POST", "/containers/{name}/restart", containers.restart),
    ("POST", "/containers/{name}/kill", containers.kill),
    ("POST", "/containers/{name}/rename", containers.rename),
    ("POST", "/containers/{name}/pause", containers.pause),
    ("POST", "/containers/{name}/unpause", containers.unpause),
    ("POST", "/containers/{name}/wait", containers.wait),
    ("POST", "/containers/{name}/attach", containers.attach),
    ("POST", "/containers/{name}/resize", containers.resize),
    ("POST", "/containers/{name}/exec", exec.create),
    ("DELETE", "/containers/{name}", containers.remove),
    ("POST", "/exec/{name}/start", exec.start),
    ("POST", "/exec/{name}/resize", exec.resize),
    ("GET", "/exec/{name}/json", exec.inspect),
    ("GET", "/images/json", images.list_images),
    ("GET", "/images/get", images.save_several),
    ("POST", "/images/create", images.create),
    ("POST", "/images/load", images.load),
    ("POST", "/images/prune", images.prune),
    ("GET", "/images/{name}/json", images.inspect),
    ("GET", "/images/{name}/history", images.history),
    ("GET", "/images/{name}/get", images.save),
    ("POST", "/images/{name}/tag", images.tag),
    ("DELETE", "/images/{name}", images.remove),
    ("POST", "/build/prune", build.prune),
    ("GET", "/networks", networks.list_networks),
    ("POST", "/networks/create", networks.create),
    ("POST", "/networks/prune", networks.prune),
    ("POST", "/networks/{name}/connect", networks.connect),
    ("POST", "/networks/{name}/disconnect", networks.disconnect),
    ("GET", "/networks/{name}", networks.inspect),
    ("DELETE", "/networks/{name}", networks.remove),
    ("GET", "/volumes", volumes.list_volumes),
    ("POST", "/volumes/create", volumes.create),
    ("POST", "/volumes/prune", volumes.prune),
    ("GET", "/volumes/{name}", volumes.inspect),
    ("DELETE", "/volumes/{name}", volumes.remove),
)


def operations() -> list[Operation]:
    return [Operation(method, path, handler) for method, path, handler in _TABLE]

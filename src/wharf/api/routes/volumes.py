"""The section Volume of the API."""

from wharf.api.compat import prune_volume_filters
from wharf.api.decode import decode, json_body
from wharf.api.encode import json_response
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response, Streaming
from wharf.api.routes.swarm import no_manager
from wharf.apitypes.volumes import VolumeCreateRequest, VolumeList
from wharf.errors import InvalidArgument, Unavailable


async def list_volumes(engine: Engine, request: Request) -> Response:
    """GET /volumes — 200."""
    try:
        filters = request.query.filters()
    except InvalidArgument as error:
        raise InvalidArgument(f"error reading volume filters: {error}") from None
    found, warnings = await engine.volumes.list_all(filters)
    shown = [engine.volumes.summary(volume) for volume in found]
    return json_response(VolumeList(volumes=shown, warnings=list(warnings) or None))


async def create(engine: Engine, request: Request) -> Response:
    """POST /volumes/create — 201, also when it was there already; 503 for a volume of a cluster."""
    value = await json_body(request)
    asked = VolumeCreateRequest() if value is None else decode(value, VolumeCreateRequest, "CreateOptions")
    if asked.cluster_volume_spec is not None:
        no_manager(engine, request)
    volume = await engine.volumes.create(
        asked.name, labels=asked.labels, options=asked.driver_opts, driver=asked.driver
    )
    return json_response(engine.volumes.summary(volume), 201)


async def inspect(engine: Engine, request: Request) -> Response:
    """GET /volumes/{name} — 200."""
    return json_response(await engine.volumes.inspect(await engine.volumes.find(request.name)))


async def update(engine: Engine, request: Request) -> Response:
    """PUT /volumes/{name} — 503: only a cluster's volumes change."""
    raise Unavailable("volume update only valid for cluster volumes, but swarm is unavailable")


async def rename(engine: Engine, request: Request) -> Response:
    """POST /volumes/{name}/rename?name= — 204. Ours."""
    await engine.volumes.rename(request.name, request.query.text("name"))
    return Response(204)


async def export(engine: Engine, request: Request) -> Streaming:
    """GET /volumes/{name}/export — 200 with a tar archive of what is in it. Ours."""
    archive = await engine.transfers.export(request.name)
    return Streaming(aiter(archive), "application/x-tar", abandon=archive.abandon)


async def receive(engine: Engine, request: Request) -> Response:
    """POST /volumes/{name}/import — 201 with the volume that was made of a tar archive. Ours."""
    volume = await engine.transfers.receive(request.name, aiter(request.body))
    return json_response(engine.volumes.summary(volume), 201)


async def clone(engine: Engine, request: Request) -> Response:
    """POST /volumes/{name}/clone?name= — 201 with the new volume. Ours."""
    volume = await engine.transfers.clone(request.name, request.query.text("name"))
    return json_response(engine.volumes.summary(volume), 201)


async def remove(engine: Engine, request: Request) -> Response:
    """DELETE /volumes/{name} — 204."""
    await engine.volumes.remove(request.name, force=request.query.flag("force"))
    return Response(204)


async def prune(engine: Engine, request: Request) -> Response:
    """POST /volumes/prune — 200 with what was removed."""
    filters = prune_volume_filters(request.query.filters(), request.version)
    return json_response(await engine.volumes.prune(filters))

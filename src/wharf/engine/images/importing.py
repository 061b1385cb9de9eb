"""POST /images/create?fromSrc=-: an image of one layer from a tree."""

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

from wharf.apitypes.jsonmessage import Progress, Report
from wharf.content.compression import decompressed
from wharf.engine.images.archive import spool
from wharf.engine.images.catalogue import now
from wharf.engine.images.changes import apply_changes
from wharf.engine.images.host import host_platform
from wharf.engine.images.layer_intake import Advance, file_chunks
from wharf.engine.images.loading import finish, scratch_directory, take_tar
from wharf.engine.images.notices import throttled
from wharf.engine.images.record import Image
from wharf.engine.images.stock import Stock
from wharf.engine.images.thread_work import disk_errors
from wharf.spec.descriptor import Descriptor
from wharf.spec.image_config import History, ImageConfig, RootFS, RunConfig, format_image_config
from wharf.spec.manifest import OCI_LAYER
from wharf.spec.platform import Platform
from wharf.spec.reference import Reference


async def import_tree(
    stock: Stock,
    scratch: Path,
    stream: AsyncIterator[bytes],
    name: Reference | None,
    message: str,
    changes: Sequence[str],
    platform: str,
    report: Report,
) -> str:
    """Takes in the tree and gives the image's id. Raises InvalidArgument for a damaged archive or a wrong change."""
    made_for = Platform.parse(platform, host_platform()) if platform else host_platform()
    run = apply_changes(RunConfig(), changes)
    try:
        with disk_errors("cannot import the tree"), scratch_directory(scratch) as directory:
            file = directory / "tree"
            size = await spool(stream, file)
            advance = throttled(report, "", "Importing", size)
            image = await _take_tree(stock, decompressed(file_chunks(file)), advance, run, made_for, message, name)
    except BaseException:
        stock.sweep()
        raise
    report(Progress(status=image.id))
    stock.tell("import", image.id, name.familiar if name else image.id)
    return image.id


async def _take_tree(
    stock: Stock,
    tar: Iterable[bytes],
    advance: Advance,
    run: RunConfig,
    made_for: Platform,
    message: str,
    name: Reference | None,
) -> Image:
    with stock.taking_in():
        staged, diff_id, blob, packed = await take_tar(stock, tar, advance)
        with stock.taking_in([diff_id]):
            stock.layers.keep(diff_id, diff_id, None, staged)
            created = now()
            config = ImageConfig(
                architecture=made_for.architecture,
                os=made_for.os,
                variant=made_for.variant,
                created=created,
                comment=message,
                config=run,
                rootfs=RootFS(diff_ids=[str(diff_id)]),
                history=[History(created=created, comment=message or "Imported from -")],
            )
            layer = Descriptor(media_type=f"{OCI_LAYER}+gzip", digest=str(blob), size=packed)
            return await finish(stock, format_image_config(config), [layer], [name] if name else [])

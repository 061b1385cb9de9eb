"""POST /images/create?fromSrc=-: an image of one layer from a tree."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from wharf.apitypes.jsonmessage import Progress, Report
from wharf.content.compression import decompressed
from wharf.engine.images.archive import spool
from wharf.engine.images.catalogue import now
from wharf.engine.images.changes import apply_changes
from wharf.engine.images.layer_intake import file_chunks, pack_and_unpack
from wharf.engine.images.loading import finish, scratch_directory
from wharf.engine.images.notices import throttled
from wharf.engine.images.stock import Stock
from wharf.spec.descriptor import Descriptor
from wharf.spec.image_config import History, ImageConfig, RootFS, RunConfig, format_image_config
from wharf.spec.manifest import OCI_LAYER
from wharf.spec.platform import Platform, host_platform
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
    made_for = Platform.parse(platform) if platform else host_platform()
    run = apply_changes(RunConfig(), changes)
    with stock.taking_in(), scratch_directory(scratch) as directory:
        file = directory / "tree"
        size = await spool(stream, file)
        advance = throttled(report, "", "Importing", size)
        staged, diff_id, blob, packed = await asyncio.to_thread(
            pack_and_unpack, stock.layers, stock.content, decompressed(file_chunks(file)), advance
        )
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
        image = await finish(stock, format_image_config(config), [layer], [name] if name else [])
    report(Progress(status=image.id))
    stock.tell("import", image.id, name.familiar if name else image.id)
    return image.id

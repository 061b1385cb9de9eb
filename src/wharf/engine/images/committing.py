"""An image from what was changed above another one: `docker commit`."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from wharf.engine.images.catalogue import now
from wharf.engine.images.loading import finish, take_tar
from wharf.engine.images.record import Image
from wharf.engine.images.stock import Stock
from wharf.engine.images.thread_work import disk_errors
from wharf.spec.descriptor import Descriptor
from wharf.spec.image_config import History, RootFS, RunConfig, chain_ids, format_image_config
from wharf.spec.manifest import OCI_LAYER
from wharf.spec.reference import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLayer:
    """What is on top of the parent image. Without `tar` nothing is, and only the configuration is new."""

    tar: Iterable[bytes] | None
    run: RunConfig
    created_by: str = ""
    author: str = ""
    comment: str = ""


async def commit(stock: Stock, parent: Image, new: NewLayer, name: Reference | None) -> Image:
    """Makes the image. Raises EngineError; then nothing of it stays."""
    try:
        with disk_errors("cannot commit the container"), stock.taking_in(parent.layers):
            image = await _take(stock, parent, new, name)
    except BaseException:
        stock.sweep()
        raise
    stock.tell("create", image.id, image.id)
    if name is not None:
        stock.tell("tag", image.id, name.familiar)
    return image


async def _take(stock: Stock, parent: Image, new: NewLayer, name: Reference | None) -> Image:
    diff_ids, blobs = list(parent.config.rootfs.diff_ids), list(parent.blobs)
    created = now()
    history = History(
        created=created,
        created_by=new.created_by,
        author=new.author,
        comment=new.comment,
        empty_layer=new.tar is None,
    )
    if new.tar is not None:
        staged, diff_id, blob, packed = await take_tar(stock, new.tar, lambda done: None)
        diff_ids.append(str(diff_id))
        blobs.append(Descriptor(media_type=f"{OCI_LAYER}+gzip", digest=str(blob), size=packed))
        chain = chain_ids(diff_ids)
        stock.layers.keep(chain[-1], diff_id, chain[-2] if len(chain) > 1 else None, staged)
    else:
        chain = chain_ids(diff_ids)
    config = msgspec.structs.replace(
        parent.config,
        created=created,
        author=new.author,
        comment=new.comment,
        config=new.run,
        rootfs=RootFS(diff_ids=diff_ids),
        history=[*parent.config.history, history],
    )
    with stock.taking_in(chain[-1:]):
        return await finish(stock, format_image_config(config), blobs, [name] if name else [], parent=parent.id)

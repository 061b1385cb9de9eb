"""Work inside a namespace goes on in a thread when its caller is cancelled and closes his descriptor."""

import asyncio
import os
import threading
from contextlib import ExitStack

import pytest

from harness.world import new_namespace
from wharf.network.kernel import Kernel

pytestmark = pytest.mark.kernel


def test_a_cancelled_caller_does_not_lead_the_work_into_another_namespace() -> None:
    with ExitStack() as stack:
        ours, others = new_namespace(stack), new_namespace(stack)
        meant = os.fstat(ours).st_ino
        given = os.dup(ours)
        kernel = Kernel()
        stack.callback(kernel.close)
        go, seen = threading.Event(), list[int]()

        async def work() -> None:
            busy = asyncio.create_task(kernel.do(go.wait))
            task = asyncio.create_task(kernel.do_inside(given, lambda kept: seen.append(os.fstat(kept).st_ino)))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            os.dup2(others, given)  # closed, and the number taken by the next container that starts
            go.set()
            await busy
            await kernel.do(lambda: None)

        asyncio.run(work())
        os.close(given)
        assert seen == [meant]

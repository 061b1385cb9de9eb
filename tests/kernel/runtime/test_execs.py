"""Further processes in containers, and what becomes of those that cannot run."""

import asyncio
import re

import pytest

from kernel.runtime.conftest import Box
from wharf.runtime import records
from wharf.runtime.bundle import DEFAULT_PATH
from wharf.runtime.contract import ExecLaunch, Launch, Monitor
from wharf.runtime.exec_bundle import ExecSpec, process_json
from wharf.runtime.failure import CommandNotRunnable
from wharf.runtime.monitor import ShimMonitors
from wharf.runtime.users import User

pytestmark = pytest.mark.kernel
both = pytest.mark.parametrize("runtime", ["crun", "runc"])
LONG = "x" * (1 << 20)


def exec_launch(launch: Launch, id: str, *args: str, tty: bool = False, attached: bool = True) -> ExecLaunch:
    spec = ExecSpec(args=args, env=(DEFAULT_PATH,), cwd="/", tty=tty, user=User(1000, 1000))
    config = (launch.bundle / records.CONFIG).read_bytes()
    return ExecLaunch(
        id=id, process=process_json(config, spec), command=args[0], tty=tty, stdout=attached, stderr=attached
    )


async def ran(monitor: Monitor, launch: ExecLaunch) -> tuple[int, bytes]:
    process = await monitor.execute(launch)
    output = b""
    if process.stream is not None:
        while data := await process.stream.read():
            output += data
        process.stream.close()
    return await process.wait(), output


@both
def test_a_program_that_the_kernel_refuses_fails_the_exec(box: Box, runtime: str) -> None:
    files = (("private", "#!/bin/sh", 0o700), ("uninterpreted", "#!/none", 0o755), ("garbage", "?", 0o755))
    for name, text, mode in files:
        (box.lower / name).write_text(f"{text}\n")
        (box.lower / name).chmod(mode)

    async def whole() -> None:
        monitors = ShimMonitors()
        try:
            launch = box.launch("sleep", "100", runtime=runtime)
            monitor = await monitors.create(launch)
            await monitor.run()
            for tty in (False, True):
                for command, code, words in (
                    (("/private",), 126, 'exec: "/private": permission denied'),
                    (("/uninterpreted",), 127, 'exec: "/uninterpreted": no such file or directory'),
                    (("/garbage",), 126, 'exec: "/garbage": exec format error'),
                    (("/bin/echo", LONG), 126, 'exec: "/bin/echo": argument list too long'),
                ):
                    with pytest.raises(CommandNotRunnable, match=re.escape(words)) as caught:
                        await monitor.execute(exec_launch(launch, "bad", *command, tty=tty))
                    assert caught.value.exit_code == code
                assert await ran(monitor, exec_launch(launch, "good", "sh", "-c", "exit 5", tty=tty)) == (5, b"")
            with pytest.raises(CommandNotRunnable):
                await monitor.execute(exec_launch(launch, "unseen", "/garbage", attached=False))
            assert await ran(monitor, exec_launch(launch, "quick", "true", attached=False)) == (0, b"")
            assert not list(launch.bundle.glob("exec-*"))
            await monitor.signal(9)
            assert (await monitor.wait()).code == 137
            monitor.close()
            box.assert_clean(launch)
        finally:
            await monitors.close()

    asyncio.run(asyncio.wait_for(whole(), 60))


def test_many_that_end_at_once_have_all_run(box: Box) -> None:
    async def whole() -> None:
        monitors = ShimMonitors()
        try:
            launch = box.launch("sleep", "100")
            monitor = await monitors.create(launch)
            await monitor.run()
            ids = [f"e{number}" for number in range(24)]
            results = await asyncio.gather(*(ran(monitor, exec_launch(launch, id, "sh", "-c", "exit 3")) for id in ids))
            assert results == [(3, b"")] * len(ids)
            await monitor.signal(9)
            await monitor.wait()
        finally:
            await monitors.close()

    asyncio.run(asyncio.wait_for(whole(), 60))

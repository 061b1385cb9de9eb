"""Tasks that nobody waits for."""

import asyncio

import pytest

from wharf.engine.tasks import Tasks
from wharf.errors import EngineError


async def fails(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(("error", "told"), [(ValueError("why"), True), (EngineError("so"), False)])
def test_the_log_tells_of_errors_that_nobody_expects(
    error: Exception, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        tasks = Tasks("it failed", expected=(EngineError,))
        await asyncio.wait([tasks.begin(fails(error), "one")])
        await tasks.close()

    asyncio.run(body())
    assert [one.message for one in caplog.records] == (["it failed"] if told else [])


def test_what_runs_is_cut_off_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        tasks = Tasks("it failed")
        endless = tasks.begin(asyncio.Event().wait(), "endless")
        await asyncio.sleep(0)
        await tasks.close()
        assert endless.cancelled()

    asyncio.run(body())
    assert caplog.records == []

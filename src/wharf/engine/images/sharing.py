"""Work that several ask for at once and that is done once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Generic, TypeVar

from wharf.apitypes.jsonmessage import Progress, Report

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class _Job(Generic[T]):
    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.latest: Progress | None = None
        self.task: asyncio.Task[T] | None = None

    def tell(self, progress: Progress) -> None:
        self.latest = progress
        for report in self.reports:
            report(progress)


class Shared(Generic[K, T]):
    """Runs one task for each key. It is cancelled when the last who waited for it is gone."""

    def __init__(self) -> None:
        self._jobs: dict[K, _Job[T]] = {}

    def running(self, key: K) -> "asyncio.Task[T] | None":
        """The task for `key`, if there is one."""
        job = self._jobs.get(key)
        return job.task if job is not None else None

    async def join(self, key: K, work: Callable[[Report], Coroutine[None, None, T]], report: Report) -> T:
        """The result of the task for `key`, which `work` begins unless it runs already. Raises what it raises."""
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = _Job[T]()
            job.task = asyncio.create_task(work(job.tell), name=f"shared {key}")
            job.task.add_done_callback(lambda task: self._forget(key, job))
        elif job.latest is not None:
            report(job.latest)
        job.reports.append(report)
        assert job.task is not None
        try:
            return await asyncio.shield(job.task)
        except asyncio.CancelledError:
            if job.reports == [report] and not job.task.done():
                # Nobody else may join what is about to end.
                self._forget(key, job)
                job.task.cancel()
                await asyncio.wait([job.task])
            raise
        finally:
            job.reports.remove(report)

    def _forget(self, key: K, job: _Job[T]) -> None:
        if self._jobs.get(key) is job:
            del self._jobs[key]

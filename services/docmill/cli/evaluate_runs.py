"""The runs of one `docmill eval`: bounded in number, with errors that cost their own document only."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import stamina
from rich.console import Console
from rich.progress import Progress

from docmill.client import (
    ApiError,
    AsyncDocmill,
    AsyncRunHandle,
    AuthenticationError,
    Evidence,
    PermissionDeniedError,
    QueueFullError,
    RateLimitedError,
    Run,
    RunCancelledError,
    RunFailedError,
)
from docmill.domain.pages import Box
from docmill.evaluate import DocumentScore, FieldScore, Labelled, Outcome, Place, Produced, Proof, Times

_PICTURE_SIDE = 1600
"""Pixels of the longest side of the page that a piece is cut from."""
_EVERYONES = (AuthenticationError, PermissionDeniedError)
"""Errors that would meet every document."""
_PATIENCE = 60
"""How often a document waits for room before that counts as its error."""

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a document."""

    produced: Produced
    run_id: str = ""
    """Empty where none was started."""


class Evaluation:
    """A flow, asked the same of many documents."""

    def __init__(self, docmill: AsyncDocmill, flow: str, ask: Mapping[str, Any], parallel: int) -> None:
        self._docmill = docmill
        self._flow = flow
        self._ask = ask
        self._parallel = parallel

    async def produce(self, documents: Sequence[Labelled]) -> list[Result]:
        """What the flow makes of each document, in their order."""
        return await self._each("documents", documents, self._one)

    async def pictures(
        self, scores: Sequence[DocumentScore], results: Sequence[Result]
    ) -> dict[tuple[str, str], bytes]:
        """A picture of each miss whose place is known, by path of the document and name of the field."""
        pairs = [(score, result) for score, result in zip(scores, results, strict=True) if result.run_id]
        found: dict[tuple[str, str], bytes] = {}
        for pictures in await self._each("pictures", [pair for pair in pairs if _misses(pair[0])], self._pictures):
            found |= pictures
        return found

    async def _one(self, document: Labelled) -> Result:
        """A run, from the document's upload to its output."""
        run_id = ""
        try:
            handle = await self._started(document)
            run_id = handle.id
            await handle.result()
            run = await self._docmill.runs.get(run_id, evidence=True, include=["metrics"])
        except _EVERYONES:
            raise
        except (ApiError, RunFailedError, RunCancelledError) as error:
            return Result(Produced(error=str(error)), run_id)
        return Result(_produced(run), run_id)

    async def _started(self, document: Labelled) -> AsyncRunHandle:
        """A run, as soon as the organization's limits leave room for it."""
        async for attempt in stamina.retry_context(on=_room_in, attempts=_PATIENCE, timeout=None):
            with attempt:
                return await self._docmill.flows.run(self._flow, document.path, **self._ask)
        raise AssertionError  # stamina returns or raises

    async def _pictures(self, pair: tuple[DocumentScore, Result]) -> dict[tuple[str, str], bytes]:
        """The pictures of one document's misses; a page without a picture is a report without that picture."""
        from docmill.evaluate.pictures import crop  # noqa: PLC0415 - Pillow loads for those who want a report

        score, result = pair
        pages: dict[int, tuple[bytes, tuple[float, float]] | None] = {}
        found: dict[tuple[str, str], bytes] = {}
        for value in _misses(score):
            number = (*value.labelled_at, *value.found_at)[0].page
            if number not in pages:
                pages[number] = await self._page(result.run_id, number)
            page = pages[number]
            if page is not None:
                boxes = [
                    [at.box for at in places if at.page == number] for places in (value.found_at, value.labelled_at)
                ]
                found[str(score.document.path), value.name] = crop(*page, *boxes)
        return found

    async def _page(self, run_id: str, number: int) -> tuple[bytes, tuple[float, float]] | None:
        """A page's picture, and its size in the unit of its boxes."""
        try:
            page = await self._docmill.runs.page(run_id, number)
            picture = await self._docmill.runs.page_image(run_id, number, max_side=_PICTURE_SIDE)
        except ApiError:
            return None
        return (picture, (page.text.width, page.text.height)) if page.text else None

    async def _each(self, what: str, values: Sequence[T], work: Callable[[T], Awaitable[U]]) -> list[U]:
        """`work` on every value, so many at once; the results in the values' order."""
        console = Console(stderr=True)
        results: dict[int, U] = {}
        waiting = iter(enumerate(values))
        with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
            bar = progress.add_task(what, total=len(values))

            async def take() -> None:
                for index, value in waiting:
                    results[index] = await work(value)
                    progress.advance(bar)

            takers = [asyncio.create_task(take()) for _ in range(min(self._parallel, len(values)))]
            try:
                await asyncio.gather(*takers)
            finally:
                for taker in takers:
                    taker.cancel()
                await asyncio.gather(*takers, return_exceptions=True)  # none outlives the connection
        return [results[index] for index in range(len(values))]


def _room_in(error: Exception) -> float | bool:
    """Seconds until there may be room again; False for what no waiting mends."""
    if isinstance(error, RateLimitedError | QueueFullError):
        return error.retry_after or 1.0
    return False


def _produced(run: Run) -> Produced:
    proofs: defaultdict[str, list[Proof]] = defaultdict(list)
    for one in run.evidence:
        proofs[one.path].append(Proof(_place(one), one.confidence, one.grounded))
    return Produced(output=run.output, proofs=proofs, times=_times(run))


def _place(one: Evidence) -> Place:
    return Place(one.page_number, Box(one.box.x, one.box.y, one.box.w, one.box.h))


def _times(run: Run) -> Times | None:
    if run.metrics is None:
        return None
    extraction = [step.duration_ms for step in run.metrics.steps if step.node_type == "extract"]
    return Times(
        run=run.metrics.duration_ms,
        reading=run.metrics.engine_ms,
        extraction=sum(extraction) if extraction else None,
    )


def _misses(score: DocumentScore) -> list[FieldScore]:
    """Values that are not right, of which some place is known."""
    return [
        value for value in score.fields if value.outcome is not Outcome.RIGHT and (value.found_at or value.labelled_at)
    ]

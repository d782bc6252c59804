"""The runs of one `docmill eval`: bounded in number, with errors that cost their own document only."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import Progress

from docmill.client import (
    AsyncDocmill,
    AuthenticationError,
    ConnectionFailedError,
    DocmillError,
    PermissionDeniedError,
    QueueFullError,
    RateLimitedError,
    Run,
)
from docmill.domain.pages import Box
from docmill.evaluate import DocumentScore, FieldScore, Labelled, Outcome, Place, Produced, Proof, Times

_PICTURE_SIDE = 1600
"""Pixels of the longest side of the page that a piece is cut from."""
_EVERYONES = (ConnectionFailedError, AuthenticationError, PermissionDeniedError)
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
        found = await self._each("pictures", pairs, self._cut)
        return {key: picture for pictures in found for key, picture in pictures.items()}

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
                await asyncio.gather(*takers, return_exceptions=True)
        return [results[index] for index in range(len(values))]

    async def _one(self, document: Labelled) -> Result:
        try:
            run = await self._run(document)
        except _EVERYONES:
            raise
        except DocmillError as error:
            return Result(Produced(error=str(error)))
        return Result(_produced(run), run.id)

    async def _run(self, document: Labelled) -> Run:
        """The ended run; where too much is under way already, it is asked for again."""
        for left in range(_PATIENCE, -1, -1):
            try:
                handle = await self._docmill.flows.run(self._flow, document.path, **self._ask)
                break
            except (RateLimitedError, QueueFullError) as error:
                if not left:
                    raise
                await asyncio.sleep(error.retry_after or 1.0)
        async for _ in handle.watch():
            pass
        return await self._docmill.runs.get(handle.id, evidence=True, include=["metrics"])

    async def _cut(self, pair: tuple[DocumentScore, Result]) -> dict[tuple[str, str], bytes]:
        """The pictures of the misses of one document; none where its pages cannot be drawn."""
        from docmill.evaluate.pictures import crop  # noqa: PLC0415 - Pillow loads for those who want a report

        score, result = pair
        sheets: dict[int, tuple[bytes, tuple[float, float]]] = {}
        pictures = {}
        for value in score.fields:
            number = _page_of(value)
            if value.outcome is Outcome.RIGHT or number is None:
                continue
            try:
                if number not in sheets:
                    sheets[number] = await self._sheet(result.run_id, number)
            except _EVERYONES:
                raise
            except DocmillError:
                continue
            sheet, size = sheets[number]
            found, labelled = _boxes(value.found_at, number), _boxes(value.labelled_at, number)
            pictures[str(score.document.path), value.name] = crop(sheet, size, found, labelled)
        return pictures

    async def _sheet(self, run_id: str, number: int) -> tuple[bytes, tuple[float, float]]:
        """A page's picture, and its size in the unit of its boxes."""
        page = await self._docmill.runs.page(run_id, number)
        size = (page.text.width, page.text.height) if page.text else (1.0, 1.0)
        return await self._docmill.runs.page_image(run_id, number, max_side=_PICTURE_SIDE), size


def _produced(run: Run) -> Produced:
    if run.error is not None or run.output is None:
        return Produced(error=run.error.message if run.error else f"the run is {run.status}")
    proofs: dict[str, list[Proof]] = {}
    for item in run.evidence:
        place = Place(item.page_number, Box(item.box.x, item.box.y, item.box.w, item.box.h))
        proofs.setdefault(item.path, []).append(Proof(place, item.confidence))
    return Produced(output=run.output, proofs=proofs, times=_times(run))


def _times(run: Run) -> Times | None:
    metrics = run.metrics
    if metrics is None:
        return None
    extractions = [step.duration_ms for step in metrics.steps if step.node_type == "extract"]
    return Times(
        run=metrics.duration_ms, reading=metrics.engine_ms, extraction=sum(extractions) if extractions else None
    )


def _page_of(value: FieldScore) -> int | None:
    """The page that shows a miss best: where it was read, or where it should have been."""
    return next((place.page for place in (*value.found_at, *value.labelled_at)), None)


def _boxes(places: Sequence[Place], page: int) -> list[Box]:
    return [place.box for place in places if place.page == page]

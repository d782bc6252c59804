"""What a flow runs on: the pages of a document, and the log of what its steps made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from docmill.domain.messages import StepFacts
from docmill.extract import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docmill.domain.einvoices import EmbeddedFile
    from docmill.domain.models import JsonObject
    from docmill.domain.pages import Page
    from docmill.extract import Extractor

__all__ = ["Log", "Scope"]

_NOTHING = Usage()


class Log:
    """How long steps took and what they made, of a whole run."""

    def __init__(self) -> None:
        self.artifacts: dict[str, JsonObject] = {}
        """By place: `each/0/fields` is the step `fields` in the flow of `each` for its first document."""
        self._seconds: dict[tuple[str, str], float] = {}
        self._usage: dict[tuple[str, str], Usage] = {}

    def took(self, step_id: str, node_type: str, seconds: float) -> None:
        """Add to the time of a step: a flow that runs for many documents counts as one."""
        self._seconds[step_id, node_type] = self._seconds.get((step_id, node_type), 0.0) + seconds

    def used(self, step_id: str, node_type: str, usage: Usage) -> None:
        """Add what a step took of a language model, once, whatever flows it is inside of."""
        before = self._usage.get((step_id, node_type), Usage())
        self._usage[step_id, node_type] = before.plus(usage.input_tokens, usage.output_tokens)

    @property
    def facts(self) -> tuple[StepFacts, ...]:
        """The steps in the order in which they ended first."""
        return tuple(
            StepFacts(
                step_id=step_id,
                node_type=node_type,
                duration_ms=round(seconds * 1000),
                input_tokens=self._usage.get((step_id, node_type), _NOTHING).input_tokens,
                output_tokens=self._usage.get((step_id, node_type), _NOTHING).output_tokens,
            )
            for (step_id, node_type), seconds in self._seconds.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Everything that the steps of one flow share."""

    pages: Sequence[Page]
    variables: JsonObject
    providers: Mapping[str, Extractor]
    files: Sequence[EmbeddedFile] = ()
    """Where an electronic invoice may be that belongs to these pages."""
    category: str = ""
    """What an outer step says the document is."""
    kind: str = ""
    """What the split step of the stack says it is."""
    log: Log = field(default_factory=Log)
    name: str = ""
    """Before the ids of the steps, where they name a step of the definition: `each/`."""
    place: str = ""
    """Before the ids of the steps, where they name what was made: `each/0/`."""

    def branch(self, name: str, category: str) -> Scope:
        """That of a flow inside a step, for the same document."""
        return replace(self, category=category, name=f"{self.name}{name}/", place=f"{self.place}{name}/")

    def document(self, name: str, index: int, pages: Sequence[Page], kind: str) -> Scope:
        """That of a flow inside a step, for one document of the stack. Files stay with all pages."""
        return replace(
            self,
            pages=pages,
            files=self.files if len(pages) == len(self.pages) else (),
            category=kind,
            kind=kind,
            name=f"{self.name}{name}/",
            place=f"{self.place}{name}/{index}/",
        )

"""What the child process does with documents: probe them, read their pages, run flows over what was read."""

from __future__ import annotations

import sys
import threading
import traceback
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.domain.errors import MediaError, Reason, WorkFailed
from docmill.ocr import EngineUnavailable
from docmill.ocr.limits import MediaLimits
from docmill.worker import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from docmill.domain.einvoices import EmbeddedFile
    from docmill.domain.errors import DocmillError
    from docmill.extract import Extractor
    from docmill.extract.llm import Answer, Question
    from docmill.ocr.documents import OpenDocument
    from docmill.ocr.reader import Picture, ReadPage
    from docmill.worker.child import Task

    Reply = tuple[dict[str, Any], bytes]
    Confer = Callable[[dict[str, Any]], dict[str, Any]]

__all__ = ["Reading"]

_PNG_LEVEL = 4  # of zlib: twice as fast as its default, and a tenth larger

# Heavy modules are imported where they are first needed: a probe does not wait for an OCR engine.
# ruff: noqa: PLC0415


class Reading:
    """The tasks of one child.

    `config`: `threads`, `limits` (fields of `MediaLimits`), `warm_up` (whether to load the engine before a page needs
    it), `engine` as `PageReader` takes it, and `weights_dir`, `languages`, `gpu`, `gpu_memory`, `precision`,
    `profile` as `EngineOptions` has them; `llm` (`models`, `max_input`, `max_tokens`) where the worker has a language model,
    which it asks for this process when `confer` says so. Raises `EngineUnavailable` or `InvalidArgument` for an engine that cannot work here.
    """

    def __init__(self, config: dict[str, Any], confer: Confer) -> None:
        from docmill.ocr.plugins import EngineOptions
        from docmill.ocr.reader import PageReader

        self._confer = confer
        self._llm = config.get("llm", {})
        self._threads = int(config.get("threads", 1))
        self._load_engine = bool(config.get("warm_up", True))
        self._limits = MediaLimits(**config.get("limits", {}))
        self._reader = PageReader(
            config.get("engine", "auto"),
            self._limits,
            EngineOptions(
                threads=self._threads,
                weights_dir=Path(config["weights_dir"]) if config.get("weights_dir") else None,
                languages=tuple(config.get("languages", ("en",))),
                gpu=config.get("gpu", "auto"),
                gpu_memory=float(config.get("gpu_memory", 1.0)),
                precision=config.get("precision", "auto"),
                profile=config.get("profile", "balanced"),
            ),
        )
        self._open = ExitStack()
        self._document: OpenDocument | None = None
        self._path = ""
        self.tasks: dict[str, Task] = {
            "probe": self.probe,
            "page": self.page,
            "pages": self.pages,
            "render": self.render,
            "document": self.document,
        }

    def hello(self) -> dict[str, Any]:
        """The first frame the worker gets."""
        reader = self._reader
        return {
            "engine": reader.engine_name,
            "fingerprint": reader.fingerprint,
            "fingerprints": reader.fingerprints,
            "batch_size": reader.batch_size,
        }

    def warm_up(self) -> None:
        """Load the engine beside whatever is asked first, so that the first scanned page finds it loaded."""
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def probe(self, request: dict[str, Any], body: bytes) -> Reply:
        """See `docmill.ocr.probe.probe`."""
        from docmill.ocr.probe import probe

        del body
        facts = probe(
            Path(request["path"]),
            declared_type=request["declared_type"],
            filename=request["filename"],
            limits=self._limits,
        )
        pages = [(page.width, page.height, page.unit.value) for page in facts.pages]
        return {"media_type": facts.media_type, "pages": pages}, b""

    def page(self, request: dict[str, Any], body: bytes) -> Reply:
        """See `docmill.ocr.reader.PageReader.read`; the page's text is the body, as the codec writes it."""
        del body
        document = self._document_at(request["path"], request["media_type"])
        with _engine_needed():
            return self._reply(request, self._reader.read(document, request["page"], request["read"]))

    def pages(self, request: dict[str, Any], body: bytes) -> Reply:
        """Several of `page`; the engine reads together what needs it. One that fails costs the others nothing."""
        del body
        requests = request["pages"]
        replies: list[Reply] = []
        size = self._reader.batch_size  # bounds the pictures in memory, whatever was asked for
        for start in range(0, len(requests), size):
            replies += self._batch(requests[start : start + size])
        bodies = [body for _, body in replies]
        return {"pages": [header for header, _ in replies], "sizes": [*map(len, bodies)]}, b"".join(bodies)

    def _batch(self, requests: Sequence[dict[str, Any]]) -> list[Reply]:
        from docmill.ocr.reader import Picture

        looked = [self._look(request) for request in requests]
        read = iter(self._read([seen for seen in looked if isinstance(seen, Picture)]))
        return [
            self._reply(request, next(read) if isinstance(seen, Picture) else seen)
            for request, seen in zip(requests, looked, strict=True)
        ]

    def _look(self, request: dict[str, Any]) -> ReadPage | Picture | Exception:
        try:
            document = self._document_at(request["path"], request["media_type"])
            return self._reader.look(document, request["page"], request["read"])
        except Exception as error:
            return error

    def _read(self, pictures: Sequence[Picture]) -> Sequence[ReadPage | Exception]:
        """All together; each alone where one spoils it for the others."""
        if not pictures:
            return []
        try:
            with _engine_needed():
                return self._reader.read_pictures(pictures)
        except Exception as error:
            if len(pictures) == 1:
                return [error]
            return [outcome for picture in pictures for outcome in self._read([picture])]

    def _reply(self, request: dict[str, Any], read: ReadPage | Exception) -> Reply:
        from docmill.ocr.codec import page_to_json, summary

        if isinstance(read, Exception):
            return faults.reply(read), b""
        facts = {
            **summary(read.page),
            "engine_ms": read.engine_ms,
            "fingerprint": self._reader.fingerprint_for(request["read"]),
        }
        return facts, page_to_json(read.page)

    def render(self, request: dict[str, Any], body: bytes) -> Reply:
        """See `docmill.ocr.documents.OpenDocument.picture`; the body is a PNG."""
        del body
        picture = self._document_at(request["path"], request["media_type"]).picture(
            request["page"], request["max_side"]
        )
        file = BytesIO()
        picture.save(file, "PNG", compress_level=_PNG_LEVEL)
        return {}, file.getvalue()

    def document(self, request: dict[str, Any], body: bytes) -> Reply:
        """See `docmill.extract.pipeline.run_document`; the output's JSON is the body.

        `path` is there if the document may carry an electronic invoice and the flow wants it read; `files_problem`
        if an attempt to do that went wrong.
        """
        from docmill.extract.pipeline import outcome_to_json, run_document
        from docmill.ocr.codec import page_from_json

        pages, start = [], 0
        for size in request["sizes"]:
            pages.append(None if size is None else page_from_json(body[start : start + size]))
            start += size or 0
        files, definition = self._xml_files(request), request["definition"]
        outcome = run_document(
            definition, pages, request["variables"], request["output_schema"], self._providers(definition), files
        )
        steps = [
            (step.step_id, step.node_type, step.duration_ms, step.input_tokens, step.output_tokens)
            for step in outcome.steps
        ]
        return {"steps": steps}, outcome_to_json(outcome)

    def _providers(self, definition: dict[str, Any]) -> Mapping[str, Extractor]:
        """The built-in ones, and a language model under each name that the flow has for it."""
        from docmill.domain.providers import model_of, references
        from docmill.extract.pipeline import default_providers

        providers = dict(default_providers())
        models = self._llm.get("models", ())
        named = {reference: model for reference in references(definition) if (model := model_of(reference, models))}
        if not named:
            return providers
        from docmill.extract.llm.provider import LlmProvider
        from docmill.worker.llm_desk import answers_of, asked

        def chat(question: Question) -> Sequence[Answer | DocmillError]:
            return answers_of(self._confer(asked(question)))

        for reference, model in named.items():
            providers[reference] = LlmProvider(chat, model, self._llm["max_input"], self._llm["max_tokens"])
        return providers

    def _xml_files(self, request: dict[str, Any]) -> Sequence[EmbeddedFile]:
        """Where an electronic invoice may be; none if the request names no document."""
        from docmill.domain.einvoices import unreadable

        if problem := request.get("files_problem"):
            return (unreadable(problem),)
        if not request.get("path"):
            return ()
        try:
            return self._document_at(request["path"], request["media_type"]).xml_files()
        except MediaError as error:
            return (unreadable(error.message),)

    def _document_at(self, path: str, media_type: str) -> OpenDocument:
        """The document, kept open until another one is asked for: its pages usually come in a row."""
        from docmill.ocr.documents import open_document

        if self._document is None or path != self._path:
            self._document, self._path = None, ""
            self._open.close()
            self._document = self._open.enter_context(open_document(Path(path), media_type, self._limits))
            self._path = path
        return self._document

    def _warm_up(self) -> None:
        try:
            import cv2

            import docmill.extract.pipeline
            import docmill.ocr.documents
            import docmill.ocr.probe  # noqa: F401 - so that no request waits for it later

            cv2.setNumThreads(self._threads)
            if self._load_engine:
                self._reader.warm_up()
        except Exception:
            traceback.print_exc(file=sys.stderr)  # the first page that needs the engine says it to its user


@contextmanager
def _engine_needed() -> Iterator[None]:
    """An engine that turns out not to work here is a failure of this page, to be told as such."""
    try:
        yield
    except EngineUnavailable as error:
        raise WorkFailed(Reason.PROVIDER_FAILED, f"The reading engine cannot be used here: {error}") from error

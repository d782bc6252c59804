"""`docmill eval`: a flow over labelled documents, and how right it is."""
# ruff: noqa: D417 - the options that many commands share say in options.py what they do

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from docmill.cli.arguments import check_flow_id, pairs, variables
from docmill.cli.failures import DONE, NOT_DONE, UsageError
from docmill.cli.options import LOCAL, AsJson, Server
from docmill.cli.output import json_line, notice, table
from docmill.domain.suggestions import did_you_mean

if TYPE_CHECKING:
    from docmill.evaluate import DocumentScore, Labelled, SetSummary


async def evaluate(
    flow: str,
    folder: Path,
    /,
    *,
    version: str = "",
    var: list[str] | None = None,
    where: Annotated[list[str] | None, Parameter(name="--filter")] = None,
    limit: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    mapping: Annotated[list[str] | None, Parameter(name="--map")] = None,
    visible: bool = False,
    parallel: Annotated[int, Parameter(validator=Number(gte=1, lte=64))] = 8,
    html: Path | None = None,
    min_f1: Annotated[float | None, Parameter(validator=Number(gte=0, lte=1))] = None,
    local: bool = False,
    json: AsJson = False,
    server: Server = LOCAL,
) -> int:
    """Run a flow over labelled documents and say how right it is.

    The folder has a `manifest.jsonl`, or labels as `<id>.json` beside each document: `docs/eval.md` has the format and
    the rules. Prints precision, recall and F1 of each field, calibration, evidence and time, for each set of documents.

    Args:
        flow: Id of the flow; with `--local` also a flow file, whose last flow is tried without being published anywhere else.
        folder: The labelled documents.
        version: Version of the flow; the current one when not given.
        var: A variable of the flow as `name=value`; the value is JSON, or text where it is none.
        where: Only documents whose manifest says so, e.g. `set=sroie`; may be given several times.
        limit: How many documents at most.
        mapping: A value of the output and the label it is compared with, e.g. `vendor.name=issuer`; may be given several times.
        visible: Score only what the page shows, where the labels say that (`fields_visible`).
        parallel: How many documents are under way at once.
        html: Write a report with pictures of the misses to this file.
        min_f1: Exit with 1 when the F1 over all fields of any set is lower.
        local: Start a docmill for this command alone, and stop it afterwards.
    """
    if not local:
        check_flow_id(flow, ", or try it unpublished with --local")
    from docmill.evaluate import DatasetError, fields_of, read_dataset, score, summarize  # noqa: PLC0415 - this command's alone

    try:
        documents = read_dataset(folder, pairs(where, "--filter", "a condition"), limit)
    except DatasetError as error:
        raise UsageError(str(error)) from None
    names = pairs(mapping, "--map", "a field")
    _check_labels(names, documents)
    if html is not None:
        _check_report(html)
    async with _connected(server, local=local) as docmill:
        from docmill.cli.evaluate_runs import Evaluation  # noqa: PLC0415 - gRPC loads in the commands that talk to docmill

        if local and Path(flow).is_file():
            flow = await _published(docmill, Path(flow))
        found = await docmill.flows.get(flow, version=version)
        _check_paths(names, found.output_schema or {})
        fields = fields_of(found.output_schema or {}, names)
        if not fields.fields and not fields.tables:
            raise UsageError(f"{flow} has no output schema whose fields could be compared; name them with --map")
        runs = Evaluation(docmill, flow, {"version": found.version, "variables": variables(var)}, parallel)
        results = await runs.produce(documents)
        scores = [
            score(document, fields, result.produced, visible_only=visible)
            for document, result in zip(documents, results, strict=True)
        ]
        summaries = summarize(scores)
        title = f"{flow} {found.version} on {folder.resolve().name}"
        if json:
            json_line(_json(flow, found.version, summaries, scores))
        else:
            _print(summaries, scores)
        if html is not None:
            await _write_report(html, title, summaries, scores, await runs.pictures(scores, results))
    return _verdict(summaries, min_f1)


@asynccontextmanager
async def _connected(server: Server, *, local: bool) -> AsyncIterator[Any]:
    """A client of the server, or of a docmill of our own."""
    if not local:
        async with server.connect() as docmill:
            yield docmill
        return
    from docmill.cli.local import local_docmill  # noqa: PLC0415 - rarely wanted

    async with local_docmill() as own, own.connect() as docmill:
        yield docmill


async def _published(docmill: Any, file: Path) -> str:
    """The id of the last flow in a flow file, which `docmill` has now."""
    from docmill.cli.publish import publish  # noqa: PLC0415 - for those who try a flow of their own
    from docmill.engine.flow_files import load_flow_files  # noqa: PLC0415 - YAML loads here only

    specs = load_flow_files([file])
    if not specs:
        raise UsageError(f"there is no flow in {file}")
    for spec in specs:
        await publish(docmill, spec)
    return specs[-1].id


def _check_paths(names: Mapping[str, str], schema: Mapping[str, Any]) -> None:
    """Raises `UsageError` for a value that the flow's outputs cannot have."""
    from docmill.evaluate import unknown_part  # noqa: PLC0415 - this command's alone

    for name in names:
        if (unknown := unknown_part(schema, name)) is not None:
            part, known = unknown
            raise UsageError(f"--map {name}: outputs of the flow have no {part!r} there{did_you_mean(part, known)}")


def _check_labels(names: Mapping[str, str], documents: "Sequence[Labelled]") -> None:
    """Says which labels none of the documents has; others that were left out may have them."""
    known = {label for document in documents for label in document.labels()}
    for name, label in names.items():
        if label not in known:
            notice(f"--map {name}: no document has the label {label!r}{did_you_mean(label, known)}")


def _check_report(path: Path) -> None:
    """Makes the report's folder; raises `UsageError`, before anything runs, where no file can be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--html {path}: its folder cannot be made: {error.strerror}") from None
    if path.is_dir():
        raise UsageError(f"--html {path}: this is a folder; name a file in it")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--html {path}: nothing may be written there")


async def _write_report(
    path: Path, title: str, summaries: "Sequence[SetSummary]", scores: "Sequence[DocumentScore]", pictures: Any
) -> None:
    from docmill.evaluate.html import render  # noqa: PLC0415 - for those who want a report

    path.write_text(render(title, summaries, scores, pictures), "utf-8")
    notice(f"the report is in {path}")


def _json(
    flow: str, version: str, summaries: "Sequence[SetSummary]", scores: "Sequence[DocumentScore]"
) -> dict[str, Any]:
    return {
        "flow": flow,
        "version": version,
        "sets": {one.name: one.to_json() for one in summaries},
        "documents": [one.to_json() for one in scores],
    }


def _print(summaries: "Sequence[SetSummary]", scores: "Sequence[DocumentScore]") -> None:
    for number, one in enumerate(summaries):
        counted = (
            f", counted as {one.invoices:.0f} (variants share their weight)" if one.invoices < one.documents else ""
        )
        print(f"{'' if number == 0 else chr(10)}{one.name}: {one.documents} documents{counted}, {one.failed} failed")
        rows = [*one.fields.items(), ("all fields", one.all)]
        if one.items is not None:
            rows.append(("line items", one.items))
        table(
            ["FIELD", "PRECISION", "RECALL", "F1", "LABELLED"],
            [(n, _number(r.precision), _number(r.recall), _number(r.f1), f"{r.labelled:g}") for n, r in rows],
            nothing="Nothing of it is labelled.",
        )
        for line in _facts(one):
            print(line)
    for score in scores:
        if score.error:
            notice(f"{score.document.path}: {score.error}")


def _facts(one: "SetSummary") -> list[str]:
    lines = [f"documents all right   {_percent(one.exact)}"]
    if one.calibration_error is not None:
        passed = f"{_percent(one.coverage)} of the values pass at 99 % precision"
        lines.append(f"calibration error     {_number(one.calibration_error)}; {passed}")
    if one.located:
        where = f"mean IoU {_number(one.overlap)}, {_percent(one.overlapping)} at 0.5 or more"
        lines.append(f"evidence              {where}, of {one.located} right values")
    if one.values:
        lines.append(f"grounded              {_percent(one.grounded / one.values)} of {one.values} values")
    for name, spread in (("run", one.run_ms), ("reading", one.reading_ms), ("extraction", one.extraction_ms)):
        if spread is not None:
            lines.append(f"{name + ' time':21} median {spread.median:.0f} ms, p95 {spread.p95:.0f} ms")
    if one.unscored:
        names = ", ".join(f"{label} ({count})" for label, count in one.unscored.most_common())
        lines.append(f"not in the flow       {names}")
    return lines


def _verdict(summaries: "Sequence[SetSummary]", least: float | None) -> int:
    low = [] if least is None else [one for one in summaries if (one.all.f1 or 0.0) < least]
    for one in low:
        notice(f"{one.name}: F1 {_number(one.all.f1)} is below {least}")
    return NOT_DONE if low else DONE


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"

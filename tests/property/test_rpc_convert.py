"""Between the domain's values and messages: nothing is lost on the way, whatever the values are."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain.errors import Fault, InvalidArgument, Reason
from docmill.domain.models import EventKind, Flow, Mode, Priority, Run, RunEvent, RunPage
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.domain.states import PageState, RunState
from docmill.engine import Heartbeat, RunOutput, RunRequest
from docmill.extract import Evidence
from docmill.rpc.convert import common, documents, flows, runs
from docmill.v1 import flows_pb2, runs_pb2

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | text
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4))
objects = st.dictionaries(text, values, max_size=4)
times = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
finite = st.floats(-1e6, 1e6)
shares = st.floats(0, 1)
boxes = st.builds(Box, finite, finite, finite, finite)
words = st.builds(Word, text, boxes, shares)
lines = st.builds(Line, st.lists(words, min_size=1, max_size=4).map(tuple))
pages = st.builds(
    Page,
    number=st.integers(1, 10_000),
    width=finite,
    height=finite,
    unit=st.sampled_from(Unit),
    rotation=st.sampled_from([0, 90, 180, 270]),
    engine=text,
    lines=st.lists(lines, max_size=3).map(tuple),
)
faults = st.builds(
    Fault,
    reason=st.sampled_from(Reason),
    message=text,
    details=st.dictionaries(text, text, max_size=3),
    step=text,
)


@given(values)
def test_json_values_come_back(value: Any) -> None:
    """A JSON value arrives as it was sent; whole numbers arrive whole."""
    wire = common.to_value(value).SerializeToString()
    outer = struct_pb2.Struct()
    outer.fields["value"].ParseFromString(wire)
    back = common.from_struct(outer, "variables", max_bytes=1 << 20)["value"]
    assert back == value
    assert json.dumps(back, sort_keys=True) == json.dumps(_whole(value), sort_keys=True)


@given(objects)
def test_json_objects_are_what_protobuf_makes_of_them(value: dict[str, Any]) -> None:
    """Our quick conversion gives the message that protobuf's own slow one gives."""
    assert common.to_struct(value) == json_format.ParseDict(value, struct_pb2.Struct())


@given(times)
def test_times_come_back(at: datetime) -> None:
    """A time is the same after the trip, to the microsecond."""
    stamp = common.to_timestamp(at)
    assert stamp is not None
    assert common.from_timestamp(stamp, "created_after") == at


@given(faults)
def test_faults_keep_everything(fault: Fault) -> None:
    """Reason, message, step and details of a failure arrive."""
    message = common.to_fault(fault)
    assert message is not None
    assert (message.message, message.step, dict(message.details)) == (fault.message, fault.step, fault.details)
    assert message.reason == common.to_reason(fault.reason)


@given(pages, st.sampled_from(PageState), st.none() | shares)
def test_pages_keep_every_word(page: Page, state: PageState, confidence: float | None) -> None:
    """Words, boxes and confidences arrive exactly, in order."""
    progress = RunPage(run_id="run_1", number=page.number, state=state, attempts=1, confidence=confidence)
    message = documents.to_page(progress, page)
    back = tuple(
        Line(
            tuple(
                Word(word.text, Box(word.bbox.x, word.bbox.y, word.bbox.w, word.bbox.h), word.confidence)
                for word in line.words
            )
        )
        for line in message.text.lines
    )
    assert back == page.lines
    assert [line.text for line in message.text.lines] == [line.text for line in page.lines]
    assert (message.confidence if message.HasField("confidence") else None) == confidence


@st.composite
def some_run(draw: st.DrawFn) -> Run:
    """A run in any state, with what belongs to it."""
    created = draw(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
    state = draw(st.sampled_from(RunState))
    total = draw(st.none() | st.integers(1, 1000))
    done = draw(st.integers(0, total)) if total else 0
    return Run(
        id="run_1",
        org_id="org_1",
        mode=Mode.TEST,
        flow_id="f",
        flow_version="1.0.0",
        document_id="doc_1",
        state=state,
        priority=Priority.STANDARD,
        metadata=draw(objects),
        created_at=created,
        ended_at=created + draw(st.timedeltas(timedelta(0), timedelta(days=20))) if state.is_terminal else None,
        pages_total=total,
        pages_done=done,
        pages_failed=draw(st.integers(0, total - done)) if total else 0,
        fault=draw(faults) if state is RunState.FAILED else None,
        last_sequence=draw(st.integers(0, 2**40)),
    )


@given(some_run())
def test_runs_say_when_and_how_they_ended(run: Run) -> None:
    """Times, durations and metrics are there exactly when the run has ended; an error exactly when it failed."""
    message = runs.to_run(run)
    assert runs_pb2.RunStatus.Name(message.status) == f"RUN_STATUS_{run.state}"
    for name in ("completed_at", "duration", "metrics"):
        assert message.HasField(name) == run.state.is_terminal
    assert message.HasField("cancelled_at") == (run.state is RunState.CANCELLED)
    assert message.HasField("error") == (run.state is RunState.FAILED)
    assert message.progress.HasField("pages_total") == (run.pages_total is not None)
    assert not message.HasField("output")
    assert json_format.MessageToDict(message.metadata) == json.loads(json.dumps(_whole(dict(run.metadata))))


@given(some_run())
def test_only_success_is_100_percent(run: Run) -> None:
    """The estimate stays below 100 until the run has succeeded, and never leaves 0 to 100."""
    percentage = runs.to_progress(run).percentage
    assert (percentage == 100) == (run.state is RunState.SUCCEEDED)
    assert 0 <= percentage <= 100


@given(
    values,
    st.lists(
        st.builds(
            Evidence,
            path=text,
            page=st.integers(1, 99),
            box=boxes,
            words=st.lists(text, max_size=3).map(tuple),
            confidence=shares,
        ),
        max_size=3,
    ),
)
def test_output_and_evidence_arrive(output: Any, evidence: list[Evidence]) -> None:
    """The output arrives as it was made; its evidence arrives if asked for, and only then."""
    made = RunOutput(output=output, evidence=evidence, warnings=["w"])
    plain, full = runs_pb2.Run(), runs_pb2.Run()
    runs.add_output(plain, made, as_json=False, evidence=False)
    runs.add_output(full, made, as_json=True, evidence=True)
    assert plain.output == common.to_value(output)
    assert plain.HasField("output")
    assert not plain.output_json
    assert json.loads(full.output_json) == output
    assert not full.HasField("output")
    assert not plain.evidence
    assert [
        Evidence(
            path=each.path,
            page=each.page_number,
            box=Box(each.bbox.x, each.bbox.y, each.bbox.w, each.bbox.h),
            words=tuple(each.words),
            confidence=each.confidence,
        )
        for each in full.evidence
    ] == evidence


def test_output_as_text_keeps_the_order_of_keys() -> None:
    """As JSON text, the output has its keys in the order in which the flow made them."""
    message = runs_pb2.Run()
    runs.add_output(message, RunOutput(output={"z": 1, "a": {"y": 1, "b": 2}}), as_json=True, evidence=False)
    assert message.output_json == '{"z":1,"a":{"y":1,"b":2}}'


@given(objects, st.sampled_from(Priority), st.none() | st.integers(1, 86_400_000))
def test_run_requests_arrive(variables: dict[str, Any], priority: Priority, milliseconds: int | None) -> None:
    """Flow, version, document, variables, priority and time limit of a request are those the caller gave."""
    message = flows_pb2.RunFlowRequest(flow_id="f", version="1.0.0")
    message.input.document_id = "doc_1"
    message.input.variables.CopyFrom(common.to_struct(variables))
    message.priority = flows_pb2.Priority.Value(f"PRIORITY_{priority.name}")
    if milliseconds is not None:
        message.time_limit.FromMilliseconds(milliseconds)
    assert flows.from_run_flow(message, trace_id="ab" * 16) == RunRequest(
        flow_id="f",
        version="1.0.0",
        document_id="doc_1",
        variables=variables,
        priority=priority,
        timeout_s=None if milliseconds is None else milliseconds / 1000,
        trace_id="ab" * 16,
    )


@given(st.binary(max_size=50), text)
def test_documents_in_requests_arrive(content: bytes, filename: str) -> None:
    """The bytes of a document inside a request arrive, also when there are none."""
    document = flows_pb2.InlineDocument(base64=content, filename=filename, mime_type="image/png")
    request = flows.from_run_flow(flows_pb2.RunFlowRequest(flow_id="f", input=flows_pb2.RunInput(document=document)))
    assert (request.content, request.filename, request.declared_type) == (content, filename, "image/png")
    assert request.priority is Priority.STANDARD


@given(objects, objects, objects)
def test_flow_versions_arrive(variables: dict[str, Any], output: dict[str, Any], extra: dict[str, Any]) -> None:
    """A flow version that is created, and shown, has the schemas, the limits and the recipe that were sent."""
    read = {"type": "step", "id": "read", "nodeType": "parse", "config": {"promptVariables": extra}}
    definition = {"version": "1.0.0", "steps": [read]}
    message = flows_pb2.CreateFlowRequest(
        id="f",
        version="1.0.0",
        name="F",
        description="d",
        hidden=True,
        input_schema=common.to_struct(variables),
        output_schema=common.to_struct(output),
        config=flows_pb2.FlowConfig(
            supported_formats=["application/pdf"], max_file_size_mb=7, max_pages=8, estimated_credits_per_page=9
        ),
        definition=common.to_struct(definition),
    )
    version = flows.from_create_flow(message).published(org_id="", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert (version.flow_id, version.version, version.name, version.description) == ("f", "1.0.0", "F", "d")
    assert (version.input_schema, version.output_schema, version.definition) == (variables, output, definition)
    assert version.hidden
    older = replace(version, version="0.9.0", created_at=datetime(2025, 1, 1, tzinfo=UTC))
    shown = flows.to_flow(Flow(id="f", versions=(older, version)), version)
    assert shown.config == message.config
    assert shown.input_schema == common.to_struct(version.input_schema)
    assert shown.schema.output == common.to_struct(version.output_schema)
    assert shown.definition == common.to_struct(version.definition)
    assert list(shown.versions) == ["0.9.0", "1.0.0"]
    assert shown.created_at.ToDatetime(UTC) == older.created_at


@given(st.sampled_from(EventKind), st.integers(1, 2**40), st.integers(0, 2**40))
def test_watched_items_say_where_the_watch_stands(kind: EventKind, sequence: int, after: int) -> None:
    """An event has its own number; a heartbeat repeats the one before it, so that resuming after it loses nothing."""
    event = RunEvent(run_id="run_1", sequence=sequence, kind=kind, at=datetime(2026, 1, 1, tzinfo=UTC))
    message = runs.to_watched(event, after)
    assert message.sequence == sequence
    name = runs_pb2.RunEventKind.Name(message.event.kind)
    assert name == "RUN_EVENT_KIND_" + kind.value.upper().replace(".", "_")
    assert runs.to_watched(Heartbeat(sequence=after), after).sequence == after


def test_event_facts_arrive() -> None:
    """What the engine writes about a page is typed on the wire; facts that are absent stay absent."""
    payload = {
        "page": 3,
        "attempt": 2,
        "engine": "paddle",
        "confidence": 0.93,
        "words": 0,
        "durationMs": 41,
        "pagesDone": 3,
        "pagesFailed": 0,
        "pagesTotal": 9,
    }
    event = RunEvent(
        run_id="run_1", sequence=5, kind=EventKind.PAGE_DONE, at=datetime(2026, 1, 1, tzinfo=UTC), payload=payload
    )
    message = runs.to_event(event)
    assert (message.page.page_number, message.page.attempt, message.page.engine) == (3, 2, "paddle")
    assert (message.page.confidence, message.page.words, message.page.duration_ms) == (0.93, 0, 41)
    assert (message.pages_done, message.pages_failed, message.pages_total) == (3, 0, 9)
    assert message.page.HasField("words")
    assert not message.HasField("error")
    assert not message.HasField("duration_ms")
    failed = replace(event, kind=EventKind.PAGE_FAILED, payload={"page": 1, "reason": "WORKER_TIMEOUT", "message": "m"})
    assert runs.to_event(failed).error.message == "m"
    assert not runs.to_event(failed).HasField("pages_done")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_json_does_not_have_are_refused(number: float) -> None:
    """NaN and infinity cannot be written as JSON later, so they are refused at the door, by field."""
    struct = struct_pb2.Struct()
    struct.fields["n"].number_value = number
    with pytest.raises(InvalidArgument) as refused:
        common.from_struct(struct, "metadata", max_bytes=1024)
    assert refused.value.details["field"] == "metadata"


def test_deep_and_large_objects_are_refused() -> None:
    """An object that is nested too deep or too large is refused with its field and the limit."""
    deep: dict[str, Any] = {}
    for _ in range(common.MAX_DEPTH):
        deep = {"d": deep}
    with pytest.raises(InvalidArgument, match="levels deep"):
        common.from_struct(common.to_struct(deep), "metadata", max_bytes=1 << 20)
    with pytest.raises(InvalidArgument, match="larger than 1 KiB"):
        common.from_struct(common.to_struct({"x": "y" * 2000}), "metadata", max_bytes=1024)


def test_input_schema_describes_the_request() -> None:
    """The schema of `input` asks for a document, and for variables only where some are required."""
    assert flows.input_schema({})["required"] == ["document"]
    needy = {"type": "object", "required": ["units"], "properties": {"units": {"type": "string"}}}
    schema = flows.input_schema(needy)
    assert schema["required"] == ["document", "variables"]
    assert schema["properties"]["variables"] == needy
    assert schema["properties"]["document"]["required"] == ["base64"]


def _whole(value: Any) -> Any:
    """`value` with floats that are whole numbers as integers, as JSON readers expect them."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value

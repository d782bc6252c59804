"""What comes in as JSON, as a query or in a path, and cannot be what its field is."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.gateway.bindings import SERVICES, Binding, bindings_of
from docmill.gateway.decode import Decoder, FieldError
from docmill.gateway.dialects.doclo.style import STYLE, enum_words
from docmill.gateway.encode import Encoder
from docmill.gateway.transcode import Transcoder, json_path
from docmill.v1 import accounts_pb2, flows_pb2, runs_pb2

DEEP: Any = "bottom"
for _ in range(40):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("body", "field", "what"),
    [
        ([], "", "The body must be a JSON object"),
        ({"flowId": 1}, "flowId", "must be a string"),
        ({"flow_id": 1}, "flowId", "must be a string"),
        ({"flowId": "\ud800"}, "flowId", "must be Unicode text"),
        ({"input": []}, "input", "must be an object"),
        ({"input": {"document": {"base64": "*"}}}, "input.document.base64", "must be base64"),
        (
            {"input": {"document": {}, "documentId": "d"}},
            "input.documentId",
            "cannot be given together with input.document",
        ),
        ({"metadata": "x"}, "metadata", "must be an object"),
        ({"metadata": DEEP}, "metadata", "is nested more than 32 levels deep"),
        ({"metadata": {"a": 10**400}}, "metadata", "holds a number that is too large"),
        ({"labels": []}, "labels", "must be an object"),
        ({"labels": {"a": None}}, "labels.a", "must be a string"),
        ({"priority": "soon"}, "priority", "must be one of interactive, standard, bulk"),
        ({"priority": 7}, "priority", "must be one of interactive, standard, bulk"),
        ({"timeLimit": 30}, "timeLimit", "must look like 30s"),
        ({"timeLimit": "30"}, "timeLimit", "must look like 30s"),
        ({"webhookOnCancel": "true"}, "webhookOnCancel", "must be true or false"),
    ],
)
def test_wrong_kinds(body: Any, field: str, what: str) -> None:
    """The field is named as the body names it, with what it must be."""
    with pytest.raises(FieldError) as refused:
        Decoder(enum_words).merge(flows_pb2.RunFlowRequest(), body)
    assert (refused.value.field, refused.value.what) == (field, what)


def test_lists_name_the_item() -> None:
    """The place in the list is a part of the path."""
    with pytest.raises(FieldError, match=r"^scopes\[1\] must be a string"):
        Decoder().merge(accounts_pb2.CreateKeyRequest(), {"scopes": ["a", 2]})
    with pytest.raises(FieldError, match=r"^scopes must be a list"):
        Decoder().merge(accounts_pb2.CreateKeyRequest(), {"scopes": "a"})
    with pytest.raises(FieldError, match=r"^expiresAt must look like 2026-06-01T09:00:00Z"):
        Decoder().merge(accounts_pb2.CreateKeyRequest(), {"expiresAt": "tomorrow"})


def test_what_is_unknown_or_null_is_as_if_it_were_not_there() -> None:
    """Unknown names and nulls are ignored; a field of zero stays one that was not given."""
    request = flows_pb2.RunFlowRequest()
    Decoder().merge(request, {"nobody": {"knows": 1}, "metadata": None, "labels": None, "version": "", "input": None})
    assert request == flows_pb2.RunFlowRequest()


def transcoder(method: str) -> Transcoder:
    """The transcoder of a method's binding."""
    return Transcoder(binding(method), Decoder(enum_words), Encoder(STYLE))


def binding(method: str) -> Binding:
    """The binding of a method."""
    (found,) = [each for each in bindings_of(SERVICES) if each.method.name == method]
    return found


def test_queries() -> None:
    """Names are those of JSON, dotted inside of messages; times, enums and lists are text; unknown names are ignored."""
    listing = transcoder("ListRuns")
    request = listing.request(
        {},
        [
            ("limit", "7"),
            ("filter.statuses", "failed"),
            ("filter.statuses", "RUN_STATUS_QUEUED"),
            ("filter.createdAfter", "2026-01-01T00:00:00.5Z"),
            ("filter.flow_id", "f"),
            ("nobody", "knows"),
            ("filter", "{}"),
        ],
    )
    assert request == runs_pb2.ListRunsRequest(
        page_size=7,
        filter={
            "statuses": [runs_pb2.RUN_STATUS_FAILED, runs_pb2.RUN_STATUS_QUEUED],
            "created_after": {"seconds": 1767225600, "nanos": 500_000_000},
            "flow_id": "f",
        },
    )
    for query, field in {
        ("limit", "x"): "limit",
        ("limit", str(2**31)): "limit",
        ("filter.createdAfter", "x"): "filter.createdAfter",
    }.items():
        with pytest.raises(FieldError) as refused:
            listing.request({}, [query])
        assert refused.value.field == field
    with pytest.raises(FieldError, match="limit is given more than once"):
        listing.request({}, [("limit", "1"), ("limit", "2")])


def test_the_path_wins() -> None:
    """What stands in the path is neither taken from the query nor from the body."""
    request = transcoder("GetRun").request({"run_id": "a"}, [("runId", "b"), ("includeEvidence", "true")])
    assert request == runs_pb2.GetRunRequest(run_id="a", include_evidence=True)
    request = transcoder("EstimateRun").request({"flow_id": "a"}, [], {"flowId": "b", "pageCount": 3})
    assert request == flows_pb2.EstimateRunRequest(flow_id="a", page_count=3)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("page_size", "limit"),
        ("filter.created_after", "filter.createdAfter"),
        ("filter.statuses[0]", "filter.statuses[0]"),
        ("filter.unknown_field", "filter.unknown_field"),
        ("", ""),
        ("no path!", "no path!"),
    ],
)
def test_paths_of_the_services_in_json_names(path: str, named: str) -> None:
    """What the services blame is named as the request names it."""
    assert json_path(runs_pb2.ListRunsRequest.DESCRIPTOR, path) == named


def test_words_of_the_surface() -> None:
    """States and kinds are short words, numbers are numbers, and what is zero is shown where it says something."""
    usage = accounts_pb2.GetUsageResponse(usage={"organization_id": "o", "plan": {"id": "p"}, "pages": 2**40})
    shown = transcoder("GetUsage").json(usage)
    assert (shown["pages"], shown["runs"], shown["plan"]) == (2**40, 0, {"id": "p", "features": []})
    key = accounts_pb2.RevokeKeyResponse(
        key={"id": "k", "mode": accounts_pb2.KEY_MODE_TEST, "created_at": {"seconds": 1}}
    )
    assert transcoder("RevokeKey").json(key) == {
        "id": "k",
        "mode": "test",
        "scopes": [],
        "createdAt": "1970-01-01T00:00:01.000Z",
    }

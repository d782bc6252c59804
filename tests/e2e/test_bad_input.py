"""Everything that can be wrong with a request: its owner learns what and why, and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docmill.client import (
    AuthenticationError,
    Docmill,
    DocmillError,
    DocumentStatus,
    FlowConfig,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    Run,
    RunFailedError,
)
from tests.fixtures import documents
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

PARSE = {"version": "1.0.0", "steps": [{"type": "step", "id": "read", "nodeType": "parse", "config": {}}]}


@pytest.fixture(autouse=True)
def others(client: Docmill, tmp_path: Path) -> Iterator[None]:
    """Whatever a test does, a healthy document runs right afterwards."""
    yield
    documents.text_pdf(tmp_path / "healthy.pdf")
    run = client.flows.run("document-text", tmp_path / "healthy.pdf").result(timeout=60)
    assert [line["text"] for line in run.output["pages"][0]["lines"]] == [*documents.LINES, "Page 1"]


@pytest.fixture(scope="module")
def org(stack: Stack) -> str:
    """Id of a tenant with nothing."""
    return stack.new_organization()


@pytest.fixture(scope="module")
def tenant(stack: Stack, org: str) -> Iterator[Docmill]:
    """A client that may do everything for that tenant in test mode."""
    with stack.connect(str(stack.new_key(org)["key"])) as client:
        yield client


def refusal(client: Docmill, document: Path, *, flow: str = "document-text") -> DocmillError:
    """Why the document is not run: said at the submit, or by the run where the look at the document took longer."""
    try:
        handle = client.flows.run(flow, document)
    except InvalidArgumentError as error:
        return error
    with pytest.raises(RunFailedError) as failed:
        handle.result(timeout=60)
    return failed.value


def write(path: Path, content: bytes) -> Path:
    """A file with this content."""
    path.write_bytes(content)
    return path


def truncated(path: Path) -> Path:
    """A PDF without its end."""
    documents.text_pdf(path, pages=3)
    return documents.cut_off(path)


def encrypted(path: Path) -> Path:
    """A PDF that asks for a password."""
    documents.text_pdf(path, password="open sesame")
    return path


def vast(path: Path) -> Path:
    """A PDF with a page of 200 x 200 inches."""
    documents.text_pdf(path, size=(14_400.0, 14_400.0))
    return path


@pytest.mark.parametrize(
    ("make", "name", "reason", "words"),
    [
        (lambda path: write(path, b"Dear Sir or Madam"), "letter.pdf", "MEDIA_UNSUPPORTED", "looks like"),
        (truncated, "half.pdf", "MEDIA_CORRUPT", "cut off"),
        (encrypted, "secret.pdf", "MEDIA_ENCRYPTED", "remove the password"),
        (documents.empty_pdf, "nothing.pdf", "MEDIA_EMPTY", "no pages"),
        (documents.huge_png, "poster.png", "MEDIA_TOO_LARGE", "20000 x 20000"),
        (vast, "wall.pdf", "MEDIA_TOO_LARGE", "14,400 x 14,400"),
        (documents.corrupt_jpeg, "photo.jpg", "MEDIA_CORRUPT", "save it again"),
    ],
)
def test_unreadable_documents(
    client: Docmill, tmp_path: Path, make: Callable[[Path], Path], name: str, reason: str, words: str
) -> None:
    """A document that cannot be read is refused with the reason, and words that say what to do about it."""
    error = refusal(client, make(tmp_path / name))
    assert error.reason == reason
    assert words in error.message


def test_rejected_document_says_why(client: Docmill, tmp_path: Path) -> None:
    """A document that was uploaded on its own shows why it cannot be read, and every run of it says the same."""
    document = client.documents.upload(encrypted(tmp_path / "secret.pdf"))
    with pytest.raises(DocmillError):
        client.flows.run("document-text", document_id=document.id).result(timeout=60)
    kept = client.documents.get(document.id)
    assert kept.status is DocumentStatus.REJECTED
    assert kept.error
    assert kept.error.reason == "MEDIA_ENCRYPTED"
    with pytest.raises(InvalidArgumentError) as again:  # known by now: said at once
        client.flows.run("document-text", document_id=document.id)
    assert (again.value.reason, again.value.message) == ("MEDIA_ENCRYPTED", kept.error.message)


def test_empty_file(client: Docmill, tmp_path: Path) -> None:
    """A file without bytes is refused at once."""
    with pytest.raises(InvalidArgumentError) as refused:
        client.flows.run("document-text", write(tmp_path / "empty.pdf", b""))
    assert refused.value.reason == "MEDIA_EMPTY"
    assert "empty" in refused.value.message


def test_wrong_declared_type(client: Docmill, tmp_path: Path) -> None:
    """The bytes decide: a PNG that is called a PDF is read as what it is, and its document shows both types."""
    image, _ = documents.draw_page(["Paid in full"], (400, 120), 40)
    picture = documents.image_file(tmp_path / "receipt.png", image)
    handle = client.flows.run("document-text", picture, filename="receipt.pdf", mime_type="application/pdf")
    run = handle.result(timeout=60)
    assert [line["text"] for line in run.output["pages"][0]["lines"]] == ["Paid in full"]
    document = client.documents.get(run.document_id)
    assert (document.mime_type, document.declared_mime_type) == ("image/png", "application/pdf")


def test_unknown_flow(client: Docmill) -> None:
    """A flow that does not exist is named, and where to look for others."""
    with pytest.raises(NotFoundError) as refused:
        client.flows.run("no-such-flow", b"%PDF-1.7")
    assert refused.value.reason == "FLOW_NOT_FOUND"
    assert "no-such-flow" in refused.value.message
    assert "docmill flows list" in refused.value.message


def test_unknown_version(client: Docmill) -> None:
    """A version that does not exist is answered with those that do."""
    with pytest.raises(NotFoundError) as refused:
        client.flows.run("invoice-extractor", b"%PDF-1.7", version="9.9.9")
    assert refused.value.reason == "VERSION_NOT_FOUND"
    assert "1.2.0" in refused.value.message


def test_variables_that_do_not_fit(tenant: Docmill, tmp_path: Path) -> None:
    """Variables that do not fit the flow's schema are refused with the name of the one to blame."""
    schema = {
        "type": "object",
        "required": ["currency"],
        "properties": {"currency": {"type": "string"}},
        "additionalProperties": False,
    }
    pdf_only = FlowConfig(supported_formats=["application/pdf"])
    tenant.flows.create(
        "with-currency", "1.0.0", name="With a currency", config=pdf_only, definition=PARSE, input_schema=schema
    )
    documents.text_pdf(tmp_path / "a.pdf")
    for variables, reason, name in (
        ({}, "VARIABLE_MISSING", "currency"),
        ({"currency": 978}, "FIELD_INVALID", "currency"),
        ({"currency": "EUR", "colour": "red"}, "FIELD_INVALID", "colour"),
    ):
        with pytest.raises(InvalidArgumentError) as refused:
            tenant.flows.run("with-currency", tmp_path / "a.pdf", variables=variables)
        assert refused.value.reason == reason
        assert name in refused.value.message
    run = tenant.flows.run("with-currency", tmp_path / "a.pdf", variables={"currency": "EUR"}).result(timeout=60)
    assert run.progress.pages_done == 1


def test_document_larger_than_the_flow_takes(tenant: Docmill, tmp_path: Path) -> None:
    """A document beyond what the flow takes of bytes, pages or formats is refused with the limit."""
    documents.text_pdf(tmp_path / "two.pdf", pages=2)
    image, _ = documents.draw_page(["Paid"], (400, 120), 40)
    picture = documents.image_file(tmp_path / "a.png", image)
    small = FlowConfig(supported_formats=["application/pdf"], max_file_size_mb=1, max_pages=1)
    tenant.flows.create("small", "1.0.0", name="Small", config=small, definition=PARSE)
    with pytest.raises(InvalidArgumentError) as refused:
        tenant.flows.run("small", b"%PDF-1.7" + bytes(1024 * 1024))
    assert refused.value.reason == "MEDIA_TOO_LARGE"
    assert "1,048,576" in refused.value.message
    error = refusal(tenant, tmp_path / "two.pdf", flow="small")
    assert error.reason == "MEDIA_TOO_MANY_PAGES"
    assert "at most 1" in error.message
    error = refusal(tenant, picture, flow="small")
    assert error.reason == "MEDIA_UNSUPPORTED"
    assert "application/pdf" in error.message


def test_document_larger_than_the_installation_takes(client: Docmill) -> None:
    """A document beyond the installation's limit is refused while it comes in."""
    with pytest.raises(InvalidArgumentError) as refused:
        client.documents.upload(b"%PDF-1.7" + bytes(100 * 1024 * 1024))
    assert refused.value.reason == "MEDIA_TOO_LARGE"
    assert "104,857,600" in refused.value.message


def test_keys_that_are_no_good(stack: Stack, org: str) -> None:
    """No key, a made-up, an expired and a revoked one are told apart."""
    expired = stack.new_key(org, "--expires", "2020-01-01T00:00:00+00:00")
    revoked = stack.new_key(org)
    with stack.connect(str(revoked["key"])) as client:
        list(client.runs.list())
        stack.facts_of("keys", "revoke", str(revoked["id"]), "--data", stack.data)
        with pytest.raises(AuthenticationError):  # at once, also on a connection that it opened
            list(client.runs.list())
    for key, why, words in (
        ("dc_test_12345678_" + "a" * 40, "unknown", "not known"),
        ("hunter2", "malformed", "dc_live_"),
        (str(expired["key"]), "expired", "make a new one"),
        (str(revoked["key"]), "revoked", "make a new one"),
    ):
        with stack.connect(key) as client, pytest.raises(AuthenticationError) as refused:
            client.flows.run("document-text", b"%PDF-1.7")
        assert (refused.value.reason, refused.value.details["reason"]) == ("CREDENTIAL_INVALID", why)
        assert words in refused.value.message
    with Docmill(stack.grpc) as client, pytest.raises(AuthenticationError) as refused:
        list(client.runs.list())
    assert refused.value.reason == "CREDENTIAL_MISSING"


def test_key_without_the_scope(stack: Stack, org: str) -> None:
    """A key may do what its scopes say; the error names the scope that is missing."""
    key = stack.new_key(org, "--scopes", "flows:read,executions:read")
    with stack.connect(str(key["key"])) as client:
        assert "document-text" in [flow.id for flow in client.flows.list()]
        with pytest.raises(PermissionDeniedError) as refused:
            client.flows.run("document-text", b"%PDF-1.7")
    assert refused.value.reason == "SCOPE_MISSING"
    assert refused.value.details["requiredScope"] == "flows:execute"
    assert "flows:execute" in refused.value.message


def test_run_of_another_organization(stack: Stack, org: str, tenant: Docmill, client: Docmill, tmp_path: Path) -> None:
    """Another organization's runs and documents do not exist, whatever is asked about them."""
    documents.text_pdf(tmp_path / "theirs.pdf")
    run = client.flows.run("document-text", tmp_path / "theirs.pdf").result(timeout=60)
    cannot_see(tenant, run)
    assert client.runs.get(run.id) == run


def test_run_of_the_other_mode(stack: Stack, org: str, tenant: Docmill, tmp_path: Path) -> None:
    """Nor do a live key's runs for a test key of the same organization."""
    documents.text_pdf(tmp_path / "live.pdf")
    stack.grant(org, 1)
    with stack.connect(str(stack.new_key(org, "--mode", "live")["key"])) as live:
        run = live.flows.run("document-text", tmp_path / "live.pdf").result(timeout=60)
    assert run.metrics
    assert run.metrics.credits_used == 1
    cannot_see(tenant, run)


def cannot_see(client: Docmill, run: Run) -> None:
    """Nothing of the run is there for this key."""
    attempts: list[Callable[[], object]] = [
        lambda: client.runs.get(run.id),
        lambda: client.runs.cancel(run.id),
        lambda: list(client.runs.watch(run.id)),
        lambda: list(client.runs.pages(run.id)),
        lambda: client.runs.page(run.id, 1),
        lambda: client.documents.get(run.document_id),
        lambda: client.flows.run("document-text", document_id=run.document_id),
    ]
    for attempt in attempts:
        with pytest.raises(NotFoundError) as refused:
            attempt()
        assert refused.value.reason in {"RUN_NOT_FOUND", "DOCUMENT_NOT_FOUND"}
    assert run.id not in [listed.id for listed in client.runs.list()]

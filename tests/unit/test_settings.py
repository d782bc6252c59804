"""Settings: where they come from, and how wrong ones are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docmill.domain.errors import InvalidArgument, Reason
from docmill.settings import load_settings, unknown_variables


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests says nothing."""
    for name in ("DATA", "CONFIG", "DATABASE_URL", "BLOBS_URL", "BUS_URL", "GRPC", "WORKERS", "LEASE_S"):
        monkeypatch.delenv(f"DOCMILL_{name}", raising=False)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that DOCMILL_CONFIG names; not there yet."""
    path = tmp_path / "docmill.toml"
    monkeypatch.setenv("DOCMILL_CONFIG", str(path))
    return path


def test_arguments_win_over_the_environment_and_that_over_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest word counts."""
    config.write_text("workers = 1\ngrpc = '0.0.0.0:1'\ndata = '/srv/docmill'\n")
    monkeypatch.setenv("DOCMILL_GRPC", "0.0.0.0:2")
    monkeypatch.setenv("DOCMILL_DATA", "/srv/environment")
    settings = load_settings(data=Path("/srv/argument"))
    assert (settings.workers, settings.grpc, settings.data) == (1, "0.0.0.0:2", Path("/srv/argument"))


def test_a_file_that_is_not_there_is_told(config: Path) -> None:
    """A mistyped DOCMILL_CONFIG never means the defaults."""
    with pytest.raises(InvalidArgument, match="DOCMILL_CONFIG") as refused:
        load_settings()
    assert str(config) in refused.value.message
    assert refused.value.details == {"field": "config", "file": str(config)}


@pytest.mark.parametrize(("content", "says"), [(b"workers = 2\ngrpc 1\n", "line 2"), (b"grpc = '\xff'", "utf-8")])
def test_a_file_that_is_no_toml_is_told_with_its_line(config: Path, content: bytes, says: str) -> None:
    """File and line, in docmill's own error."""
    config.write_bytes(content)
    with pytest.raises(InvalidArgument) as refused:
        load_settings()
    assert refused.value.reason is Reason.BODY_MALFORMED
    assert str(config) in refused.value.message
    assert says in refused.value.message


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("workres = 2", "workres"),
        ("workers = -1", "workers"),
        ("lease_s = 20", "lease_s"),
        ("page_timeout_s = 5\nlease_s = 30\nack_wait_s = 31", "ack_wait_s"),
        ("page_timeout_s = 100\nlease_s = 399", "lease_s"),
        ("grpc_tls_cert = 'a.pem'", "grpc_tls_key"),
        ("grpc_tls_key = 'a.pem'", "grpc_tls_cert"),
        ("database_url = 'mysql://u:hunter2@db/x'", "database_url"),
        ("blobs_url = '/srv/blobs'", "blobs_url"),
        ("bus_url = 'localhost:4222'", "bus_url"),
    ],
)
def test_a_wrong_setting_is_named(config: Path, content: str, field: str) -> None:
    """The setting's name as in the environment; its value, which may be a secret, is not repeated."""
    config.write_text(content)
    with pytest.raises(InvalidArgument, match=f"DOCMILL_{field.upper()}: ") as refused:
        load_settings()
    assert refused.value.details == {"field": field}
    assert "hunter2" not in refused.value.message


def test_settings_that_go_together_are_taken(config: Path) -> None:
    """A certificate with its key, the least lease, and every kind of URL."""
    config.write_text(
        "grpc_tls_cert = 'a.pem'\ngrpc_tls_key = 'b.pem'\npage_timeout_s = 7.5\nlease_s = 30\nack_wait_s = 30\n"
        "database_url = 'postgresql:///docmill?host=/tmp&password=hunter2'\n"
        "blobs_url = 's3://bucket/p?endpoint=http://minio:9000'\nbus_url = 'tls://u:hunter2@a:4222'\n"
        "s3_secret_key = 'hunter2'\n"
    )
    settings = load_settings()
    assert (settings.grpc_tls_cert, settings.grpc_tls_key) == (Path("a.pem"), Path("b.pem"))
    shown = settings.describe()
    assert "hunter2" not in str(shown)
    assert shown["store_url"] == "postgresql:///docmill?host=/tmp&password=***"


def test_any_folder_can_hold_the_data(tmp_path: Path) -> None:
    """Also one whose name looks percent-encoded."""
    from docmill.blobs.factory import open_blobs

    data = tmp_path / "100%25 docmill?#"
    open_blobs(load_settings(data=data).blob_url)
    assert (data / "blobs").is_dir()


def test_a_language_model_needs_a_server_and_a_name(config: Path) -> None:
    """One without the other is told; the key is never shown, and no URL may carry one."""
    config.write_text('llm_base_url = "https://llm.test/v1"\nllm_model = "a, b"\nllm_api_key = "sk-secret"')
    settings = load_settings()
    assert settings.llm_models == ("a", "b")
    assert "sk-secret" not in f"{settings!r} {settings.describe()}"
    for content, field in [
        ('llm_base_url = "https://llm.test/v1"', "llm_model"),
        ('llm_model = "a"', "llm_base_url"),
        ('llm_base_url = "https://user:sk-secret@llm.test/v1"\nllm_model = "a"', "llm_base_url"),
        ('llm_base_url = "ftp://llm.test/v1"\nllm_model = "a"', "llm_base_url"),
    ]:
        config.write_text(content)
        with pytest.raises(InvalidArgument) as wrong:
            load_settings()
        assert wrong.value.details["field"] == field
        assert "sk-secret" not in str(wrong.value)


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("DOCMILL_OCR_PROFLE", "DOCMILL_OCR_PROFLE is no setting of docmill; did you mean DOCMILL_OCR_PROFILE?"),
        ("docmill_worker", "docmill_worker is no setting of docmill; did you mean DOCMILL_WORKERS?"),
        ("DOCMILL_APIKEY", "DOCMILL_APIKEY is no setting of docmill; did you mean DOCMILL_API_KEY?"),
        ("DOCMILL_ZZZ", "DOCMILL_ZZZ is no setting of docmill"),
    ],
)
def test_a_variable_that_nobody_reads_is_told(variable: str, says: str) -> None:
    """With the one that may be meant, whatever the case of its letters."""
    assert unknown_variables({variable: "fast", "DOCMILL_OCR_PROFILE": "fast"}) == [says]


def test_variables_of_others_are_none_of_ours() -> None:
    """Another program's prefix may resemble ours, and Kubernetes names Services as we name settings."""
    ours = {"docmill_workers": "2", "DOCMILL_CONFIG": "", "DOCMILL_API_KEY": "", "DOCMILL_TLS": "true"}
    others = {"DOCMILL": "http://x", "DOCMILLER_OCR": "1", "MY_DOCMILL_OCR": "1", "DOCMILL-OCR": "1", "DOC_MILL_X": ""}
    links = {
        "DOCMILL_SERVICES_SERVICE_HOST": "10.0.0.1",
        "DOCMILL_SERVICES_SERVICE_PORT_GRPC": "50051",
        "DOCMILL_SERVICES_PORT": "tcp://10.0.0.1:50051",
        "DOCMILL_SERVICES_PORT_50051_TCP_ADDR": "10.0.0.1",
    }
    assert unknown_variables(ours | others | links) == []
    assert len(unknown_variables({"DOCMILL_REST_PORT": "80"} | links)) == 1


def test_every_variable_that_the_repository_speaks_of_is_known() -> None:
    """Programs, manifests and documents name no variable of which `docmill doctor` would complain."""
    root = Path(__file__).parents[2]
    ours = ("services", "gateway", "clients", "examples", "k8s", "docs", "tests/bench", "tests/fixtures", "tests/llm")
    kinds = {".py", ".ts", ".md", ".yaml", ".sh"}
    files = [path for folder in ours for path in (root / folder).rglob("*") if path.suffix in kinds]
    others = [root / "README.md", root / "Makefile", root / "k8s" / "Containerfile"]
    texts = [path.read_text("utf-8") for path in (*files, *others) if "node_modules" not in path.parts]
    names = {name for text in texts for name in re.findall(r"\bDOCMILL_[A-Z0-9_]*[A-Z0-9]\b", text)}
    assert {"DOCMILL_API_KEY", "DOCMILL_GRPC", "DOCMILL_BENCH_DATA", "DOCMILL_PARENT", "DOCMILL_CONFIG"} <= names
    assert unknown_variables(dict.fromkeys(names, "")) == []

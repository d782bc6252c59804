"""What operators read and build: k8s/README.md and the Containerfile say what the manifests need."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from tests.k8s.manifests import K8S, OPERATORS_SECRETS, ROOT, Manifests, render, rendered
from tests.k8s.test_schemas import NEWEST, OLDEST, check, with_tls
from tests.k8s.test_settings import project

pytestmark = pytest.mark.k8s

README = (K8S / "README.md").read_text()
CONTAINERFILE = (K8S / "Containerfile").read_text()


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[list[str]]:
    """The command lines of the shell blocks, as words."""
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


def referenced(manifests: Manifests) -> dict[str, set[str]]:
    """Keys of Secrets that containers ask for, by Secret."""
    found: dict[str, set[str]] = {}
    for workload in manifests.workloads():
        for variable in workload.container.get("env", []):
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                found.setdefault(reference["name"], set()).add(reference["key"])
    return found


def test_the_readme_makes_every_secret() -> None:
    """Secrets and keys that production asks for, no fewer and no more."""
    made = {
        words[6]: {word.removeprefix("--from-literal=").partition("=")[0] for word in words[7:]}
        for words in commands()
        if words[3:6] == ["create", "secret", "generic"]
    }
    assert made == referenced(rendered("prod")) == referenced(rendered("gpu"))
    assert made == {name: set(keys) for name, keys in OPERATORS_SECRETS.items()}


def test_the_secrets_of_the_readme_fit() -> None:
    """Its recipes run, and give what the settings and the bus take."""
    for words in commands():
        for word in words:
            if match := re.fullmatch(r"--from-literal=([a-z-]+)=(.*\$\(openssl.*)", word):
                done = subprocess.run(
                    ["bash", "-c", f'printf %s "{match[2]}"'], capture_output=True, text=True, check=True
                )
                if match[1] == "secret-key":
                    Fernet(done.stdout)  # refuses anything but 32 bytes in URL-safe base64
                else:
                    assert re.fullmatch(r"[a-z][a-z0-9]{40,}", done.stdout)


def test_the_overlay_of_the_readme_renders(tmp_path: Path) -> None:
    """An operator's own overlay, as printed: its image, bucket and addresses are in, the schema is kept."""
    (text,) = blocks("yaml")
    (tmp_path / "k8s").symlink_to(K8S)
    own = tmp_path / "my-docmill"
    own.mkdir()
    for base in ("prod", "gpu"):
        (own / "kustomization.yaml").write_text(text.replace("k8s/overlays/prod]", f"k8s/overlays/{base}]"))
        manifests = render(own)
        check(manifests, NEWEST if base == "prod" else OLDEST)
        images = {workload.container["image"] for workload in manifests.workloads()}
        version = project()["project"]["version"]
        assert f"your.registry/docmill:{version}" in images
        assert (f"your.registry/docmill:{version}-easyocr" in images) == (base == "gpu")
        assert not any("example.com" in image for image in images)
        env = manifests.environment(manifests.workload("worker"))
        assert env["DOCMILL_BLOBS_URL"] == "s3://your-bucket/docmill?region=eu-central-1"
        assert "10.20.0.0/16" in str(manifests.find("NetworkPolicy", "database"))
        assert "10.30.0.0/16" in str(manifests.find("NetworkPolicy", "object-store"))


def test_the_commands_of_the_readme_name_what_is_there() -> None:
    """Objects, overlays and labels in its command lines exist."""
    manifests = rendered("prod")
    kinds = {"deployment": "Deployment", "job": "Job", "service": "Service"}
    components = {workload.labels["app.kubernetes.io/component"] for workload in manifests.workloads()}
    for words in commands():
        for word in words:
            if match := re.fullmatch(r"(deployment|job|service)/(\S+)", word):
                assert manifests.find(kinds[match[1]], match[2])
            if match := re.fullmatch(r"app\.kubernetes\.io/component=(\w+)", word):
                assert match[1] in components
            if word.startswith(("k8s/", "examples/")):
                assert (ROOT / word).exists()


def test_the_migration_applies_alone() -> None:
    """Its label selects the Job and its account, and nothing that would start the new release."""
    documents = [
        document
        for document in rendered("prod").documents
        if document["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "migrate"
    ]
    assert sorted(document["kind"] for document in documents) == ["Job", "ServiceAccount"]


def test_tls_needs_the_secret_that_the_readme_says(tmp_path: Path) -> None:
    """Its three files, each where it is needed only."""
    assert all(f"`{name}`" in README for name in ("docmill-tls", "tls.crt", "tls.key", "ca.crt"))
    manifests = with_tls(tmp_path)
    for component, keys in (("services", {"tls.crt", "tls.key"}), ("gateway", {"ca.crt"})):
        volumes = manifests.workload(component).pod["volumes"]
        (secret,) = [volume["secret"] for volume in volumes if "secret" in volume]
        assert secret["secretName"] == "docmill-tls"
        assert {item["key"] for item in secret["items"]} == keys


def test_the_image_has_all_that_the_package_is_made_of() -> None:
    """Every folder that pyproject.toml packs is copied, and all that is copied is there."""
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*)$", CONTAINERFILE, re.MULTILINE) for word in line.split()[:-1]
    }
    assert all((ROOT / path).exists() for path in copied)
    wheel = project()["tool"]["hatch"]["build"]["targets"]["wheel"]
    packed = [*wheel["packages"], *wheel["force-include"]]
    assert all(any(path == source or path.startswith(f"{source}/") for source in copied) for path in packed)
    assert {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= copied


def test_the_image_has_what_the_roles_need() -> None:
    """Its extras exist and cover server, gateway and reading; the GPU's adds EasyOCR; user and entry point fit the pods."""
    known = project()["project"]["optional-dependencies"].keys()
    (usual,) = re.findall(r"^ARG EXTRAS=(\S+)$", CONTAINERFILE, re.MULTILINE)
    assert set(usual.split(",")) == {"server", "gateway", "ocr"}
    for extras in re.findall(r"EXTRAS=(\S+)", CONTAINERFILE + README):
        assert set(extras.split(",")) <= known
    assert "--build-arg EXTRAS=server,gateway,ocr,easyocr" in README
    for component in ("services", "worker", "gateway", "migrate"):
        workload = rendered("prod").workload(component)
        ids = workload.pod["securityContext"]
        assert f"USER {ids['runAsUser']}:{ids['runAsGroup']}\n" in CONTAINERFILE
        assert "command" not in workload.container, "the entry point reaps what reading processes leave behind"
    assert 'ENTRYPOINT ["tini", "--", "docmill"]' in CONTAINERFILE


def test_the_wheel_of_the_image_builds(tmp_path: Path) -> None:
    """What is copied is enough to build the package, flows included."""
    for line in re.findall(r"^COPY (?!--from)(.*)$", CONTAINERFILE, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target)
            else:
                shutil.copy(ROOT / source, tmp_path / target)
    wheels = tmp_path / "wheels"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel", "--no-deps"]
    done = subprocess.run(
        [*pip, "--wheel-dir", wheels, tmp_path], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = wheels.glob("docmill-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    flows = {path.name for path in (ROOT / "flows").glob("*.yaml")}
    assert flows
    assert {Path(name).name for name in names if name.startswith("docmill/flows/")} == flows
    assert {"docmill/settings.py", "docmill/client/aio.py", "docmill/v1/runs_pb2.py"} <= set(names)


def test_dev_starts_from_nothing() -> None:
    """Its Secrets are in it, and agree: the database's password in the URL, the store's keys in its list of identities."""
    manifests = rendered("dev")
    database = manifests.secret("docmill-database")
    assert database["url"] == f"postgresql://docmill:{database['password']}@docmill-postgres:5432/docmill"
    env = manifests.environment(manifests.workload("postgres"))
    assert (env["POSTGRES_USER"], env["POSTGRES_DB"]) == ("docmill", "docmill")
    services = manifests.environment(manifests.workload("services"))
    (volume,) = [volume for volume in manifests.workload("s3").pod["volumes"] if "secret" in volume]
    (identity,) = yaml.safe_load(manifests.secret(volume["secret"]["secretName"])["identities.json"])["identities"]
    assert identity["credentials"] == [
        {"accessKey": services["DOCMILL_S3_ACCESS_KEY"], "secretKey": services["DOCMILL_S3_SECRET_KEY"]}
    ]
    assert services["DOCMILL_BLOBS_URL"].startswith("s3://docmill?endpoint=http://docmill-s3:8333")

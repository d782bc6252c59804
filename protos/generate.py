"""Makes protos/gen from the protos: `python protos/generate.py`; `--check` only says whether it is up to date.

Everything happens offline, with the compilers of the `dev` extra. `google/` is not generated: its modules come from
`protobuf` and `googleapis-common-protos`. `buf/validate` is: no package brings it for Google's protobuf runtime.
"""

from __future__ import annotations

import argparse
import filecmp
import re
import shutil
import sys
import sysconfig
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from grpc_tools import protoc  # type: ignore[import-untyped]  # grpcio-tools publishes no types

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTOS = Path(__file__).resolve().parent
GEN = PROTOS / "gen"
PACKAGES = {
    "docmill/v1": "The public API of docmill: messages and stubs generated from protos/docmill/v1.",
    "docmill/internal/v1": "What travels on the bus, generated from protos/docmill/internal/v1.",
}


def main() -> None:
    """Generate, or check what is there."""
    parser = argparse.ArgumentParser(description="Make protos/gen from the protos.")
    parser.add_argument("--check", action="store_true", help="exit 1 if protos/gen is not what the protos say")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory(dir=PROTOS, prefix=".gen-") as folder:
        fresh = Path(folder) / "gen"
        generate(fresh)
        if not check:
            shutil.rmtree(GEN, ignore_errors=True)
            fresh.rename(GEN)
        elif stale := sorted(differences(fresh, GEN)):
            sys.exit("protos/gen is not what the protos say; run `python protos/generate.py`:\n  " + "\n  ".join(stale))


def generate(out: Path) -> None:
    """Write modules, type stubs and gRPC stubs of every proto under `out`."""
    out.mkdir(parents=True, exist_ok=True)
    own = [path for package in PACKAGES for path in sorted((PROTOS / package).glob("*.proto"))]
    compile_protos([PROTOS / "buf/validate/validate.proto"], out, "python", "mypy")
    compile_protos(own, out, "python", "mypy")
    services = [path for path in own if re.search(r"^service ", path.read_text(), re.MULTILINE)]
    compile_protos(services, out, "grpc_python", "mypy_grpc")
    describe(sorted((PROTOS / "docmill/v1").glob("*.proto")), out / "docmill/v1/descriptors.binpb")
    for package, docstring in PACKAGES.items():
        folder = out / package
        if folder.is_dir():
            (folder / "__init__.py").write_text(f'"""{docstring}"""\n')
            (folder / "py.typed").touch()
    (out / "buf/validate/py.typed").touch()


def compile_protos(sources: list[Path], out: Path, *generators: str) -> None:
    """Run protoc with `generators` over `sources`."""
    if not sources:
        return
    scripts = Path(sysconfig.get_path("scripts"))
    arguments = [
        "protoc",
        f"--proto_path={PROTOS}",
        f"--proto_path={files('grpc_tools') / '_proto'}",
        *(f"--plugin={scripts / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")),
        *(f"--{generator}_out={'quiet:' if generator.startswith('mypy') else ''}{out}" for generator in generators),
        *map(str, sources),
    ]
    if code := protoc.main(arguments):
        sys.exit(code)


def describe(sources: list[Path], target: Path) -> None:
    """Write the descriptors of `sources` with their comments, which generated modules do not hold: documentation needs them."""
    arguments = ["protoc", f"--proto_path={PROTOS}", f"--proto_path={files('grpc_tools') / '_proto'}"]
    if code := protoc.main([*arguments, "--include_source_info", f"--descriptor_set_out={target}", *map(str, sources)]):
        sys.exit(code)


def differences(fresh: Path, kept: Path) -> Iterator[str]:
    """Each file that is missing in `kept`, too much there, or other than in `fresh`."""
    want, have = tree(fresh), tree(kept)
    yield from (f"missing: {name}" for name in want - have)
    yield from (f"too much: {name}" for name in have - want)
    yield from (f"changed: {name}" for name in want & have if not filecmp.cmp(fresh / name, kept / name, shallow=False))


def tree(root: Path) -> set[str]:
    """Paths of all files under `root` that are not Python's caches."""
    paths = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(root)) for path in paths}


if __name__ == "__main__":
    main()

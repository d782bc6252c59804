"""Which blob store a URL means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from docmill.blobs import BlobStore

_S3_OPTIONS = {"endpoint", "region"}


def open_blobs(url: str, *, access_key_id: str = "", secret_access_key: str = "", session_token: str = "") -> BlobStore:
    """The store of a URL; the keys are for S3 and never part of the URL, which may be logged.

    - `file:///path`: a folder, made if it is not there
    - `s3://bucket/prefix?endpoint=https://host:port&region=name`: a bucket; without `endpoint` on AWS
    - `memory://`: for tests

    Raises `ValueError` for anything else, `OSError` for a folder that cannot be made.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "file" if parts.path.startswith("/") and not parts.netloc:
            from docmill.blobs.folder import FolderBlobStore  # noqa: PLC0415 - one of three

            return FolderBlobStore(Path(unquote(parts.path)))
        case "s3" if parts.netloc:
            from docmill.blobs.s3 import S3BlobStore  # noqa: PLC0415 - needs obstore

            options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            if unknown := options.keys() - _S3_OPTIONS:
                raise ValueError(f"Unknown option in the blob store's URL: {', '.join(sorted(unknown))}")
            return S3BlobStore(
                parts.netloc,
                prefix=unquote(parts.path),
                endpoint=options.get("endpoint", ""),
                region=options.get("region", "us-east-1"),
                access_key_id=access_key_id,
                secret_access_key=secret_access_key,
                session_token=session_token,
            )
        case "memory":
            from docmill.blobs.memory import MemoryBlobStore  # noqa: PLC0415 - only for tests

            return MemoryBlobStore()
    raise ValueError("A blob store's URL is file:///path, s3://bucket/prefix?endpoint=... or memory://")

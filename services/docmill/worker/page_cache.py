"""Pages that were read before: kept by content, so that a second flow over the same bytes reads nothing again.

The key of a page's text is its organization, the SHA-256 of its document, the fingerprint of whatever reads it, and its
number. So organizations share nothing, and another engine, other models or other settings find nothing. No page is
kept for this alone: each is the text of a run's page, and stays as long as the run is on record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from docmill.blobs import BlobNotFound, BlobStore
from docmill.domain.errors import DocmillError
from docmill.domain.pictures import folder_of
from docmill.ocr.codec import page_from_json, summary
from docmill.worker import facts
from docmill.worker.outages import asking_for

if TYPE_CHECKING:
    from docmill.domain.messages import JobMessage, PageFacts
    from docmill.worker.frames import Frame

__all__ = ["PageCache"]

log = structlog.stdlib.get_logger("docmill.worker")


class PageCache:
    """The texts of pages in the blob store."""

    def __init__(self, blobs: BlobStore, fingerprints: Mapping[str, str]) -> None:
        """`fingerprints`: of this worker's reader by reading mode, as its children say; none of them, no page is found."""
        self._blobs = blobs
        self._fingerprints = fingerprints

    async def find(self, job: JobMessage) -> PageFacts | None:
        """Facts of the page as it would be read here, if it was read before. None too for one that is damaged."""
        fingerprint = self._fingerprints.get(str(job.read.get("mode", "")))
        if fingerprint is None or not job.sha256:
            return None
        key = _key(job, fingerprint)
        try:
            with asking_for(key):
                stored = await self._blobs.get(key)
        except BlobNotFound:
            return None
        try:
            return await asyncio.to_thread(_facts_of, stored, key)  # a dense page takes a while
        except (DocmillError, TypeError, ValueError) as error:
            log.warning("a kept page is read again", event_key="page.unusable", key=key, error=repr(error)[:500])
            return None

    async def keep(self, job: JobMessage, reply: Frame) -> PageFacts:
        """Keep the text of a page that a child read; facts about it."""
        key = _key(job, facts.fingerprint(reply.header))
        found = facts.page_facts(reply.header, key)
        with asking_for(key):
            await self._blobs.put(key, reply.body)
        return found


def _key(job: JobMessage, fingerprint: str) -> str:
    return f"{folder_of(job.org_id, job.sha256)}/{fingerprint}/{job.page}.json"


def _facts_of(stored: bytes, key: str) -> PageFacts:
    """A child wrote it: it is believed no more than what one says now."""
    return facts.page_facts(summary(page_from_json(stored)), key, cached=True)

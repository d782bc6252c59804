"""What a run would cost, by the rules that a run is accepted by, without running anything."""

from __future__ import annotations

from docmill.domain import plan as planning
from docmill.domain.errors import Fault, MediaError, Reason, Unavailable
from docmill.domain.models import Caller, FlowVersion, Mode
from docmill.domain.states import ProbeState
from docmill.engine import billing, flows, upload
from docmill.engine.context import Context
from docmill.engine.probing import probed
from docmill.engine.requests import Estimate, EstimateRequest
from docmill.store import ledger


async def estimate_run(ctx: Context, caller: Caller, request: EstimateRequest) -> Estimate:
    """The estimate. Raises NotFound for flow and document, MediaError for what the flow would not read.

    Unavailable while nobody has looked at the document yet.
    """
    version = (await flows.get_recipe(ctx, caller, request.flow_id, request.version)).version
    if request.document_id:
        pages = await _pages_of(ctx, caller, request.document_id, version)
    else:
        pages = request.pages
        _raise_if(planning.check_pages(version, pages), "page_count")
    balance = None if caller.mode is Mode.TEST else await ctx.store.read(lambda: ledger.balance(caller.org_id))
    return Estimate(
        flow_id=version.flow_id,
        version=version.version,
        pages=pages,
        credits=pages * billing.price_of_page(ctx, caller, version),
        available=None if balance is None else balance.available,
    )


async def _pages_of(ctx: Context, caller: Caller, document_id: str, version: FlowVersion) -> int:
    document = await probed(ctx, await upload.get_document(ctx, caller, document_id))
    _raise_if(planning.check_size(version, document.size), "document_id")
    if document.probe is ProbeState.PENDING:
        raise Unavailable(Reason.OVERLOADED, "Nobody has counted the pages of the document yet; try again")
    decision = planning.plan(version, document)
    if isinstance(decision, Fault):
        raise _refused(decision, "document_id")
    return decision.pages


def _raise_if(fault: Fault | None, field: str) -> None:
    if fault is not None:
        raise _refused(fault, field)


def _refused(fault: Fault, field: str) -> MediaError:
    return MediaError(fault.reason, fault.message, {**fault.details, "field": field})

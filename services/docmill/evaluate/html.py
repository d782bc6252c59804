"""The report as one HTML page that needs nothing beside it: a table for each set, and every miss with its picture."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from docmill.evaluate.differences import shown
from docmill.evaluate.items import ItemScore
from docmill.evaluate.scoring import DocumentScore, FieldScore, Outcome
from docmill.evaluate.summary import Rates, SetSummary, Spread

__all__ = ["Pictures", "render"]

Pictures = Mapping[tuple[str, str], bytes]
"""JPEGs by path of the document and name of the field."""

_STYLE = """
:root { color-scheme: light; --line: #e2e8f0; --soft: #64748b; --right: #15803d; --wrong: #dc2626; }
body { font: 15px/1.5 system-ui, sans-serif; color: #0f172a; margin: 2rem auto; max-width: 76rem; padding: 0 1.5rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { margin-top: 2.5rem; border-bottom: 2px solid var(--line); }
h3 { margin: 1.8rem 0 .4rem; font-size: 1rem; overflow-wrap: anywhere; }
.soft { color: var(--soft); } .error { color: var(--wrong); }
table { border-collapse: collapse; } th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.misses { width: 100%; table-layout: fixed; } .misses td { overflow-wrap: anywhere; }
.misses th:nth-child(1) { width: 9rem; } .misses th:nth-child(4) { width: 36rem; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2.2rem; margin: 1rem 0; padding: 0; list-style: none; }
.facts b { display: block; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
.bar { display: inline-block; width: 7rem; height: .6rem; background: #fee2e2; border-radius: .3rem; overflow: hidden; }
.bar i { display: block; height: 100%; background: #22c55e; }
mark { color: inherit; background: #fde68a; border-radius: .15rem; padding: 0 .05rem; }
.green { color: var(--right); } .red { color: var(--wrong); } img { max-width: 100%; border: 1px solid var(--line); }
"""


def render(title: str, summaries: Sequence[SetSummary], scores: Sequence[DocumentScore], pictures: Pictures) -> str:
    """The page."""
    body = [f"<h1>{escape(title)}</h1>"]
    body.append(
        '<p class="soft">In the pictures <span class="green">green</span> is where the labelled value stands, '
        '<span class="red">red</span> where the returned one was read; <mark>marked</mark> is what only one of them has.</p>'
    )
    for one in summaries:
        body += _set(one)
        body += _misses([score for score in scores if score.document.set == one.name], pictures)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _set(one: SetSummary) -> Iterator[str]:
    yield f"<h2>{escape(one.name)}</h2>"
    facts = [
        (str(one.documents), "documents"),
        (str(one.failed), "failed"),
        (_percent(one.exact), "documents all right"),
        (_number(one.calibration_error), "calibration error (ECE)"),
        (_percent(one.coverage), "of the values pass at 99 % precision"),
        (_percent(one.overlapping), f"of {one.located} right values stand where labelled (IoU 0.5)"),
        (_time(one.run_ms), "run, median and p95"),
        (_time(one.reading_ms), "reading, median and p95"),
        (_time(one.extraction_ms), "extraction, median and p95"),
    ]
    yield '<ul class="facts">' + "".join(f"<li><b>{value}</b>{escape(name)}</li>" for value, name in facts) + "</ul>"
    yield '<table><tr><th>field</th><th></th><th class="n">precision</th><th class="n">recall</th>'
    yield '<th class="n">F1</th><th class="n">labelled</th></tr>'
    rows: list[tuple[str, Rates]] = [*one.fields.items(), ("all fields", one.all)]
    if one.items is not None:
        rows.append(("line items", one.items))
    for name, rates in rows:
        bar = f'<span class="bar"><i style="width:{100 * (rates.f1 or 0):.0f}%"></i></span>'
        numbers = (_number(rates.precision), _number(rates.recall), _number(rates.f1), f"{rates.labelled:g}")
        cells = "".join(f'<td class="n">{value}</td>' for value in numbers)
        yield f"<tr><td>{escape(name)}</td><td>{bar}</td>{cells}</tr>"
    yield "</table>"
    if one.unscored:
        names = ", ".join(f"{name} ({count})" for name, count in one.unscored.most_common())
        yield f'<p class="soft">Labelled, and not in the flow: {escape(names)}</p>'


def _misses(scores: Iterable[DocumentScore], pictures: Pictures) -> Iterator[str]:
    for score in scores:
        if score.error or score.is_exact is False:
            yield f'<h3>{escape(score.document.id)} <span class="soft">{escape(score.document.path.name)}</span></h3>'
        if score.error:
            yield f'<p class="error">{escape(score.error)}</p>'
        elif score.is_exact is False:
            yield '<table class="misses"><tr><th>field</th><th>labelled</th><th>returned</th><th></th></tr>'
            for value in score.fields:
                if value.outcome is not Outcome.RIGHT:
                    yield _field(value, pictures.get((str(score.document.path), value.name)))
            for item in score.items.items if score.items else ():
                if not item.right:
                    yield _item(item)
            yield "</table>"


def _field(value: FieldScore, picture: bytes | None) -> str:
    sure = "" if value.confidence is None else f'<br><span class="soft">{value.confidence:.0%} sure</span>'
    image = f'<img alt="" src="data:image/jpeg;base64,{b64encode(picture).decode()}">' if picture else ""
    labelled, found = shown(value.labelled, value.found)
    return (
        f'<tr><td>{escape(value.name)}<br><span class="soft">{value.outcome}</span></td>'
        f'<td class="green">{labelled}</td><td class="red">{found}{sure}</td><td>{image}{_without_place(value)}</td></tr>'
    )


def _without_place(value: FieldScore) -> str:
    """Why a value has no box."""
    reasons = []
    if value.labelled is not None and not value.labelled_at:
        reasons.append("the labels do not say where this value stands")
    if value.found is not None and not value.found_at:
        reasons.append("the returned value has no evidence")
    return f'<br><span class="soft">{escape("; ".join(reasons))}</span>' if reasons else ""


def _item(item: ItemScore) -> str:
    labelled, found = item.labelled or {}, item.found or {}
    values = {name: shown(labelled.get(name), found.get(name)) for name in {**labelled, **found}}
    sides = (_columns({name: values[name][side] for name in own}) for side, own in enumerate((labelled, found)))
    cells = "".join(f'<td class="{tone}">{side}</td>' for tone, side in zip(("green", "red"), sides, strict=True))
    return f"<tr><td>line item</td>{cells}<td></td></tr>"


def _columns(values: Mapping[str, str]) -> str:
    return "<br>".join(f'<span class="soft">{escape(name)}</span> {value}' for name, value in values.items())


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _time(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median:.0f} / {spread.p95:.0f} ms"

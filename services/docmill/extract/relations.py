"""How well a label and a value belong together by where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.extract.labels import Label
    from docmill.extract.tokens import Span

__all__ = ["below", "relation", "right_of"]

_SUMS = frozenset({"total", "grand_total", "subtotal", "amount_due"})
_ADDITIONS = frozenset({"tax", "tax_id", "due_date", "discount", "shipping", "rounding"})
_BELOW_ROWS = 2.6  # heights that may lie between a label and the value under it


def relation(label: Label, value: Span, *, others: Sequence[Label] = ()) -> float:
    """0 to 1: right of the label on its row is best, then below it in its column, then left of it.

    `others` are the labels of the label's row: one of them between label and value claims the value for itself.
    """
    if label.span.row is value.row:
        if value.first >= label.span.end:
            return right_of(label.span, value) * (0.25 if _claimed(label, value, others) else 1.0)
        return 0.2 if value.end <= label.span.first else 0.0
    return below(label.span, value)


def right_of(label: Span, value: Span) -> float:
    """Falls slowly with the distance: columns of amounts are often far from their labels."""
    gap = max(0.0, value.box.x - label.box.right) / label.row.height
    return max(0.7, 1.0 - 0.01 * gap)


def below(label: Span, value: Span) -> float:
    """A value under its label starts or ends where the label does, or is centred under it."""
    if value.row.page != label.row.page or value.row.index <= label.row.index:
        return 0.0
    height = label.row.height
    distance = (value.box.y - label.box.bottom) / height
    if not -0.5 <= distance <= _BELOW_ROWS:
        return 0.0
    overlap = min(label.box.right, value.box.right) - max(label.box.x, value.box.x)
    edges = (
        abs(label.box.x - value.box.x),
        abs(label.box.right - value.box.right),
        abs(label.box.center[0] - value.box.center[0]),
    )
    if overlap <= 0 or min(edges) > 2.5 * height:
        return 0.0
    return 0.85 - 0.08 * max(0.0, distance) - 0.04 * min(edges) / height


def _claimed(label: Label, value: Span, others: Sequence[Label]) -> bool:
    """Whether another label, of another meaning, stands between."""
    return any(
        other.concept != label.concept
        and label.span.end <= other.span.first
        and other.span.end <= value.first
        and not _says_more(label, other)
        for other in others
    )


def _says_more(label: Label, other: Label) -> bool:
    """Whether `other` goes on with the words of `label`, as in `Total incl. GST 6%`: one label, not two."""
    between = label.span.row.tokens[label.span.end : other.span.first]
    same_cell = any(cell.overlaps(label.span) and cell.overlaps(other.span) for cell in label.span.row.cells)
    return (
        same_cell
        and label.concept in _SUMS
        and other.concept in _ADDITIONS
        and not any(character.isdigit() for token in between if "%" not in token.text for character in token.text)
    )

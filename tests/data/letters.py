"""Business letters of one or two pages: what lies between invoices and receipts in a stack."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from docmill.domain.pages import Page
from tests.data.drawing import Sheet, to_pdf

_SENDERS = (
    ("Halden & Marsh Solicitors", "4 Castle Yard", "York YO1 7HZ"),
    ("Northgate Insurance plc", "90 Kings Parade", "Exeter EX4 3QJ"),
    ("Saltwell Property Management", "16 Mill Bank", "Durham DH1 3TD"),
)
_READERS = ("Ms Whitfield", "Mr Osei", "Dr Lindqvist")
_SUBJECTS = ("Your claim of last month", "Renewal of the lease", "Change of our address")
_SENTENCES = (
    "Thank you for your patience while we looked into the matter.",
    "Our surveyor visited the premises and found the roof in good order.",
    "The neighbours on the second floor were told about the works in advance.",
    "We enclose a plan of the building with the affected rooms marked in red.",
    "Should you prefer to speak to us in person, our office is open on weekdays.",
    "The keys may be collected from the porter at any time.",
    "Nothing further is required from your side at present.",
    "Your policy remains unchanged in every other respect.",
    "A colleague will telephone you within the next ten days.",
    "Last year's invoice has been settled, and the account is balanced.",
)


@dataclass(frozen=True)
class Letter:
    """A letter as bytes and as a perfect reader gives its pages."""

    pdf: bytes
    pages: tuple[Page, ...]
    sheets: tuple[Sheet, ...]


def generate_letter(seed: int, pages: int = 1) -> Letter:
    """The same arguments give the same letter. The second page repeats neither head nor subject."""
    rng = random.Random(f"letter {seed}")
    name, street, city = rng.choice(_SENDERS)
    reader, subject = rng.choice(_READERS), rng.choice(_SUBJECTS)
    sheets = [Sheet() for _ in range(pages)]
    first, last = sheets[0], sheets[-1]
    for line, text in enumerate((name, street, city)):
        first.text(60, 50 + 13 * line, text, 11, bold=not line)
    first.text(535, 120, f"{date(2024, 1, 1) + timedelta(days=rng.randrange(700)):%d %B %Y}", align="right")
    first.text(60, 170, subject, 10, bold=True)
    first.text(60, 200, f"Dear {reader},", 10)
    for number, sheet in enumerate(sheets):
        y = 230 if not number else 60
        for sentence in rng.sample(_SENTENCES, 7):
            sheet.text(60, y, sentence, 10)
            y += 24
        sheet.text(60, y, f"We at {name} remain at your disposal, {reader}.", 10)
    last.text(60, 480, "Yours sincerely", 10)
    last.text(60, 530, "J. Hartley", 10)
    found = tuple(sheet.page(number) for number, sheet in enumerate(sheets, start=1))
    return Letter(to_pdf(sheets, subject), found, tuple(sheets))

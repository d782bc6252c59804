"""Resumes of made-up people in several layouts, and what is on them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.data.drawing import Sheet, to_pdf

if TYPE_CHECKING:
    from docmill.domain.pages import Page

LAYOUTS = ("plain", "company_first", "sidebar", "german")
_PEOPLE = ("Asha Rao", "Tom Fielding", "Maria Okafor", "Jonas Keller", "Lin Zhao")
_FIRMS = (
    "Kaveri Tooling LLP",
    "Northline Foods Ltd",
    "Brightfield Supplies Inc.",
    "Papierhaus Lindner GmbH",
    "Calder Valley Tools Ltd",
)
_JOBS = (
    "Software Engineer",
    "Warehouse Manager",
    "Data Analyst",
    "Quality Inspector",
    "Account Manager",
    "Junior Developer",
)
_GERMAN_JOBS = ("Softwareentwickler", "Teamleiterin Einkauf", "Industriekauffrau", "Vertriebsassistent")
_SCHOOLS = ("University of Leeds", "Hillside College", "Kaveri Institute of Technology", "Lakeview High School")
_GERMAN_SCHOOLS = ("Universität Leipzig", "Hochschule Bremen", "Goethe-Gymnasium Kassel")
_DEGREES = ("BSc Computer Science", "MBA", "Bachelor of Commerce", "High School Diploma")
_GERMAN_DEGREES = ("Bachelor Informatik", "Diplom Betriebswirtschaft", "Abitur")
_SKILLS = ("Python", "SQL", "Project planning", "Excel", "C++", "Negotiation", "Forklift licence", "Data modelling")
_TOWNS = ("Leeds", "Austin", "Pune", "Porto")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DUTIES = ("Kept the stock of three sites in order.", "Wrote reports that people read.", "Trained new colleagues.")


@dataclass(frozen=True)
class Resume:
    """One as bytes, as a perfect reader gives its page, and as the data on it."""

    pdf: bytes
    page: Page
    truth: dict[str, Any]
    """The block `resume` of the batch surface."""


@dataclass(frozen=True)
class _Job:
    company: str
    title: str
    start: tuple[int, int]
    """Year and month."""
    end: tuple[int, int] | None
    """None: still there."""


@dataclass(frozen=True)
class _Facts:
    name: str
    email: str
    phone: str
    summary: str
    skills: list[str]
    jobs: list[_Job]
    studies: list[tuple[str, str, int]]
    """School, degree, year."""


def generate_resume(seed: int, layout: str = "plain") -> Resume:
    """The same arguments give the same resume."""
    rng = random.Random(f"{seed} {layout}")
    facts = _facts(rng, german=layout == "german")
    sheet = Sheet()
    _DRAWN[layout](sheet, facts, rng)
    return Resume(to_pdf([sheet], f"Resume {facts.name}"), sheet.page(1), _truth(facts, layout))


def _facts(rng: random.Random, *, german: bool) -> _Facts:
    name = rng.choice(_PEOPLE)
    jobs, schools, degrees = (_GERMAN_JOBS, _GERMAN_SCHOOLS, _GERMAN_DEGREES) if german else (_JOBS, _SCHOOLS, _DEGREES)
    years = sorted(rng.sample(range(2008, 2025), 4), reverse=True)
    count = rng.randint(2, 3)
    spans = [((years[which + 1], rng.randint(1, 12)), (years[which], rng.randint(1, 12))) for which in range(count)]
    return _Facts(
        name=name,
        email=f"{name.split()[0].lower()}@mail.example",
        phone=f"+44 113 496 {rng.randint(1000, 9999)}",
        summary="Careful with numbers and patient with people."
        if not german
        else "Sorgfältig mit Zahlen und geduldig mit Menschen.",
        skills=rng.sample(_SKILLS, rng.randint(3, 6)),
        jobs=[
            _Job(company, title, start, None if not which and rng.random() < 0.5 else end)
            for which, (company, title, (start, end)) in enumerate(
                zip(rng.sample(_FIRMS, count), rng.sample(jobs, count), spans, strict=True)
            )
        ],
        studies=[
            (school, degree, rng.randint(1998, 2007))
            for school, degree in zip(rng.sample(schools, 2), rng.sample(degrees, 2), strict=True)
        ],
    )


def _truth(facts: _Facts, layout: str) -> dict[str, Any]:
    def shown(point: tuple[int, int]) -> str:
        return str(point[0]) if layout == "company_first" else f"{point[0]}-{point[1]:02d}"

    experience = [
        {"company": job.company, "title": job.title, "start_date": shown(job.start)}
        | ({"end_date": shown(job.end)} if job.end else {})
        for job in facts.jobs
    ]
    education = [{"institution": school, "degree": degree, "year": year} for school, degree, year in facts.studies]
    return {
        "full_name": facts.name,
        "email": facts.email,
        "phone": facts.phone,
        "summary": facts.summary,
        "skills": facts.skills,
        "experience": experience,
        "education": education,
    }


def _named(point: tuple[int, int] | None) -> str:
    return f"{_MONTHS[point[1] - 1]} {point[0]}" if point else "Present"


def _plain(sheet: Sheet, facts: _Facts, rng: random.Random) -> None:
    """One column; the period at the right edge of an entry's first line, bullets under it."""
    sheet.text(50, 40, facts.name, 20, bold=True)
    sheet.text(50, 66, f"{rng.choice(_TOWNS)}  |  {facts.phone}  |  {facts.email}")
    y = _paragraph(sheet, 50, 95, "Summary", [facts.summary])
    y = _heading(sheet, 50, y, "Work Experience")
    for job in facts.jobs:
        sheet.text(50, y, job.title, bold=True)
        sheet.text(545, y, f"{_named(job.start)} - {_named(job.end)}", align="right")
        sheet.text(50, y + 13, f"{job.company}, {rng.choice(_TOWNS)}")
        sheet.text(58, y + 26, f"• {rng.choice(_DUTIES)}")
        y += 46
    y = _heading(sheet, 50, y, "Education")
    for school, degree, year in facts.studies:
        sheet.text(50, y, degree, bold=True)
        sheet.text(545, y, str(year), align="right")
        sheet.text(50, y + 13, school)
        y += 32
    _paragraph(sheet, 50, y, "Skills", [", ".join(facts.skills)])


def _company_first(sheet: Sheet, facts: _Facts, rng: random.Random) -> None:
    """The company above the position with its years; headings in the middle; a list of skills with bullets between."""
    sheet.text(297, 36, facts.name, 18, bold=True, align="center")
    sheet.text(297, 60, f"{facts.email} • {facts.phone}", align="center")
    y = 90.0
    for head in ("Professional Summary",):
        sheet.text(297, y, head.upper(), 11, bold=True, align="center")
        sheet.text(50, y + 18, facts.summary)
        y += 44
    sheet.text(297, y, "EMPLOYMENT HISTORY", 11, bold=True, align="center")
    y += 18
    for job in facts.jobs:
        sheet.text(50, y, job.company, bold=True)
        sheet.text(545, y, rng.choice(_TOWNS), align="right")
        sheet.text(50, y + 13, job.title)
        sheet.text(545, y + 13, f"{job.start[0]} \u2013 {job.end[0] if job.end else 'Present'}", align="right")
        sheet.text(50, y + 26, rng.choice(_DUTIES))
        y += 46
    sheet.text(297, y, "EDUCATION", 11, bold=True, align="center")
    y += 18
    for school, degree, year in facts.studies:
        sheet.text(50, y, f"{school}, {degree}")
        sheet.text(545, y, str(year), align="right")
        y += 16
    sheet.text(297, y + 10, "KEY SKILLS", 11, bold=True, align="center")
    sheet.text(50, y + 28, " • ".join(facts.skills))


def _sidebar(sheet: Sheet, facts: _Facts, rng: random.Random) -> None:
    """Contact, skills and schools at the left; the rest at the right."""
    del rng
    sheet.text(40, 40, facts.name, 22, bold=True)
    y = _paragraph(sheet, 40, 90, "Contact", [facts.phone, facts.email])
    y = _paragraph(sheet, 40, y, "Skills", facts.skills)
    y = _heading(sheet, 40, y, "Education")
    for school, degree, year in facts.studies:
        for line, text in enumerate((degree, school, str(year))):
            sheet.text(40, y + 12 * line, text, 8)
        y += 48
    y = _paragraph(sheet, 240, 90, "Profile", [facts.summary])
    y = _heading(sheet, 240, y, "Experience")
    for job in facts.jobs:
        sheet.text(240, y, f"{job.title} at {job.company}", bold=True)
        sheet.text(240, y + 13, f"{_named(job.start)} \u2013 {_named(job.end)}")
        sheet.text(240, y + 28, _DUTIES[0])
        y += 50


def _german(sheet: Sheet, facts: _Facts, rng: random.Random) -> None:
    """Periods as numbers at the left, the rest in a column of its own."""
    sheet.text(50, 40, "Lebenslauf", 18, bold=True)
    sheet.text(50, 70, facts.name, 13, bold=True)
    sheet.text(50, 88, f"Telefon: {facts.phone}")
    sheet.text(250, 88, f"E-Mail: {facts.email}")
    y = _paragraph(sheet, 50, 115, "Profil", [facts.summary])
    y = _heading(sheet, 50, y, "Berufserfahrung")
    for job in facts.jobs:
        until = f"{job.end[1]:02d}/{job.end[0]}" if job.end else "heute"
        sheet.text(50, y, f"{job.start[1]:02d}/{job.start[0]} \u2013 {until}")
        sheet.text(190, y, job.title, bold=True)
        sheet.text(190, y + 13, f"{job.company}, {rng.choice(('Leipzig', 'Bremen'))}")
        y += 34
    y = _heading(sheet, 50, y, "Ausbildung")
    for school, degree, year in facts.studies:
        sheet.text(50, y, f"{year - 3} \u2013 {year}")
        sheet.text(190, y, degree)
        sheet.text(190, y + 13, school)
        y += 34
    _paragraph(sheet, 50, y, "Kenntnisse", [", ".join(facts.skills)])


def _heading(sheet: Sheet, x: float, y: float, text: str) -> float:
    sheet.text(x, y + 6, text, 12, bold=True)
    return y + 26


def _paragraph(sheet: Sheet, x: float, y: float, heading: str, lines: list[str]) -> float:
    y = _heading(sheet, x, y, heading)
    for text in lines:
        sheet.text(x, y, text)
        y += 14
    return y + 6


_DRAWN = {"plain": _plain, "company_first": _company_first, "sidebar": _sidebar, "german": _german}

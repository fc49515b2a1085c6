"""Does every citation in the code lead somewhere in this repository?

`facts/zigzag 2.2`, `books 3` and `reliability 0.3` name a page and a numbered heading of it; `reliability appendix A` a heading; ids like
INV-13 and ERP-15, alone or after `reliability`, a row of a table on that page.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = {
    "facts/zigzag": DOCS / "facts" / "zigzag.md",
    "facts/finance-scm": DOCS / "facts" / "finance-scm.md",
    "facts/business-central": DOCS / "facts" / "business-central.md",
    "facts/engine": DOCS / "facts" / "engine.md",
    "books": DOCS / "explanation" / "books.md",
    "reliability": DOCS / "explanation" / "reliability.md",
}
SECTION: Final = r"\d{1,2}(?:\.\d{1,2})?|[Aa]ppendix [A-Z]|[A-Z]{1,3}-?\d{1,2}"
CITED: Final = re.compile(rf"(?<![\w/])(facts/[a-z-]+|books|reliability)((?:,? (?:and |to )?(?:{SECTION})(?!\w))+)")
ALONE: Final = re.compile(r"(?<![\w-])(?:INV|IN|SRC|ERP)-\d\d(?![\w-])")
ASTRAY: Final = re.compile(
    r"\bfacts,? (?:section|sections|\d)|\b(?:books|reliability)\.md(?:,| section| appendix| [A-Z])|\bd365-fscm\b|\bcontracts/"
    r"|(?<!docs/)\bfacts/[a-z0-9-]+\.md|(?<!reliability )\b[Aa]ppendix [A-D]\b")
"""Ways to cite that lead nowhere."""
BETWEEN_LINES: Final = re.compile(r"\n[ \t]*(?:#|///)?[ \t]*")


def texts() -> Iterator[tuple[str, str]]:
    """Give every file that may cite, with line breaks and comment signs made spaces."""
    for folder in ("src", "extensions", "examples", "tests", "bench"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".xpp", ".md", ".toml", ".html"} and path != Path(__file__):
                yield str(path.relative_to(ROOT)), BETWEEN_LINES.sub(" ", path.read_text(encoding="utf-8"))


def places(page: Path) -> set[str]:
    """Give what of a page can be cited: numbers of headings, appendices, and ids in the first cell of a row."""
    found: set[str] = set()
    for line in page.read_text(encoding="utf-8").splitlines():
        if told := re.match(r"#{2,3} (\d+(?:\.\d+)?|Appendix [A-Z])\b", line):
            found.add(told[1])
        if told := re.match(r"\| ([A-Z]{1,3}-?\d{1,2})(?: [·◐])? \|", line):
            found.add(told[1])
    return found


PLACES: Final = {name: places(page) for name, page in PAGES.items()}
CITATIONS: Final = sorted(
    {(file, page, section[0].upper() + section[1:]) for file, text in texts() for page, told in CITED.findall(text)
     for section in re.findall(SECTION, told)}
    | {(file, "reliability", name) for file, text in texts() for name in ALONE.findall(text)})


def test_there_are_citations_of_every_page() -> None:
    assert {page for _, page, _ in CITATIONS} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_every_cited_section_exists(page: str) -> None:
    lost = [f"{file}: {page} {section}" for file, cited, section in CITATIONS if cited == page and section not in PLACES[page]]

    assert not lost


def test_no_citation_leads_astray() -> None:
    astray = [f"{file}: {told[0]}" for file, text in texts() for told in ASTRAY.finditer(text)]
    unknown = [f"{file}: {page}" for file, page, _ in CITATIONS if page not in PAGES]

    assert not astray
    assert not unknown


@pytest.mark.parametrize("page", ["facts/zigzag", "facts/finance-scm", "facts/business-central", "facts/engine"])
def test_every_row_of_facts_says_how_sure_it_is(page: str) -> None:
    text = PAGES[page].read_text(encoding="utf-8")

    unmarked = [line for table in re.findall(r"\|[^\n]*\| Mark \|\n\|[-|]+\|\n((?:\|[^\n]*\n)+)", text) for line in table.splitlines()
                if not re.search(r"\[[DEIMSU]\]", line.rsplit("|", 2)[1])]

    assert not unmarked


def test_every_source_that_is_named_is_listed_and_every_listed_one_is_named() -> None:
    for page, letter in (("facts/zigzag", "Z"), ("facts/finance-scm", "F"), ("facts/business-central", "B")):
        text, _, sources = PAGES[page].read_text(encoding="utf-8").rpartition("Sources\n")
        assert set(re.findall(rf"\b{letter}\d+\b", text)) == set(re.findall(rf"^\| ({letter}\d+) \|", sources, flags=re.MULTILINE))


def test_invariants_are_numbered_without_a_gap() -> None:
    assert {name for name in PLACES["reliability"] if name.startswith("INV-")} == {f"INV-{number:02}" for number in range(1, 33)}
    assert PLACES["books"] == {str(number) for number in range(1, 11)}

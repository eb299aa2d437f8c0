"""The documentation leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]*)#?([^)]*)\)")


def anchors(page: Path) -> set[str]:
    """Names that a page's headings get, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_resolve(page: Path) -> None:
    links = [((page.parent / path) if path else page, anchor) for path, anchor in LINK.findall(page.read_text())]
    assert [] == [(to.name, anchor) for to, anchor in links if not to.exists() or (anchor and anchor not in anchors(to))]


def test_every_page_is_reachable_from_the_readme() -> None:
    """Directly, or from a page that is."""
    seen, ahead = set[Path](), [PAGES[0]]
    while ahead:
        page = ahead.pop()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            ahead += [(page.parent / path).resolve() for path, _ in LINK.findall(page.read_text()) if path]
    assert set(PAGES) <= seen

"""Generated pages and hand-written documents agree with the code."""

import re
from pathlib import Path

import pytest

from seatrial import explain
from seatrial.options import OPTIONS

ROOT = Path(__file__).parent.parent


PAGES = {
    "requirements.md": ("requirements --layer static --markdown", lambda: explain.page("static")),
    "cluster-requirements.md": ("requirements --layer cluster --markdown", lambda: explain.page("cluster")),
    "target.md": ("facts --markdown", explain.facts_page),
}


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_current(page: str) -> None:
    command, lines_of = PAGES[page]
    lines = list(lines_of())
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == "\n".join(lines) + "\n", f"write it anew: seatrial {command} > docs/{page}"


def test_the_readme_names_every_option() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(--[a-z-]+)", readme, re.MULTILINE))
    assert named == {option.flag for option in OPTIONS} | {"--strict"}


def test_links_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (document.parent / link).exists(), f"{document.name}: {link}"

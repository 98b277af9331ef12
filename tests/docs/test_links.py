"""Every file, page and section that the documentation or a message of the program points to exists."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.page import ROOT

WEB = "https://github.com/tidegate/tidegate/blob/main/"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/**/*.md"),
        *ROOT.glob("grafana/*.md"),
        ROOT / "charts/tidegate/README.md",
        ROOT / "tests/bench/comparison/README.md",
    ]
)
CHANGELOG = ROOT / "CHANGELOG.md"  # speaks of what was, too
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"(?<![\w/.:-])(?:app|cache|tests|tools|grafana|charts|k8s|examples|docs)/[\w./*-]*[\w*/]")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)

named = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])


def anchors(page: Path) -> set[str]:
    """As GitHub makes them from headings."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", page.read_text())):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        number = 0
        while (one := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(one)
    return found


def is_there(target: str, folder: Path) -> bool:
    """Whether a relative link leads to a file, and its fragment to a heading."""
    path, _, fragment = target.partition("#")
    file = (folder / path) if path else None
    if file is not None and not file.exists():
        return False
    return not fragment or (file is not None and file.suffix == ".md" and fragment in anchors(file))


def exists(path: str) -> bool:
    """A file, a folder, a pattern of files, or a module without its ending."""
    return any(ROOT.glob(path)) or (ROOT / f"{path}.py").exists()


@named
def test_every_link_leads_to_a_file_and_a_heading(page):
    text = FENCE.sub("", page.read_text())
    links = [link for link in LINK.findall(text) if not re.match(r"\w+:", link)]
    ways = [link if not link.startswith("#") else f"{page.name}{link}" for link in links]
    assert [way for way in ways if not is_there(way, page.parent)] == []


@named
def test_every_path_that_is_named_exists(page):
    if page == CHANGELOG:
        pytest.skip("a changelog names what was")
    paths = set(PATH.findall(page.read_text()))
    assert [path for path in sorted(paths) if not exists(path.rstrip("/."))] == []


@named
def test_every_page_of_the_docs_is_in_the_index(page):
    if page.parent == ROOT / "docs" and page.name != "README.md":
        assert f"({page.name})" in (ROOT / "docs/README.md").read_text()


def test_what_the_program_its_alerts_and_its_chart_point_to_exists():
    listed = subprocess.run(
        ["git", "grep", "-Ihoe", re.escape(WEB) + "[^\"'` )>]*"], cwd=ROOT, capture_output=True
    )
    links = {one.removeprefix(WEB) for one in listed.stdout.decode().splitlines()}
    links = {link for link in links if "${" not in link}  # an alert's name: tests/grafana holds those anchors
    assert links
    assert [link for link in sorted(links) if not is_there(link.rstrip(".,"), ROOT)] == []

"""The pages lead where they say, and a page and its Chinese twin have the same parts."""

import re
import shlex
import unicodedata
from pathlib import Path

import pytest

from metrascope import cli
from metrascope.messages import table

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
TWINS = [page for page in PAGES if page.with_suffix(".zh.md").is_file()]
CODE = [
    file
    for place in ("src", "tests", "benchmarks", "examples")
    for file in ROOT.glob(f"{place}/**/*.py")
]
# What docs/security.md says that nobody can smuggle in.
STRANGERS = {"selectors.py", "jpeg_ls.py", "metrascope.py"}
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """Return a page without its blocks of code, in which a number sign is a comment."""
    return re.sub(r"(?ms)^```.*?^```", "", page.read_text("utf-8"))


def headings(page: Path) -> list[tuple[int, str]]:
    found = re.findall(r"(?m)^(#+) (.+)$", prose(page))
    return [(len(signs), title) for signs, title in found]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    seen: dict[str, int] = {}
    found = set()
    for _, title in headings(page):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        kept = (sign for sign in plain.lower() if is_kept(sign))
        name = "".join(kept).replace(" ", "-")
        number = seen[name] = seen.get(name, -1) + 1
        found.add(f"{name}-{number}" if number else name)
    return found


def is_kept(sign: str) -> bool:
    return sign in " -_" or unicodedata.category(sign)[0] in "LN"


def test_anchors_are_those_of_the_host() -> None:
    page = ROOT / "docs" / "guide.zh.md"
    assert "研究设计谁训练谁验证谁测试" in anchors(page)  # of 研究设计：谁训练、谁验证、谁测试
    assert "own-data" not in anchors(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue  # another site's
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", TWINS, ids=lambda page: page.name)
def test_twins_link_to_each_other_and_have_the_same_parts(page: Path) -> None:
    twin = page.with_suffix(".zh.md")
    assert f"]({twin.name})" in page.read_text("utf-8")[:500]
    assert f"]({page.name})" in twin.read_text("utf-8")[:500]
    assert [level for level, _ in headings(page)] == [level for level, _ in headings(twin)]


def test_every_page_has_a_twin_but_those_for_developers_and_the_glossary() -> None:
    english = {page for page in (ROOT / "docs").glob("*.md") if not page.name.endswith(".zh.md")}
    alone = {page.name for page in english - set(TWINS)}
    assert alone == {"architecture.md", "audit-busi.md", "decisions.md", "glossary.md"}
    chinese = set((ROOT / "docs").glob("*.zh.md"))
    assert chinese == {page.with_suffix(".zh.md") for page in english & set(TWINS)}


def test_every_page_is_in_the_navigation_once_and_twins_in_the_same_order() -> None:
    named = re.findall(r"(?m)^ +- (?:[^:]+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"))
    pages = [name for name in named if not name.startswith(("api/", "repository/"))]
    assert sorted(pages) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))
    chinese = [name for name in pages if name.endswith(".zh.md")]
    twins = [name.replace(".md", ".zh.md") for name in pages if name not in chinese]
    assert chinese == [name for name in twins if name in chinese]
    index = (ROOT / "docs" / "index.zh.md").read_text("utf-8")
    assert [name for name in chinese[1:] if f"]({name}" not in index] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_of_the_pages_are_understood(page: Path) -> None:
    for block in re.findall(r"(?ms)^```\n(.*?)^```", page.read_text("utf-8")):
        for line in block.splitlines():
            if line.startswith("metrascope ") and "…" not in line:
                cli._parser().parse_args(shlex.split(line, comments=True)[1:])


def test_nothing_is_installed_by_a_name_that_no_index_has() -> None:
    """The source's folder is what pip takes; under the name it finds nothing, or another's work."""
    sentences = [sentence for entry in table().values() for sentence in entry.values()]
    pages = [page.read_text("utf-8") for page in PAGES]
    named = re.compile(r"pip install\W+metrascope|metrascope\[")
    assert [one for one in [*sentences, *pages] if named.search(one)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name.endswith(".zh.md")])
def test_chinese_pages_link_to_chinese_pages(page: Path) -> None:
    """A link from a Chinese page leads to the twin where there is one, but for its own English."""
    for link in LINK.findall(prose(page)):
        name = link.partition("#")[0]
        target = (page.parent / name).resolve()
        if name.endswith(".md") and target in TWINS and not re.match(r"[a-z]+:", link):
            assert target == page.with_name(page.name.replace(".zh.md", ".md")), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_of_code_that_pages_name_are_there(page: Path) -> None:
    places = [f"/{file.relative_to(ROOT).as_posix()}" for file in CODE]
    named = set(re.findall(r"`([\w/]+\.py)`", page.read_text("utf-8"))) - STRANGERS
    assert [name for name in named if not any(place.endswith(f"/{name}") for place in places)] == []

"""The pages lead where they say, and a page and its Chinese twin have the same parts."""

import re
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
TWINS = [page for page in PAGES if page.with_suffix(".zh.md").is_file()]
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


def test_what_users_read_has_a_twin() -> None:
    names = {page.name for page in TWINS}
    assert names >= {"README.md", "guide.md", "ingest.md", "audit.md", "predict.md", "phantom.md"}


@pytest.mark.parametrize("page", [page for page in PAGES if page.name.endswith(".zh.md")])
def test_chinese_pages_link_to_chinese_pages(page: Path) -> None:
    """A link from a Chinese page leads to the twin where there is one, but for its own English."""
    for link in LINK.findall(prose(page)):
        name = link.partition("#")[0]
        target = (page.parent / name).resolve()
        if name.endswith(".md") and target in TWINS and not re.match(r"[a-z]+:", link):
            assert target == page.with_name(page.name.replace(".zh.md", ".md")), link

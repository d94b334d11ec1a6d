"""A page as a tree, in one language, for the tests."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from metrascope.report.drawings import Drawings
from metrascope.report.gallery import build_gallery
from metrascope.report.page import render_report
from metrascope.study_folder.contents import read_study

VOID = {"meta", "input", "img", "br", "hr", "link"}
SVG_VOID = {"use", "image", "rect"}


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    children: list["Node | str"] = field(default_factory=list)

    def walk(self) -> Iterator["Node"]:
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    def find(self, tag: str, **attributes: str) -> list["Node"]:
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            node
            for node in self.walk()
            if node.tag == tag
            and all(
                value in node.attributes.get(name, "").split() for name, value in wanted.items()
            )
        ]

    def by_id(self, name: str) -> "Node":
        (node,) = [node for node in self.walk() if node.attributes.get("id") == name]
        return node

    def text(self, lang: str = "", skip: tuple[str, ...] = ("style", "script")) -> str:
        """Text as read in one language, spaces collapsed."""
        return " ".join("".join(self._pieces(lang, skip)).split())

    def rows(self, lang: str = "") -> list[list[str]]:
        """Cells of every table row below this node."""
        return [
            [cell.text(lang) for cell in row.walk() if cell.tag in ("th", "td")]
            for row in self.find("tr")
        ]

    def _pieces(self, lang: str, skip: tuple[str, ...]) -> Iterator[str]:
        if self.tag in skip or (lang and self.attributes.get("lang", lang) != lang):
            return
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child._pieces(lang, skip)
                if child.tag not in ("span", "b", "i", "em", "strong", "a"):
                    yield " "


def rendered(folder: Path, lang: str = "en") -> Node:
    """Return a study's page without its drawings, which take most of the time."""
    study = read_study(folder)
    return parse(render_report(study, build_gallery(study), Drawings(), lang))


def parse(page: str) -> Node:
    """Parse a page; a tag that is not closed where it should be fails the test."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert parser.open == [parser.root], f"not closed: {parser.open[-1].tag}"
    return parser.root


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"attribute twice in <{tag}>"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SVG_VOID, f"<{tag}/> closes nothing in HTML"
        self.open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

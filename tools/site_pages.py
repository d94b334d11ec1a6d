"""Pages of the site that do not lie in ``docs/``, as hooks of MkDocs (see ``mkdocs.yml``).

The repository's own pages (README, changes, benchmarks …) are shown under ``repository/``, and
links between all pages, which are written for the repository, are led to where the site has them.
The API reference has a page for each folder of the package; what stands on it is read from the
docstrings.
"""

import posixpath
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from griffe import Module
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
SHOWN = (
    "README.md",
    "README.zh.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
)
"""Pages of the repository outside ``docs/`` that the site shows."""
MAP = "src/metrascope/__init__.py"
"""The map of the package, for which the site has the API reference."""
LINK = re.compile(r"(\]\()([^)\s#]+)")
ENTRY = re.compile(r"(?m)^(?:``)?(\w+)(?:``)?  +(\S.*(?:\n {3,}\S.*)*)")
"""A file and what it is, in the docstring of its folder."""


def on_config(config: "MkDocsConfig") -> None:
    """Put the pages of the API reference into the navigation."""
    names = [f"api/{name}.md" for name in _package_pages()]
    for section in _sections(config.nav):
        if section.get("API") == "api/index.md":
            section["API"] = ["api/index.md", *names]


def on_files(files: "Files", config: "MkDocsConfig") -> None:
    """Add the pages that lie elsewhere or are made."""
    from mkdocs.structure.files import File

    made = {f"repository/{name}": (ROOT / name).read_text("utf-8") for name in SHOWN}
    made |= {f"api/{name}.md": page for name, page in _package_pages().items()}
    made["api/index.md"] = _api_index()
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", files: "Files") -> str:
    """Lead links that are written for the repository to where the site has the page."""
    path = page.file.src_uri
    if path.startswith("api/"):
        return markdown
    here = posixpath.dirname(path)
    origin = (
        here.removeprefix("repository").strip("/") if path.startswith("repository/") else "docs"
    )

    def led(link: re.Match[str]) -> str:
        if ":" in link[2]:
            return link[0]  # another site's
        target = posixpath.normpath(posixpath.join(origin, link[2]))
        place = f"repository/{target}" if target in SHOWN else target.removeprefix("docs/")
        place = "api/index.md" if target == MAP else place
        return link[1] + posixpath.relpath(place, here or ".")

    return LINK.sub(led, markdown)


def on_post_page(output: str, page: "Page", config: "MkDocsConfig") -> str:
    """Say the language of a Chinese page, by which browsers choose its font and read it aloud."""
    if page.file.src_uri.endswith(".zh.md"):
        return output.replace('<html lang="en"', '<html lang="zh-CN"', 1)
    return output


def _sections(nav: Any) -> "list[dict[str, Any]]":
    """Return every section of a navigation, of whatever depth."""
    if isinstance(nav, dict):
        return [nav, *(inner for part in nav.values() for inner in _sections(part))]
    if isinstance(nav, list):
        return [inner for part in nav for inner in _sections(part)]
    return []


@cache
def _package() -> "Module":
    """Return the package as griffe reads it from the source, without importing anything."""
    import griffe

    package = griffe.load("metrascope", search_paths=[ROOT / "src"])
    if not isinstance(package, griffe.Module):
        raise TypeError("metrascope is no package")
    return package


@cache
def _package_pages() -> dict[str, str]:
    """Return the pages of the API reference by name: one for each folder, and one for the root."""
    root = _package()
    folders = [module for module in root.modules.values() if module.is_init_module]
    folders += [inner for one in folders for inner in one.modules.values() if inner.is_init_module]
    pages = {one.path.removeprefix("metrascope."): _folder_page(one) for one in folders}
    alone = [one for one in root.modules.values() if not one.is_init_module]
    names = sorted(one.path for one in alone if not one.name.startswith("_"))
    head = "# What all folders share\n\nThe modules in the root of the package.\n"
    return {**dict(sorted(pages.items())), "root": head + _members(names)}


def _folder_page(folder: "Module") -> str:
    """Return a folder's page: what its docstring says, then every module that this lists."""
    entries = ENTRY.findall(_words(folder).partition("\n\n")[2])
    rows = [f"| [`{name}`](#{folder.path}.{name}) | {_line(what)} |" for name, what in entries]
    head = [f"# `{folder.path}`", "", _first_sentence(folder), "", "| module | |", "| --- | --- |"]
    return "\n".join([*head, *rows, _members([f"{folder.path}.{name}" for name, _ in entries])])


def _api_index() -> str:
    """Return the first page of the reference: the public names, then the folders."""
    public = [str(name) for name in _package().exports or () if not str(name).startswith("_")]
    lines = ["# API reference", "", _first_sentence(_package()), ""]
    if public:
        lines += [
            "`from metrascope import …` gives the names [below](#metrascope." + public[0] + ")."
        ]
        lines += ["Everything else is in the folders:"]
    lines += ["", "| folder | |", "| --- | --- |"]
    for name in _package_pages():
        if name == "root":
            lines.append("| [`metrascope`](root.md) | what all folders share |")
        else:
            what = _first_sentence(_package()[name])
            lines.append(f"| [`metrascope.{name}`]({name}.md) | {what} |")
    return "\n".join([*lines, _members([f"metrascope.{name}" for name in public])])


def _members(paths: "Sequence[str]") -> str:
    """Return what makes mkdocstrings write of modules, classes and functions."""
    return "".join(f"\n\n::: {path}" for path in paths) + "\n"


def _words(module: "Module") -> str:
    return module.docstring.value if module.docstring else ""


def _first_sentence(module: "Module") -> str:
    return _line(_words(module).partition("\n\n")[0])


def _line(text: str) -> str:
    return " ".join(text.split())

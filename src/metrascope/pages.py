"""The frame that every page shares: both languages, one file, no network, no outside script."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape

from metrascope.classes import class_title
from metrascope.messages import LANGUAGES, text


@dataclass(frozen=True)
class Bilingual:
    """The same words in each language, in the order of ``LANGUAGES``.

    In a template it becomes one ``<span lang="…">`` per language, escaped, or plain text where
    the languages agree.
    """

    words: tuple[str, ...]

    def in_language(self, lang: str) -> str:
        """Return the words in one language."""
        return self.words[LANGUAGES.index(lang)]

    def __html__(self) -> Markup:
        if len(set(self.words)) == 1:
            return escape(self.words[0])
        spans = [
            Markup('<span lang="{}">{}</span>').format(lang, words)
            for lang, words in zip(LANGUAGES, self.words, strict=True)
        ]
        return Markup().join(spans)


def bilingual(make: Callable[[str], str]) -> Bilingual:
    """Build words by calling ``make`` with each language."""
    return Bilingual(tuple(make(lang) for lang in LANGUAGES))


def sentence(key: str, **values: object) -> Bilingual:
    """Return a sentence of the message table; values may be bilingual themselves."""
    return bilingual(lambda lang: text(key, lang, **_resolved(values, lang)))


def join_bilingual(items: Iterable[object]) -> Bilingual:
    """Join names with the comma of each language."""
    items = list(items)
    return bilingual(lambda lang: join_items(items, lang))


def join_items(items: Iterable[object], lang: str, sign: str = "comma") -> str:
    """Join names in one language, with its comma or, ``semicolon``, between longer parts."""
    return text(f"report.{sign}", lang).join(str(_plain(item, lang)) for item in items)


def data_address(content: bytes, kind: str) -> str:
    """Return the address of a picture that is within its page; kind as ``png``, ``svg+xml``."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _resolved(values: dict[str, object], lang: str) -> dict[str, object]:
    return {name: _plain(value, lang) for name, value in values.items()}


def _plain(value: object, lang: str) -> object:
    return value.in_language(lang) if isinstance(value, Bilingual) else value


def render_page(
    template: str, title: Bilingual, sections: Sequence[str], values: Mapping[str, Any], lang: str
) -> str:
    """Return a page as text.

    Parameters
    ----------
    template
        File of ``templates/`` that extends ``shell.html.j2``.
    title
        Of the page.
    sections
        Identifiers of its sections, in order; each has a heading in the message table under the
        area of the same name as the template.
    values
        What the template shows.
    lang
        ``en`` or ``zh``: the language that the page opens in.
    """
    script = _file("report.js")
    shell = {
        "area": template.partition(".")[0],
        "title": title,
        "sections": sections,
        "lang": lang,
        "languages": LANGUAGES,
        "style": _file("report.css"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return _environment().get_template(template).render({**shell, **values})


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("metrascope"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"t": sentence, "listing": join_bilingual, "label": _label}
    return environment


def _label(name: str) -> Bilingual:
    return bilingual(lambda lang: class_title(name, lang))


def _file(name: str) -> Markup:
    file = resources.files("metrascope") / "templates" / name
    # Part of the package, so nothing that a user wrote gets in unescaped.
    return Markup(file.read_text(encoding="utf-8"))  # noqa: S704

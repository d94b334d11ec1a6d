"""The frame that every page shares: both languages, one file, no network, no outside script."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from metrascope.bilingual import Bilingual, bilingual, join_bilingual, sentence
from metrascope.classes import class_title
from metrascope.messages import LANGUAGES


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

"""One sentence in every language of the page; the reader's choice hides all but one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

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


def _resolved(values: dict[str, object], lang: str) -> dict[str, object]:
    return {name: _plain(value, lang) for name, value in values.items()}


def _plain(value: object, lang: str) -> object:
    return value.in_language(lang) if isinstance(value, Bilingual) else value

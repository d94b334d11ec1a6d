"""Readings for the terminal: an image to the left, in words to the right what was read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from unicodedata import east_asian_width

from metrascope.classes import class_title
from metrascope.messages import text
from metrascope.predict.reading import ImageReading, Notice, PatientReading
from metrascope.results.notation import probability

# Columns of a line, as terminals have, and of the subject's part of it.
LINE_WIDTH: Final = 80
_LEFT: Final = 26
_GAP: Final = 2
# A Latin word with its space, a Chinese character (which may end a line anywhere), or space.
_WORD: Final = re.compile(r"[^\s\u2e80-\uffef]+\s*|[\u2e80-\uffef]\s*|\s+")
_MARKS: Final = "serving.marks_on_heat"
_CLOSING: Final = "，。；：、）”’！？"


def heading() -> str:
    """Return the first two lines of a listing."""
    left, right = text("serving.list_image"), text("serving.list_reading")
    rule = "-" * _LEFT + " " * _GAP + "-" * (LINE_WIDTH - _LEFT - _GAP)
    return f"{_padded(left, _LEFT + _GAP)}{right}\n{rule}\n"


def reading_text(reading: ImageReading | PatientReading) -> str:
    """Return the lines of a reading, each at most 80 columns wide."""
    left = wrapped(_subject(reading), _LEFT)
    right = [
        line
        for said in _reading_lines(reading)
        for line in wrapped(_plain(said), LINE_WIDTH - _LEFT - _GAP)
    ]
    count = max(len(left), len(right))
    left += [""] * (count - len(left))
    right += [""] * (count - len(right))
    rows = (_padded(name, _LEFT + _GAP) + line for name, line in zip(left, right, strict=True))
    return "".join(f"{row.rstrip()}\n" for row in rows)


def share_text(share: float, lang: str | None = None) -> str:
    """Return a case's probability as people read it: ``82.5 %``, ``> 99 %``."""
    return text("serving.probability", lang, percent=probability(share))


def prediction_set(names: Sequence[str], confidence: float, lang: str | None = None) -> str:
    """Return in words which classes a prediction set has, given by their names."""
    key = "serving.set_of_one" if len(names) == 1 else "serving.set_of"
    classes = text("serving.between", lang).join(names)
    return text(key, lang, percent=f"{100 * confidence:g}", classes=classes)


def wrapped(content: str, columns: int) -> list[str]:
    """Break a text into lines of so many columns; a Chinese character takes two."""
    lines, line = [], ""
    for word in _words(content, columns):
        if _width(line + word.rstrip()) > columns and not (word in _CLOSING and line):
            lines.append(line.rstrip())
            line = ""
        line += word
    return [*lines, line.rstrip()]


def _words(content: str, columns: int) -> Iterator[str]:
    for word in _WORD.findall(content):
        while _width(word.rstrip()) > columns:  # a path, most likely
            kept = next(n for n in range(len(word), 0, -1) if _width(word[:n]) <= columns)
            yield word[:kept]
            word = word[kept:]
        if word:
            yield word


def _subject(reading: ImageReading | PatientReading) -> str:
    if isinstance(reading, PatientReading):
        return text(f"serving.list_{reading.kind}", patient=_plain(reading.patient))
    if reading.frames == 1:
        return _plain(reading.file)
    key = "serving.key_frame_of" if reading.key_frame else "serving.frame_of"
    frame = text(key, frame=reading.frame, frames=reading.frames)
    return f"{_plain(reading.file)} {frame}"


def _reading_lines(reading: ImageReading | PatientReading) -> Iterator[str]:
    if reading.refusal is not None:
        yield text("serving.list_refused", reason=reading.refusal.text)
        # Marks matter to a reading; what is missing, or is whose, to everything.
        image = isinstance(reading, ImageReading)
        yield from _warning_lines(
            [one for one in reading.warnings if not image or one.key != _MARKS]
        )
        return
    shares = sorted((reading.probabilities or {}).items(), key=lambda item: -item[1])
    first, *others = (f"{class_title(label)} {share_text(share)}" for label, share in shares)
    yield first.upper() if first.isascii() else f"【{first}】"
    yield text("serving.between").join(others)
    if reading.prediction_set is not None and reading.confidence is not None:
        yield prediction_set(list(map(class_title, reading.prediction_set)), reading.confidence)
        yield from _out_of_order(dict(shares), reading.prediction_set)
    if isinstance(reading, PatientReading):
        if reading.kind == "patient":
            yield text("serving.list_files", read=reading.read, files=reading.files)
        yield from _warning_lines(reading.warnings)
        return
    yield from _warning_lines(reading.warnings)
    for one in reading.neighbors[:1]:
        yield text("serving.list_nearest", name=class_title(one.label), image=one.image)
    if reading.heat_map:
        yield reading.heat_map


def _out_of_order(shares: Mapping[str, float], kept: Sequence[str]) -> Iterator[str]:
    """Say why a class may be in the set though a likelier one is not: each has its own limit."""
    left_out = [label for label in shares if label not in kept]
    if not kept or not left_out:
        return
    likeliest, least = max(left_out, key=shares.__getitem__), min(kept, key=shares.__getitem__)
    if shares[likeliest] > shares[least]:
        names = {"left_out": class_title(likeliest), "kept": class_title(least)}
        yield text("serving.set_out_of_order", **names)


def _warning_lines(warnings: Sequence[Notice]) -> Iterator[str]:
    for said in warnings:
        yield text("serving.list_warning", warning=said.text)


def _plain(content: str) -> str:
    """Return a text without signs that would steer a terminal; they come from files."""
    return "".join(sign if sign.isprintable() else "?" for sign in content)


def _padded(content: str, columns: int) -> str:
    return content + " " * (columns - _width(content))


def _width(content: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in content)

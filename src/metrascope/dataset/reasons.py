"""Reasons for which files and images are left out, in few words, for counts."""

import re

from metrascope.messages import table, text


def reason_title(key: str, lang: str | None = None) -> str:
    """Return a reason in few words: its title, else its sentence without what fills it.

    Neither ends with a full stop, since both stand in one list.
    """
    title = f"reason.{key.replace('.', '_')}"
    if title in table():
        return text(title, lang)
    if key not in table():  # of another version
        return key
    names = re.findall(r"\{(\w+)", table()[key]["en"])
    return text(key, lang, **dict.fromkeys(names, "…")).rstrip(".。")

"""Every sentence of the message table is asked for somewhere in the package."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import metrascope
from metrascope.messages import table

PACKAGE = Path(metrascope.__file__).parent


def constants() -> Iterator[str]:
    """Yield every string of the code, templates and settings; what is filled in is a NUL."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "\0" for v in node.values)
                yield "".join(map(str, parts))
    for file in sorted([*PACKAGE.rglob("*.j2"), *PACKAGE.glob("checklists/*.toml")]):
        for word, joined in re.findall(r"[\"']([\w.]+)[\"'](\s*~)?", file.read_text("utf-8")):
            yield word + ("\0" if joined else "")


def test_every_message_is_used() -> None:
    found = set(constants())
    # A pattern must say something itself: "{a}.{b}" would excuse every message.
    patterns = [
        re.compile(".+".join(map(re.escape, one.split("\0"))))
        for one in found
        if "\0" in one and re.fullmatch(r"[\w.\0]+", one) and len(one.strip("\0.")) > 1
    ]
    whole = [p for p in patterns if "\\." in p.pattern and not p.pattern.endswith("\\..+")]
    parts = [p for p in patterns if "\\." not in p.pattern]
    areas = {one[:-2] for one in found if re.fullmatch(r"\w+\.\0", one)}

    def is_used(key: str) -> bool:
        area, name = key.split(".", 1)
        if key in found or any(pattern.fullmatch(key) for pattern in whole):
            return True
        # Looked up by how they begin, by the sentence they title, by the name of a user's class.
        if any(key.startswith(one) for one in found if re.fullmatch(r"\w+\.\w+_", one)):
            return True
        if area == "classes" or (area == "reason" and name.replace("_", ".", 1) in table()):
            return True
        if area == "advice" and f"usability.{name}" in table():
            return True
        # text(f"area.{name}"): the name is put together elsewhere.
        return area in areas and (name in found or any(part.fullmatch(name) for part in parts))

    assert [key for key in table() if not is_used(key)] == []

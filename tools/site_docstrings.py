"""How the site's API reference reads our docstrings: an extension of griffe (``mkdocs.yml``).

A section ``Returns`` says in words what comes back; its type is in the signature. The numpy style
wants the type first and the words indented below it, else the words are taken for a type.
"""

from itertools import pairwise
from typing import Any

from griffe import Extension, Function


class ProseReturns(Extension):
    """Put the type of the signature over the words of a section ``Returns``."""

    def on_function(self, *, func: Function, **kwargs: Any) -> None:
        """Rewrite one function's docstring before it is parsed."""
        if func.docstring and func.returns:
            func.docstring.value = _typed(func.docstring.value, str(func.returns))


def _typed(docstring: str, returned: str) -> str:
    """Return a docstring whose section ``Returns`` begins with a type."""
    lines = docstring.splitlines()
    heads = [row for row, (_, rule) in enumerate(pairwise(lines)) if rule and set(rule) == {"-"}]
    for head, after in pairwise([*heads, len(lines)]):
        said = lines[head + 2 : after]
        if lines[head] == "Returns" and said and not any(line.startswith(" ") for line in said):
            words = [f"    {line}" if line else "" for line in said]
            return "\n".join([*lines[: head + 2], returned, *words, *lines[after:]])
    return docstring

"""Numbers have a reason: a numeric constant of a module says where it comes from."""

import ast
import io
import tokenize
from pathlib import Path

SRC = Path(__file__).parents[1] / "src" / "metrascope"
# Numbers that say themselves what they are, or are round for want of a reason.
PLAIN = {0, 1, 2, 3, 4, 8, 10, 90, 100, 180, 255, 256, 360, 1000, 1024, 0.5, 1e-9, 1e-12}


def uncommented(source: str) -> list[str]:
    """Return the names of numeric constants of a module without a comment.

    It may be on their lines, on the line above, in a text below, or above a run of constants.
    """
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    commented = {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    names, before = [], None
    body = ast.parse(source).body
    for statement, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            lines = range(statement.lineno - 1, (statement.end_lineno or 0) + 1)
            has_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            in_run = before == statement.lineno - 1
            if has_text or in_run or commented.intersection(lines):
                before = statement.end_lineno
            elif is_constant(statement) and has_number(statement.value):
                names.append(ast.unparse(targets(statement)[0]))
    return names


def targets(statement: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def is_constant(statement: ast.Assign | ast.AnnAssign) -> bool:
    return all(ast.unparse(target).upper() == ast.unparse(target) for target in targets(statement))


def has_number(value: ast.expr) -> bool:
    return any(
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and node.value not in PLAIN
        for node in ast.walk(value)
    )


def test_a_comment_is_seen_wherever_it_may_stand() -> None:
    assert uncommented("A: Final = 7\n") == ["A"]
    assert uncommented("_A, _B = 7, 0.3\n") == ["(_A, _B)"]
    assert uncommented("# why\nA: Final = 7\nB: Final = 9\n") == []
    assert uncommented("# why\n\nA: Final = 7\n") == ["A"]
    assert uncommented("A: Final = 7  # why\n") == []
    assert uncommented('A: Final = 7\n"""Why."""\n') == []
    assert uncommented('A: Final = (10, "text", True)\nalias = list[7]\n') == []


def test_a_numeric_constant_says_where_it_comes_from() -> None:
    found = {
        path.relative_to(SRC).as_posix(): names
        for path in sorted(SRC.rglob("*.py"))
        if (names := uncommented(path.read_text(encoding="utf-8")))
    }
    assert not found, "give each its measurement or source, or say that it was chosen"

import pytest

from metrascope.progress import progress, say


def test_a_log_gets_few_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("drawing") as advance:
        for done in range(1, 501):
            advance(done, 500, "note")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["drawing: 500 of 500 note (0 s left)"]


def test_a_terminal_gets_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with progress("drawing") as advance:
        advance(1, 2, "loss 0.5")
    shown = capsys.readouterr().err
    assert "drawing" in shown
    assert "50%" in shown
    assert "loss 0.5" in shown


def test_a_sentence_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    say("a [b] " * 100)
    assert capsys.readouterr().err.count("\n") == 1

import re
import sys
import time

import pytest

from metrascope import progress as module
from metrascope.progress import begin, later, paused, print_note, progress, steps


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a log be silent for a tenth of a second only."""
    monkeypatch.setattr(module, "_SHORTEST", 0.1)
    monkeypatch.setattr(module, "_UNNAMED", 0.0)


def test_a_log_names_no_step_that_ends_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Drawing") as advance:
        for done in range(1, 501):
            advance(done, 500, "note")
    assert capsys.readouterr().err == ""


def test_a_log_names_steps_and_is_never_silent_for_long(
    quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with steps("loading", "page"):
        begin("loading")
        time.sleep(0.5)
        begin("page")(1, 4)
        time.sleep(0.5)
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    # Half a second each, a line every 0.1 s, the clock looked at every 0.1 s; times as the machine
    # is busy, and a busy one writes less.
    names = [line.split(" …")[0].split(":")[0] for line in lines]
    assert names == sorted(names)  # loading before writing
    assert 4 <= len(lines) <= 20
    assert lines[0] == "Loading the program …"
    assert re.fullmatch(r"Loading the program: 0:0\d, 0:\d\d left", lines[1])
    assert "Writing the page …" in lines
    assert re.fullmatch(r"Writing the page: 1 of 4, 0:0\d, 0:\d\d left", lines[-1])


def test_a_counted_step_that_took_a_while_says_that_it_ended(
    quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("Drawing") as advance:
        time.sleep(0.15)
        advance(500, 500)
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch("Drawing: 500 of 500, 0:0., 0:00 left", last)


def test_short_steps_one_after_the_other_are_not_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_SHORTEST", 0.3)
    with steps("page"):
        for _ in range(6):
            begin("page")
            time.sleep(0.25)  # each shorter than what a log names
    assert "Writing the page …" in capsys.readouterr().err


def test_no_thread_writes_after_its_work(quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Drawing"):
        time.sleep(0.5)
    assert "Drawing …" in capsys.readouterr().err
    time.sleep(0.3)
    assert capsys.readouterr().err == ""


def test_nothing_is_shown_without_work(quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    begin("loading")(1, 2)
    with paused():
        later("page")(1, 2)
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_work_inside_work_is_a_step_of_it(quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    with steps():
        started = later("page")
        with progress("Drawing"):
            time.sleep(0.1)
        started(1, 2)
        time.sleep(0.2)
        with paused():
            capsys.readouterr()
            time.sleep(0.3)
            assert capsys.readouterr().err == ""
        begin("loading")
        time.sleep(0.5)
    assert "Loading the program …" in capsys.readouterr().err


def test_a_pause_is_no_time_of_the_step_before_it() -> None:
    with steps("loading", "page"):
        begin("loading")
        with paused():
            time.sleep(0.2)
        begin("page")
        assert module._displays[-1].work._taken < 0.1


def test_a_failure_ends_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), steps():
        begin("loading")(1 // 0, 1)
    with progress("Drawing") as advance:
        advance(1, 2)
    assert not module._displays


def test_a_terminal_gets_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with progress("Drawing [b]") as advance:
        time.sleep(0.05)
        advance(1, 2, "loss 0.5")
    shown = capsys.readouterr().err
    assert "Drawing [b]" in shown
    assert "50%" in shown
    assert "1 of 2 loss 0.5" in shown
    assert "0:00 left" in shown


def test_a_bar_leaves_standard_output_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Readings may go to a file while the bar is on the terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    before = sys.stdout
    with steps():
        begin("loading")
        assert sys.stdout is before
        sys.stdout.write("read,by,programs\n")
    captured = capsys.readouterr()
    assert captured.out == "read,by,programs\n"
    assert "read,by,programs" not in captured.err


def test_a_dumb_terminal_gets_lines(
    quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    with progress("Drawing"):
        time.sleep(0.25)
    assert "\x1b" not in capsys.readouterr().err


def test_a_sentence_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    print_note("a [b] " * 100)
    assert capsys.readouterr().err.count("\n") == 1

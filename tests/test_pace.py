import pytest

from metrascope import pace
from metrascope.pace import PacedWork, times


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    monkeypatch.setattr(pace, "SECONDS", {"a": 10.0, "b": 20.0, "c": 5.0, "long": 7384.0})
    return clock


def test_the_rest_of_a_counted_step_takes_as_long_as_what_is_done_of_it(clock: Clock) -> None:
    work = PacedWork()
    work.begin("Drawing", "")
    assert work.left() is None  # nothing tells
    clock.now += 10
    work.done, work.all = 25, 100
    assert work.left() == pytest.approx(30)
    assert work.share() == pytest.approx(0.25)
    assert times(work) == "0:10, 0:30 left"
    assert times(work, finished=True) == "0:10"


def test_steps_to_come_take_what_they_were_measured_to(clock: Clock) -> None:
    work = PacedWork(["a", "b"])
    work.begin("A", "a")
    clock.now += 4
    assert work.left() == pytest.approx(26)
    assert work.share() == pytest.approx(4 / 30)


def test_steps_to_come_take_longer_where_those_before_did(clock: Clock) -> None:
    """As if five seconds more had gone as measured."""
    work = PacedWork(["a", "b", "c"])
    work.begin("A", "a")
    clock.now += 20
    work.begin("B", "b")
    assert work.left() == pytest.approx((20 + 5) / (10 + 5) * 25)
    clock.now += 10
    work.done, work.all = 1, 2
    assert work.left() == pytest.approx(10 + (20 + 20 + 5) / (10 + 20 + 5) * 5)


def test_a_step_that_takes_longer_than_measured_may_end_any_time(clock: Clock) -> None:
    work = PacedWork(["a", "b"])
    work.begin("A", "a")
    clock.now += 60
    slowness = (60 + 5) / (10 + 5)
    assert work.left() == pytest.approx(1 + 20 * slowness)


def test_hours_are_told(clock: Clock) -> None:
    work = PacedWork(["long"])
    work.begin("A", "long")
    assert times(work) == "0:00, 2:03:04 left"


def test_a_step_may_come_several_times(clock: Clock) -> None:
    work = PacedWork(["a"])
    work.expect(["a", "c", "a", "c"])
    assert sorted(work.coming) == ["a", "a", "c", "c"]
    work.begin("A", "a")
    clock.now += 10
    work.begin("C", "c")
    assert work.left() == pytest.approx(5 + 10 + 5)


def test_a_step_of_known_length_says_nothing_of_the_steps_to_come(clock: Clock) -> None:
    """One that is long because there is much to do, on a machine as fast as the measured one."""
    work = PacedWork(["a", "b"])
    work.begin("A", "a")
    work.expected = 60.0
    for gone in (0, 20, 40):
        clock.now = 1000.0 + gone
        assert work.left() == pytest.approx(60 - gone + 20)
    work.done, work.all = 2, 3
    assert work.left() == pytest.approx(20 + 20)
    clock.now = 1060.0
    work.begin("B", "b")
    assert work.left() == pytest.approx(20)


def test_a_step_with_nothing_to_do_leaves_the_steps_to_come(clock: Clock) -> None:
    work = PacedWork(["a", "b"])
    work.begin("A", "a")
    work.expected = 0.0
    assert work.left() == pytest.approx(20)

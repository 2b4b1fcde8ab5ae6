"""Work that is begun before its result is needed."""

from __future__ import annotations

import sys
from threading import Event

import pytest

from painter.system.ahead import PATIENCE, Ahead, in_small_steps


def test_it_is_done_meanwhile_and_once() -> None:
    begun, go, calls = Event(), Event(), []

    def work() -> int:
        begun.set()
        assert go.wait(5)
        calls.append(1)
        return 7

    ahead = Ahead(work)
    assert begun.wait(5) and not calls
    go.set()
    assert (ahead.result(), ahead.result(), len(calls)) == (7, 7, 1)


def test_what_it_raises_is_raised_where_the_result_is_asked_for() -> None:
    ahead = Ahead(lambda: int("x"))
    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            ahead.result()


def test_a_process_forked_meanwhile_does_it_itself() -> None:
    calls: list[int] = []
    ahead = Ahead(lambda: calls.append(1))
    ahead.result()
    ahead._results.clear()  # as it is there: the thread is gone, and there is no result
    ahead.result()
    assert len(calls) == 2


def test_threads_are_let_in_sooner_for_a_while() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(ValueError, match="given up"), in_small_steps():
        assert sys.getswitchinterval() == pytest.approx(PATIENCE)
        raise ValueError("given up")
    assert sys.getswitchinterval() == before

"""An abort arrives: whoever swallowed it, and only once what may not be cut short is done."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from chaos.interrupt import Aborted, Interrupts

LONG_S = 30.0


@pytest.fixture
def interrupts() -> Interrupts:
    """Interrupts of a run that can be ended."""
    found = Interrupts()
    found.unmask()
    return found


def raised(interrupts: Interrupts, body: Callable[[], None]) -> str:
    """Why the body was aborted."""
    with interrupts.catching():
        try:
            body()
        except Aborted as aborted:
            return str(aborted)
    return ""


def test_a_signal_ends_a_wait(interrupts: Interrupts) -> None:
    """The reason names it."""

    def body() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LONG_S)

    assert "SIGTERM" in raised(interrupts, body)


def test_an_abort_that_was_swallowed_comes_again(interrupts: Interrupts) -> None:
    """As Python itself swallows what a finaliser raises."""

    def body() -> None:
        with suppress(Aborted):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(LONG_S)
        time.sleep(LONG_S)

    assert "SIGINT" in raised(interrupts, body)


def test_the_watchdog_ends_a_wait(interrupts: Interrupts) -> None:
    """In the main thread, though it asks in another."""
    interrupts.watch(lambda: "no longer")
    assert raised(interrupts, lambda: time.sleep(LONG_S)) == "no longer"


def test_an_abort_waits_for_a_heal(interrupts: Interrupts) -> None:
    """It is raised after it, not within."""
    done: list[str] = []

    def body() -> None:
        interrupts.mask()
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.5)  # longer than the watchdog's tick
        done.append("healed")
        interrupts.unmask()
        done.append("went on")

    assert "SIGHUP" in raised(interrupts, body)
    assert done == ["healed"]


def test_nothing_interrupts_an_end(interrupts: Interrupts) -> None:
    """From ``finish`` on a signal is only noted; the former handlers come back."""
    before = signal.getsignal(signal.SIGTERM)
    with interrupts.catching():
        interrupts.finish()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
    assert signal.getsignal(signal.SIGTERM) is before

"""Ctrl-C as a flag: real signals, and handlers put back."""

import signal
import threading

import pytest

from lowerbound.fit.interrupt import interrupt_flag


@pytest.fixture(autouse=True)
def default_handler():
    """Python's own handler before, and whatever was there after."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_signal_raises_the_flag_and_the_second_an_exception():
    with interrupt_flag() as interrupted:
        assert not interrupted
        signal.raise_signal(signal.SIGINT)
        assert interrupted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_handler_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), interrupt_flag():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_application_is_left_alone():
    calls = []

    def handler(*_):
        calls.append(1)

    signal.signal(signal.SIGINT, handler)
    with interrupt_flag() as interrupted:
        signal.raise_signal(signal.SIGINT)
        assert not interrupted
    assert (calls, signal.getsignal(signal.SIGINT)) == ([1], handler)


def test_other_threads_get_a_flag_that_stays_down():
    found = []

    def work():
        with interrupt_flag() as interrupted:
            found.append(bool(interrupted))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]

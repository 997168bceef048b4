"""Ctrl-C without a torn state: while a fit runs, the signal only raises a flag that the loop reads between blocks."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class InterruptFlag:
    """True once Ctrl-C was pressed."""

    def __init__(self) -> None:
        self._raised = False

    def __bool__(self) -> bool:
        return self._raised

    def raise_flag(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler: the first Ctrl-C asks for a clean end, the second one is an ordinary KeyboardInterrupt."""
        if self._raised:
            raise KeyboardInterrupt
        self._raised = True


@contextmanager
def interrupt_flag() -> Iterator[InterruptFlag]:
    """Give a flag that Ctrl-C sets; the previous handler comes back at the end.

    Only the main thread can take signals: elsewhere (a joblib thread) the flag stays down and Ctrl-C acts on the main thread.
    A handler that the application installed itself is left alone.
    """
    flag = InterruptFlag()
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield flag
        return
    signal.signal(signal.SIGINT, flag.raise_flag)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)

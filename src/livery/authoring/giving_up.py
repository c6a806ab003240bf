"""Ending a thread of skill code that outlived its time."""

import ctypes
import threading


class GivenUp(BaseException):
    """Ends code that outlived its time; not an Exception, so that `except Exception` does not keep it."""


def give_up(thread: threading.Thread) -> None:
    """Ask a thread to stop at its next line of Python; one that is not running is left alone.

    Python cannot end a thread: one that waits inside C code stops when it comes back from there. Hold a lock that
    the thread takes at its end where it must not be asked a moment too late.
    """
    if thread.is_alive() and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(GivenUp)
        )

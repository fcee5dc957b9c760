"""Ending a worker together with the process that started it. Linux only."""

import ctypes
import multiprocessing
import os
import signal

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have the kernel end this process when its parent ends without a signal, as after SIGKILL.

    A worker would otherwise keep the port, and answer without the database that went down with the service.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent.pid:
        # The parent ended before the signal was requested, so the signal will never come.
        os._exit(1)

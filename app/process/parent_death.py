"""A process of ours that does not outlive the one that started it. Linux only."""

import ctypes
import multiprocessing
import os
import signal

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have the kernel end this process when the one that started it ends without a word, as after SIGKILL.

    A worker would keep the port otherwise, and answer without the database that went down with the service.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent.pid:
        # It ended before the signal was asked for, so nobody will send it.
        os._exit(1)

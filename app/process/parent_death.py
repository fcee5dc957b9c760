"""The end of a worker with its parent, by the parent-death signal. Linux only."""

import ctypes
import multiprocessing
import os
import signal

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Let the kernel end this process when its parent ends without stopping it, as after SIGKILL.

    A worker would keep the port otherwise, and answer without the database that went down with the service.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent.pid:
        # The parent ended before the signal was set, so the kernel will not send it.
        os._exit(1)

"""Other processes, seen from here."""

import os
import signal
import subprocess
import sys

from haechi.base.process import activity_of


def test_what_a_process_does_is_told_while_it_is_there() -> None:
    assert (mine := activity_of(os.getpid())) is not None
    assert mine.is_running
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        try:
            os.kill(child.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, child.pid, os.WSTOPPED)
            first = activity_of(child.pid)
            assert first is not None
            assert not first.is_running
            assert activity_of(child.pid) == first
        finally:
            child.kill()
    assert activity_of(child.pid) is None

"""The garbage collector of a server that runs for months."""

import subprocess
import sys

CHILD = """
import gc, weakref
from haechi.base.memory import settle_memory

class Connection:
    def __init__(self):
        self.itself, self.buffer = self, bytearray(10_000)

old = [[number] for number in range(200_000)]
settle_memory()
gc.collect(0)
ended = [weakref.ref(Connection()) for _ in range(200)]
for _ in range(100):  # what else comes and stays for a while, as the intake's objects do
    passing = [[] for _ in range(12_000)]
print(sum(one() is not None for one in ended))
"""


def test_what_ended_connections_leave_in_cycles_is_freed_without_being_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 0

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


SILENT = """
import asyncio, gc, weakref
from haechi.base.clock import SystemClock
from haechi.base.memory import collect_now_and_then, settle_memory

class Fast(SystemClock):
    async def sleep(self, seconds):
        await asyncio.sleep(0)

class Connection:
    def __init__(self):
        self.itself, self.buffer = self, bytearray(10_000)

async def run():
    ended = [weakref.ref(Connection()) for _ in range(20)]
    collecting = asyncio.create_task(collect_now_and_then(Fast()))
    for _ in range(5):
        await asyncio.sleep(0)
    collecting.cancel()
    print(sum(one() is not None for one in ended))

settle_memory()
asyncio.run(run())
"""


def test_a_few_ended_connections_are_freed_though_nothing_else_comes_and_goes() -> None:
    done = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 0

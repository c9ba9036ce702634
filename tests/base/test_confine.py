"""A process that is locked in can do nothing but compute and talk to whom it talked before."""

import platform
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(
    platform.system() != "Linux" or platform.machine() not in {"x86_64", "aarch64"},
    reason="confinement by seccomp is for Linux on x86-64 and aarch64",
)

ATTEMPTS = {
    "read a file": "open('/etc/passwd').read()",
    "write a file": "open('haechi-escape', 'w').write('x')",
    "list a folder": "os.listdir('/')",
    "open a socket": "socket.socket()",
    "make a socket pair": "socket.socketpair()",
    "resolve a name": "socket.getaddrinfo('localhost', 80)",
    "start a program": "os.posix_spawn('/bin/true', ['true'], {})",
    "replace itself": "os.execv('/bin/true', ['true'])",
    "fork": "os.fork()",
    "kill its parent": "os.kill(os.getppid(), 9)",
    "trace another process": "check(libc.ptrace(16, os.getppid(), 0, 0))",
    "read another process' memory": "check(libc.process_vm_readv(os.getppid(), 0, 0, 0, 0, 0))",
    "raise its limits": "resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
    "unlink": "os.unlink('/etc/hostname')",
    "make a user namespace": "check(libc.unshare(0x10000000))",
    "load a library": "ctypes.CDLL('libcrypt.so.1')",
    "make an anonymous file": "os.memfd_create('x')",
    "use io_uring": "check(libc.syscall(425, 8, 0))",
    "load a kernel filter": "check(libc.syscall(321, 0, 0, 0))",
    "take more memory than allowed": "bytearray(2 << 30)",
}


def attempt(code: str) -> str:
    """Run code in a locked-in process; gives what came of it."""
    program = f"""
        import ctypes, os, resource, socket, threading, encodings.idna
        from haechi.base.confine import confine
        libc = ctypes.CDLL(None, use_errno=True)
        def check(result):
            if result < 0:
                raise OSError(ctypes.get_errno(), 'refused')
        held = confine(1 << 30)
        try:
            {code}
        except (OSError, MemoryError, ValueError) as error:
            os.write(1, b'denied ' + type(error).__name__.encode())
        else:
            os.write(1, b'done ' + ','.join(held).encode())
        os._exit(0)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("what", ATTEMPTS)
def test_it_cannot(what: str) -> None:
    assert attempt(ATTEMPTS[what]).startswith("denied")


def test_it_can_compute_use_threads_wait_and_write_to_what_it_has() -> None:
    code = "[t.start() or t.join() for t in [threading.Thread(target=lambda: bytearray(1 << 20))]]"
    assert attempt(code) == "done memory,files,no-new-privileges,seccomp"

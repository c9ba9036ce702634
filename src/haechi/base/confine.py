"""Locks a process in: no network, no files, no other programs, bounded memory (CONTRACT S7).

The process keeps the descriptors that it has, memory, threads and time; every other system call fails with EPERM. What
breaks out of a decoder by a crafted picture then holds a process that can read its own memory and write to its socket.
Linux on x86-64 and aarch64; elsewhere only the resource limits hold, and `confine` says so.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Iterator

from msgspec import Struct

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1
_LOAD, _JUMP_EQUAL, _JUMP_ANY_SET, _RETURN = 0x20, 0x15, 0x45, 0x06  # BPF_LD|W|ABS, JMP|JEQ|K, JMP|JSET|K, RET|K
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENT_0_AT = 0, 4, 16  # offsets in struct seccomp_data; low halves, little endian
_CLONE_THREAD = 0x00010000
_SIGKILL = 9

_CALLS: dict[str, tuple[int, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "mincore": (27, 232),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "uname": (63, 160),
    "fcntl": (72, 25),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "times": (100, 153),
    "futex": (202, 98),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "set_robust_list": (273, 99),
    "getrandom": (318, 278),
    "membarrier": (324, 283),
    "rseq": (334, 293),
    "get_mempolicy": (239, 236),
    "getcpu": (309, 168),
}
"""What a locked-in process may call, with the numbers on x86-64 and aarch64 (unistd.h)."""


class _Machine(Struct, frozen=True):
    """System calls of one architecture, and its AUDIT_ARCH_*."""

    audit: int
    allowed: tuple[int, ...]
    clone: int
    clone3: int
    tgkill: int
    seccomp: int


_MACHINES = {
    "x86_64": _Machine(0xC000003E, tuple(x86 for x86, _ in _CALLS.values()), 56, 435, 234, 317),
    "aarch64": _Machine(0xC00000B7, tuple(arm for _, arm in _CALLS.values() if arm is not None), 220, 435, 131, 277),
}
FILTERED_MACHINES = tuple(_MACHINES)
"""Where, under Linux, system calls are filtered."""


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    if platform.system() == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def confine(memory_bytes: int) -> tuple[str, ...]:
    """Lock this process in for good; all its threads.

    Args:
        memory_bytes: Limit of the address space; 0: none.

    Returns:
        What holds it now: ``memory``, ``files``, ``no-new-privileges``, ``seccomp``.
    """
    held = [*_limit(memory_bytes)]
    machine = _MACHINES.get(platform.machine())
    if platform.system() != "Linux" or machine is None:
        return tuple(held)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        held.append("no-new-privileges")
    program = _filter(machine)
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
    if libc.syscall(machine.seccomp, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, header) == 0:
        held.append("seccomp")
    return tuple(held)


def _limit(memory_bytes: int) -> Iterator[str]:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        yield "memory"
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, 1))  # poll(2) takes no more descriptors than this
    yield "files"


def _filter(machine: _Machine) -> bytes:
    """The BPF program: the right architecture, then one comparison for each allowed call, EPERM at the end.

    ``clone`` may only make threads; ``clone3`` hides its flags in memory, so it is said not to exist and the C library
    falls back to ``clone``; ``tgkill`` may only hit this process.
    """
    deny = [_step(_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    allow = [_step(_RETURN, 0, 0, _ALLOW)]
    missing = [_step(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    threads = [_step(_LOAD, 0, 0, _ARGUMENT_0_AT), _step(_JUMP_ANY_SET, 0, 1, _CLONE_THREAD), *allow, *deny]
    own = [_step(_LOAD, 0, 0, _ARGUMENT_0_AT), _step(_JUMP_EQUAL, 0, 1, os.getpid()), *allow, *deny]
    program = [_step(_LOAD, 0, 0, _ARCHITECTURE_AT), _step(_JUMP_EQUAL, 1, 0, machine.audit), *deny]
    program.append(_step(_LOAD, 0, 0, _NUMBER_AT))
    for number, branch in ((machine.clone3, missing), (machine.clone, threads), (machine.tgkill, own)):
        program += [_step(_JUMP_EQUAL, 0, len(branch), number), *branch]
    for number in machine.allowed:
        program += [_step(_JUMP_EQUAL, 0, 1, number), *allow]
    return b"".join(program + deny)


def _step(code: int, if_true: int, if_false: int, value: int) -> bytes:
    """One instruction of classic BPF (struct sock_filter)."""
    return struct.pack("=HBBI", code, if_true, if_false, value)

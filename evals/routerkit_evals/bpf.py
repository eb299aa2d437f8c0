"""A seccomp filter in classic BPF, assembled here so that no libseccomp is needed.

The filter allows everything but a list: system calls that reach other processes, namespaces, mounts, kernel keys or code, raw io_uring,
System V objects (they would outlive a run), and every socket family that could leave the sandbox. It is a second wall behind the
namespaces, not the only one. Source of the layout: linux/seccomp.h and linux/bpf_common.h.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass, field
from typing import Final

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
"""Offsets in `struct seccomp_data`; an argument takes 8 bytes, its low half first on both machines."""

_NEW_USER: Final = 0x10000000
_SOCKET_FAMILIES: Final = (2, 10, 16, 17, 40)
"""AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK."""
_TERMINAL_INPUT: Final = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX put characters into somebody's terminal."""

# name: (x86_64, aarch64), from asm/unistd_64.h and asm-generic/unistd.h
_DENIED: Final = {
    "ptrace": (101, 117), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "open_by_handle_at": (304, 265), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "quotactl": (179, 60),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186),
}  # fmt: skip
_SOCKET, _CLONE, _IOCTL, _CLONE3 = (41, 198), (56, 220), (16, 29), (435, 435)

_MACHINES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7), "arm64": (1, 0xC00000B7)}
"""Column in the tables above, and AUDIT_ARCH value."""


@dataclass(slots=True)
class Assembler:
    """Collects instructions; jumps name labels, which may only lie ahead, as the kernel demands."""

    _code: list[tuple[int, int, str, str]] = field(default_factory=list)
    _labels: dict[str, int] = field(default_factory=dict)

    def load(self, offset: int) -> None:
        """Read the 32-bit word at `offset` of the call's description."""
        self._code.append((_LOAD, offset, "", ""))

    def jump(self, operation: int, value: int, *, then: str = "", otherwise: str = "") -> None:
        """Compare the word that was read with `value`; an empty label means the next instruction."""
        self._code.append((operation, value, then, otherwise))

    def label(self, name: str) -> None:
        """Name the place of the next instruction."""
        self._labels[name] = len(self._code)

    def ret(self, action: int) -> None:
        """Decide."""
        self._code.append((_RETURN, action, "", ""))

    def binary(self) -> bytes:
        """The program as the kernel reads it.

        Raises:
            ValueError: a jump is backward or longer than 255 instructions.
        """
        return b"".join(
            struct.pack("=HBBI", operation, self._distance(at, then), self._distance(at, otherwise), value)
            for at, (operation, value, then, otherwise) in enumerate(self._code)
        )

    def _distance(self, at: int, label: str) -> int:
        distance = self._labels[label] - at - 1 if label else 0
        if not 0 <= distance <= 255:
            raise ValueError(f"jump of {distance} instructions to {label!r}; it must be 0 to 255")
        return distance


def seccomp_filter(machine: str | None = None) -> bytes:
    """The filter for a machine type as `platform.machine()` names it; None = this one.

    Raises:
        ValueError: no table for that machine.
    """
    machine = machine or platform.machine()
    if machine not in _MACHINES:
        raise ValueError(f"no system call table for {machine!r}; there is one for x86_64 and aarch64")
    column, arch = _MACHINES[machine]
    program = Assembler()
    program.load(_ARCH)
    program.jump(_JUMP_EQUAL, arch, otherwise="kill")
    program.load(_NUMBER)
    # x86_64 also answers to the x32 numbers, which would walk around the list; no call of aarch64 has such a number.
    program.jump(_JUMP_AT_LEAST, 0x40000000, then="deny")
    for numbers in _DENIED.values():
        program.jump(_JUMP_EQUAL, numbers[column], then="deny")
    program.jump(_JUMP_EQUAL, _CLONE3[column], then="missing")
    for call, label in ((_SOCKET, "socket"), (_CLONE, "clone"), (_IOCTL, "ioctl")):
        program.jump(_JUMP_EQUAL, call[column], then=label)
    program.ret(_ALLOW)
    _argument_rules(program)
    return program.binary()


def _argument_rules(program: Assembler) -> None:
    program.label("socket")
    program.load(_ARGUMENTS)
    for family in _SOCKET_FAMILIES:
        program.jump(_JUMP_EQUAL, family, then="deny")
    program.ret(_ALLOW)
    program.label("clone")
    program.load(_ARGUMENTS)
    program.jump(_JUMP_ANY_BIT, _NEW_USER, then="deny")
    program.ret(_ALLOW)
    program.label("ioctl")
    program.load(_ARGUMENTS + 8)
    for request in _TERMINAL_INPUT:
        program.jump(_JUMP_EQUAL, request, then="deny")
    program.ret(_ALLOW)
    program.label("deny")
    program.ret(_ERRNO | errno.EPERM)
    # clone3 hides its flags behind a pointer no filter can follow; told it is missing, libc falls back to clone.
    program.label("missing")
    program.ret(_ERRNO | errno.ENOSYS)
    program.label("kill")
    program.ret(_KILL)

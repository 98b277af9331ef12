"""What the kernel keeps of bytes that nobody reads."""

import socket
from pathlib import Path

__all__ = ["kernel_keeps_bytes", "small_receiver"]

_KEPT_BYTES = 64 * 1024  # the kernel doubles it


def small_receiver() -> socket.socket:
    """A socket, to connect or to listen with, whose receiving buffer does not grow; nor do those of what it accepts."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KEPT_BYTES)
    return made


def kernel_keeps_bytes(*, senders: int, receivers: int) -> int:
    """The most that so many sockets keep whose buffers may grow (tcp(7): the third figure of tcp_wmem, of tcp_rmem).

    4 and 6 MiB each on most machines; there are some where a receiver's grows to 32 MiB.
    """
    return senders * _largest_bytes("tcp_wmem") + receivers * _largest_bytes("tcp_rmem")


def _largest_bytes(name: str) -> int:
    return int(Path(f"/proc/sys/net/ipv4/{name}").read_text().split()[2])

"""A transport without a socket: keeps what is written, and does to its protocol what a test asks for."""

import asyncio
from typing import Any

__all__ = ["FakeTransport"]


class FakeTransport(asyncio.Transport):
    """`written`: all bytes so far. `stall()`: the peer takes nothing more until `drain()`.

    As a real one it calls `connection_lost` soon after its end, never inside of `close` and `abort`.
    """

    def __init__(
        self, protocol: Any = None, *, peer_ip: str = "192.0.2.1", tls: bool = False, sock: Any = None
    ) -> None:
        """`sock`: what a poller asks whether the peer is there."""
        super().__init__()
        self.protocol = protocol
        self.written = bytearray()
        self.reading = True
        self.aborted = self.closing = self.eof_written = self.lost = False
        self.calls: list[str] = []
        self.high_bytes = 64 * 1024
        self._unsent_bytes = 0
        self._stalled = self._blocked = False
        self._extra: dict[str, Any] = {
            "peername": (peer_ip, 40_000),
            "sockname": ("192.0.2.100", 80),
            "sslcontext": object() if tls else None,
            "socket": sock,
        }

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = bytes(self.written)
        self.written.clear()
        return taken

    def stall(self) -> None:
        self._stalled = True

    def drain(self) -> None:
        """The peer takes all that waits."""
        self._stalled, self._unsent_bytes = False, 0
        if self._blocked:
            self._blocked = False
            self.protocol.resume_writing()
        if self.closing:
            self._lose(None)

    def lose(self, error: Exception | None = None) -> None:
        """The peer is gone."""
        self.closing = True
        self._lose(error)

    def _lose(self, error: Exception | None) -> None:
        if not self.lost:
            self.lost = True
            if self.protocol is not None:
                asyncio.get_running_loop().call_soon(self.protocol.connection_lost, error)

    # asyncio.Transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._extra.get(name, default)

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.closing

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        assert not self.closing, "paused after its end"
        self.calls.append("pause_reading")
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.closing, "resumed after its end"
        self.calls.append("resume_reading")
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high_bytes = 64 * 1024 if high is None else high

    def get_write_buffer_size(self) -> int:
        return self._unsent_bytes

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.closing:
            return
        assert not self.eof_written, "written after the end of the stream"
        self.written += data
        if self._stalled:
            self._unsent_bytes += len(data)
            if self._unsent_bytes > self.high_bytes and not self._blocked:
                self._blocked = True
                self.protocol.pause_writing()

    def can_write_eof(self) -> bool:
        return self._extra["sslcontext"] is None

    def write_eof(self) -> None:
        self.eof_written = True

    def close(self) -> None:
        self.closing = True
        if not self._unsent_bytes:
            self._lose(None)

    def abort(self) -> None:
        self.closing = self.aborted = True
        self._lose(None)

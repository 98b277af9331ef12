"""TLS records of one connection: bytes of the socket in, application data out (RFC 8446 §5, RFC 5246 §6.2).

Two things about OpenSSL shape the code. A memory BIO never gives back what it once held, and 10,000
connections may be idle: so bytes pass record by record. And asking for a record that is not whole yet takes
4 µs, more than to decrypt a small request: so OpenSSL is only asked for records that are.
"""

import ssl

__all__ = ["TlsRecords"]

PLAINTEXT_BYTES = 16 * 1024
"""The most that one record carries (RFC 8446 §5.1)."""
HEADER_BYTES = 5
"""Of a record: type, version, length (RFC 8446 §5.1)."""
MOST_RECORD_BYTES = HEADER_BYTES + PLAINTEXT_BYTES + 2048
"""RFC 5246 §6.2.3; a longer one is given to OpenSSL at once, which rejects it."""
SHORT_BYTES = 12 * 1024
ROOM_BYTES = 12_800
"""A BIO grows to 4/3 of what it must hold: by these to 17 KiB, which a record fits; by the record to 22."""


class TlsRecords:
    """`established`: the handshake is complete. `peer_closed`: the client has sent close_notify. `outgoing`: what is
    to be written to the socket, of the handshake, alerts and what `session` was given.

    `_missing_bytes` of a record that has begun are still to come; `_tail` is a header that is not whole.
    `_aligned`: the handshake is complete and the next byte begins a record.
    """

    __slots__ = (
        "_aligned",
        "_has_room",
        "_incoming",
        "_missing_bytes",
        "_tail",
        "established",
        "outgoing",
        "peer_closed",
        "session",
    )

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self.outgoing, server_side=True)
        self._tail = b""
        self._missing_bytes = 0
        self._has_room = False
        self._aligned = self.established = self.peer_closed = False

    def decrypt(self, data: bytes) -> bytes:
        """The application data of the records that `data` completes. Raises SSLError for what is no TLS."""
        size = len(data)
        if not (
            self._aligned
            and HEADER_BYTES < size <= SHORT_BYTES
            and size == HEADER_BYTES + (data[3] << 8 | data[4])
        ):
            return self._cut(data)
        # one whole record, as most requests are: 1 µs less than the general way
        self._incoming.write(data)
        try:
            decrypted = self.session.read(size)
        except ssl.SSLWantReadError:  # a record without application data
            return b""
        self.peer_closed = not decrypted
        return decrypted

    def _cut(self, received: bytes) -> bytes:
        """Hands `received` to OpenSSL record by record; the last one may be incomplete."""
        data = memoryview(self._tail + received) if self._tail else memoryview(received)
        self._tail = b""
        decrypted = []
        at, size = 0, len(data)
        while at < size and not self.peer_closed:
            if not self._missing_bytes:
                if size - at < HEADER_BYTES:
                    self._tail = bytes(data[at:])
                    break
                self._missing_bytes = HEADER_BYTES + (data[at + 3] << 8 | data[at + 4])
                if self._missing_bytes > SHORT_BYTES and not self._has_room:
                    self._make_room()
            end = min(at + self._missing_bytes, size)
            self._missing_bytes -= end - at
            decrypted.append(self._take(data[at:end]))
            at = end
        self._aligned = self.established and not self._missing_bytes and not self._tail
        return b"".join(decrypted)

    def _make_room(self) -> None:
        """Once, before the first large record."""
        if not self._incoming.pending:
            self._has_room = True
            self._incoming.write(bytes(ROOM_BYTES))
            self._incoming.read()

    def _take(self, piece: memoryview) -> bytes:
        """The application data of the record that `piece` completes."""
        self._incoming.write(piece)
        try:
            if not self.established:
                self.session.do_handshake()
                self.established = True
            elif not 0 < self._missing_bytes <= MOST_RECORD_BYTES:
                data = self.session.read(PLAINTEXT_BYTES)
                self.peer_closed = not data  # close_notify (RFC 8446 §6.1)
                return data
        except ssl.SSLWantReadError:
            pass
        return b""

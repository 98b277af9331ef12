"""What clients of HTTP/1.1 say and hear in tests of one connection."""

__all__ = [
    "GET",
    "NOT_THERE",
    "OK",
    "ONLY_A",
    "POST_5",
    "statuses",
]


GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
ONLY_A = "upstream: one"
NOT_THERE = b"GET /none HTTP/1.1\r\nHost: h\r\n\r\n"
POST_5 = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ndate: d\r\nx-request-id: "


def statuses(written):
    return [int(part[:3]) for part in written.split(b"HTTP/1.1 ")[1:]]

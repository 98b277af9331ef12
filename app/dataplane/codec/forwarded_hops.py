"""What Forwarded says of the hops before the gateway (RFC 7239 §4), read in time linear in its length."""

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["forwarded_hops"]

_STOP: Final = re.compile(rb'[,;"]')
# RFC 9110 §5.6.4, behind the opening quote. No byte can be taken in two ways, so it never goes back; a possessive
# quantifier would say so, but Python before 3.11.5 matches some of them wrongly.
_REST_OF_QUOTED: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SEMICOLON: Final = 0x3B
_QUOTE: Final = 0x22


def forwarded_hops(values: Sequence[bytes]) -> list[bytes]:
    """The `for` of each element in order; b"" for an element without one that could be an address.

    `values`: of all Forwarded fields. A quote that nothing closes ends the element. Never raises; O(bytes).
    """
    return [_node(pairs) for pairs in _elements(b",".join(values)) if pairs != [b""]]


def _elements(text: bytes) -> list[list[bytes]]:
    """The pairs of each element: divided by commas, then by semicolons, where these are not quoted.

    Each byte is passed once, and once more in the one search for a closing quote that fails: what escapes a
    quote is the backslashes just before it, so where one quote finds none that closes it, no later one does.
    """
    elements: list[list[bytes]] = []
    pairs: list[bytes] = []
    begin = at = 0
    quotes_close = True
    while (found := _STOP.search(text, at)) is not None:
        stop, at = found.span()
        if text[stop] == _QUOTE and quotes_close:
            quoted = _REST_OF_QUOTED.match(text, at)
            if quoted is not None:
                at = quoted.end()
                continue
            quotes_close = False
        pairs.append(text[begin:stop])
        begin = at
        if text[stop] != _SEMICOLON:
            elements.append(pairs)
            pairs = []
    elements.append([*pairs, text[begin:]])
    return elements


def _node(pairs: Sequence[bytes]) -> bytes:
    for pair in pairs:
        name, _, node = pair.strip().partition(b"=")
        if name.lower() != b"for":
            continue
        if len(node) > 1 and node.startswith(b'"') and node.endswith(b'"'):
            node = node[1:-1]
        if b'"' not in node and b";" not in node:  # an address needs neither, nor what escapes them
            return node
    return b""

"""Is this `ADMIN_TOKEN`? Compared in constant time; who guesses over the monitor has one guess a second."""

import hmac
from collections import OrderedDict

__all__ = ["Guesses", "same_token"]

_WAIT_S = 1.0
_MOST_ADDRESSES = 1_000


def same_token(given: str, token: str) -> bool:
    """Compared as bytes, since compare_digest takes no text outside ASCII."""
    return hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), token.encode())


class Guesses:
    """Addresses that sent a wrong token within the last second; bounded, the oldest goes first."""

    __slots__ = ("_wrong_at_s",)

    def __init__(self) -> None:
        self._wrong_at_s: OrderedDict[str, float] = OrderedDict()

    def may_try(self, address: str, now_s: float) -> bool:
        return now_s - self._wrong_at_s.get(address, now_s - _WAIT_S) >= _WAIT_S

    def was_wrong(self, address: str, now_s: float) -> None:
        self._wrong_at_s[address] = now_s
        self._wrong_at_s.move_to_end(address)
        while len(self._wrong_at_s) > _MOST_ADDRESSES:
            self._wrong_at_s.popitem(last=False)

"""TLS of a port that listeners share: the client's server name chooses whose certificate it sees (RFC 6066 §3).

A name that no listener of the port takes ends the connection without a word: any certificate, an alert even, would say
that somebody else is at home.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from app.config.model import Listener
from app.dataplane.downstream.tls_transport import TlsSession
from app.foundation.key_pair import KeyPair, subject_names
from app.gateway.tls import server_context
from app.routing.listener_choice import ListenerChoice

__all__ = ["TlsContexts", "port_context"]

_Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What one context shows: certificates for the same names, one for each kind of key."""

    pairs: tuple[KeyPair, ...]
    client_ca: str | None


class TlsContexts:
    """One context for each certificate, shared by all listeners that show it: to make one takes a millisecond.

    Nothing is held here of those that no port uses any more.
    """

    def __init__(self, *, http2: bool) -> None:
        self.http2 = http2
        self._made: WeakValueDictionary[_Shown, ssl.SSLContext] = WeakValueDictionary()

    def of(self, pairs: tuple[KeyPair, ...], client_ca: str | None) -> ssl.SSLContext:
        """The context that shows `pairs`. Raises OSError or ValueError for a CA that cannot be read."""
        shown = _Shown(pairs, client_ca)
        context = self._made.get(shown)
        if context is None:
            context = server_context(http2=self.http2)
            for pair in pairs:
                pair.load(context)
            if client_ca is not None:
                context.load_verify_locations(cadata=client_ca)
            self._made[shown] = context
        return context


class _Certified:
    """The certificates of one listener as contexts: most have one."""

    __slots__ = ("_by_names", "_first")

    def __init__(self, by_names: Sequence[tuple[_Names, ssl.SSLContext]]) -> None:
        self._first: Final = by_names[0][1] if by_names else None
        self._by_names: Final = by_names if len(by_names) > 1 else ()

    def choose(self, name: str) -> ssl.SSLContext | None:
        """The first that is for `name`, else the first one; None: there is none yet."""
        name = name.lower()
        wildcard = "*" + name[name.find(".") :]
        for names, context in self._by_names:
            if name in names or wildcard in names:
                return context
        return self._first


def port_context(
    listeners: Sequence[Listener],
    pair_of: Callable[[str], KeyPair | None],
    client_ca: str | None,
    contexts: TlsContexts,
) -> ssl.SSLContext:
    """What a port accepts with that these HTTPS listeners share.

    Certificates that `pair_of` does not have are left out. `client_ca`: PEM of whose certificates clients must show;
    None: they are not asked. Raises OSError or ValueError for a CA that cannot be read.
    """
    choice = ListenerChoice([listener.hosts for listener in listeners])
    certified = [_certified(listener, pair_of, client_ca, contexts) for listener in listeners]

    def choose(session: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        if not isinstance(session, TlsSession):
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        session.server_name = name
        asked_for = name or ""
        position = choice.find(asked_for.encode("utf-8", "surrogateescape"))
        chosen = certified[position].choose(asked_for) if position >= 0 else None
        if chosen is None:
            session.is_unwanted = True
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        session.context = chosen
        return None

    accepting = server_context(http2=contexts.http2)
    accepting.sni_callback = choose
    if client_ca is not None:
        # OpenSSL takes from the context of the accepting what is asked of clients, and its tickets: one of a session
        # that another CA had verified must not be worth anything here
        accepting.load_verify_locations(cadata=client_ca)
        accepting.verify_mode = ssl.CERT_REQUIRED
        accepting.num_tickets = 0
        accepting.options |= ssl.OP_NO_TICKET
    return accepting


def _certified(
    listener: Listener,
    pair_of: Callable[[str], KeyPair | None],
    client_ca: str | None,
    contexts: TlsContexts,
) -> _Certified:
    pairs = [pair for name in listener.certificates if (pair := pair_of(name)) is not None]
    if len(pairs) == 1:
        return _Certified([(frozenset(), contexts.of((pairs[0],), client_ca))])
    by_names: dict[_Names, list[KeyPair]] = {}
    for pair in pairs:
        by_names.setdefault(subject_names(pair), []).append(pair)
    # OpenSSL shows the last one of a kind of key; whoever lists several means the first
    return _Certified(
        [(names, contexts.of(tuple(reversed(of)), client_ca)) for names, of in by_names.items()]
    )

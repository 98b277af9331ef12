"""What keeps listeners from sharing a port, be they of a file or of the cluster. Pure."""

from collections.abc import Iterator, Sequence

from app.config.model import Listener

__all__ = ["port_conflicts"]


def port_conflicts(listeners: Sequence[Listener]) -> Iterator[tuple[int, str, str, str]]:
    """What keeps listeners from sharing a port: the later one's index, key, what is wrong, and the cure.

    One port speaks one protocol, asks all clients for the same certificates (a connection may be used for every
    host that its certificate names: GEP-91), and takes each host once (Gateway: listeners must be distinct).
    """
    first: dict[int, Listener] = {}
    takers: dict[tuple[int, str], str] = {}
    for index, listener in enumerate(listeners):
        other = first.setdefault(listener.port, listener)
        if other.protocol is not listener.protocol:
            what = (
                f"is {listener.protocol}, and listener {other.name} has {other.protocol} on port {other.port}"
            )
            yield index, "protocol", what, "give it another port"
            continue
        if other.client_certificates != listener.client_certificates:
            what = f"differs from that of listener {other.name} on port {other.port}"
            yield index, "clientCertificates", what, "write the same for all listeners of a port"
        for host in listener.hosts or ("*",):
            taker = takers.setdefault((listener.port, host), listener.name)
            if taker != listener.name:
                what = f"has {host}, as listener {taker} on port {listener.port} has"
                yield index, "hosts", what, "give each host of a port to one listener"

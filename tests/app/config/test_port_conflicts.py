from typing import Any

import pytest

from app.config.model import ClientCertificates, Listener, ListenerName, ListenerProtocol
from app.config.port_conflicts import port_conflicts

HTTPS: dict[str, Any] = {"protocol": ListenerProtocol.HTTPS}


def listener(name: str, port: int = 8443, **more: Any) -> Listener:
    return Listener(ListenerName(name), port, **more)


def test_listeners_that_differ_by_port_or_host_share_what_they_may():
    assert not list(
        port_conflicts(
            [
                listener("a", hosts=("a.example",), **HTTPS),
                listener("b", hosts=("b.example",), **HTTPS),
                listener("c", hosts=("a.example",), port=8444),
                listener("d", port=8444),
            ]
        )
    )


@pytest.mark.parametrize(
    ("first", "second", "key", "what"),
    [
        ({}, HTTPS, "protocol", "is https, and listener a has http on port 8443"),
        (
            {**HTTPS, "hosts": ("a.example",)},
            {**HTTPS, "hosts": ("b.example",), "client_certificates": ClientCertificates("ca.pem")},
            "clientCertificates",
            "differs from that of listener a on port 8443",
        ),
        ({}, {}, "hosts", "has *, as listener a on port 8443 has"),
        (
            {"hosts": ("a.example", "b.example")},
            {"hosts": ("b.example",)},
            "hosts",
            "has b.example, as listener a on port 8443 has",
        ),
    ],
)
def test_the_later_one_is_told_what_it_may_not_share(first, second, key, what):
    ((index, found_key, found, cure),) = port_conflicts([listener("a", **first), listener("b", **second)])
    assert (index, found_key, found) == (1, key, what)
    assert cure

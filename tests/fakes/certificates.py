"""Certificates of a test's own authority, as pairs in memory."""

import ssl

import trustme

from app.foundation.key_pair import KeyPair

__all__ = ["Authority"]


class Authority:
    """Signs certificates; `client` makes the context of somebody who trusts it."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    @property
    def pem(self) -> str:
        """Its own certificate."""
        return self._authority.cert_pem.bytes().decode()

    def pair(self, *names: str, key_type: trustme.KeyType = trustme.KeyType.ECDSA) -> KeyPair:
        leaf = self._authority.issue_cert(*names, key_type=key_type)
        chain = b"".join(part.bytes() for part in leaf.cert_chain_pems)
        return KeyPair(chain, leaf.private_key_pem.bytes())

    def client(self, shown: KeyPair | None = None, *, alpn: str = "http/1.1") -> ssl.SSLContext:
        """`shown`: the client's own certificate."""
        context = ssl.create_default_context()
        context.set_alpn_protocols([alpn])
        self._authority.configure_trust(context)
        if shown is not None:
            shown.load(context)
        return context

"""What an upstream is shown of the gateway's own: one header field, in place of the client's (contract: upstreams)."""

from dataclasses import dataclass, field

__all__ = ["Credential", "put_credential"]


@dataclass(frozen=True, slots=True)
class Credential:
    """`name` (lower-case) and the whole value of a field."""

    name: bytes
    value: bytes = field(repr=False)


def put_credential(lines: bytes, credential: Credential) -> bytes:
    """Whole header lines, each ended by CRLF, with it in place of whatever the client or the route said there.

    A name that differs in `_` only is the same to servers that hand fields on as environment variables.
    """
    name = credential.name.replace(b"_", b"-")
    kept = [
        line
        for line in lines.split(b"\r\n")[:-1]
        if line.partition(b":")[0].lower().replace(b"_", b"-") != name
    ]
    return b"%b%b: %b\r\n" % (b"".join([line + b"\r\n" for line in kept]), credential.name, credential.value)

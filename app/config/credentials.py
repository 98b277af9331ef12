"""Secrets that stand in files of their own; no message shows one."""

import re

from app.foundation.errors import ConfigFault, ConfigFaults

__all__ = ["read_secret"]

_SECRET = re.compile(
    rb"[!-~]{1,8192}"
)  # what a field value of HTTP can carry (RFC 9110 §5.5), and a head holds


def read_secret(content: bytes, source: str) -> str:
    """What a file holds, without the line end behind it; `source` names it. Raises ConfigFaults."""
    secret = content.rstrip(b"\r\n")
    if _SECRET.fullmatch(secret) is None:
        what = "is empty" if not secret else "holds a blank, a control or other character, or more than 8 KiB"
        fix = "put the secret alone into it: visible ASCII characters on one line"
        raise ConfigFaults([ConfigFault(source, what, fix)])
    return secret.decode()

"""How large a file of configuration may be: who reads its bytes needs no YAML for that. Pure."""

from app.foundation.errors import ConfigFault, ConfigFaults

__all__ = ["MAX_FILE_BYTES", "check_size"]

MAX_FILE_BYTES = 16 << 20


def check_size(size_bytes: int, source: str) -> None:
    """Raises ConfigFaults for a file that is too large to be read at all."""
    if size_bytes > MAX_FILE_BYTES:
        what = f"is {size_bytes:,} bytes long"
        fix = f"a file must be at most {MAX_FILE_BYTES >> 20} MiB; is it the right file?"
        raise ConfigFaults([ConfigFault(source, what, fix)])

"""Whether the TLS files of a REDIS_URL can be used: with files that cannot, a store would only look unavailable."""

import ssl

from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.redis.url import RedisAddress

__all__ = ["check_tls_files"]


def check_tls_files(address: RedisAddress, path: str = "REDIS_URL") -> None:
    """Reads them. Raises ConfigFaults, which name `path`."""
    if not address.tls:
        return
    try:
        context = ssl.create_default_context(cafile=address.ca_file)
        if address.cert_file is not None:
            context.load_cert_chain(address.cert_file, address.key_file)
    except OSError as error:  # ssl.SSLError is one
        what = f"names a TLS file that cannot be used: {error.strerror or error}"
        fix = "ssl_ca_certs, ssl_certfile and ssl_keyfile must be readable PEM files"
        raise ConfigFaults([ConfigFault(path, what, fix)]) from None

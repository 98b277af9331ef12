"""Whether PEM texts hold what they should: a certificate with its key, or a CA. The only module of `routes` that knows
cryptography, which is imported where the first certificate is checked: most clusters that only check files have none.
"""

__all__ = ["ca_fault", "pair_fault"]


def pair_fault(certificate: bytes, key: bytes) -> str | None:
    """Why `certificate` (its chain behind it) and `key` cannot serve; None where they can. Shows neither."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    if not certificate or not key:
        missing = [name for name, value in (("tls.crt", certificate), ("tls.key", key)) if not value]
        return f"it has no {' and no '.join(missing)}"
    try:
        own = load_pem_x509_certificates(certificate)[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "its tls.crt is not a certificate in PEM"
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it needs a password
        return "its tls.key is not a private key in PEM without a password"
    if private.public_key() != own:
        return "its tls.key does not belong to its tls.crt"
    return None


def ca_fault(certificates: bytes) -> str | None:
    """Why `certificates` cannot serve as those of a CA; None where they can."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import load_pem_x509_certificates

    if not certificates:
        return "it has no ca.crt"
    try:
        load_pem_x509_certificates(certificates)
    except (ValueError, UnsupportedAlgorithm):
        return "its ca.crt holds no certificates in PEM"
    return None

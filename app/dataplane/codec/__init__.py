"""HTTP/1.1 as values (RFC 9110, RFC 9112): pure, and strict where two readers could differ."""

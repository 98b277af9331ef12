"""HTTP/1.1 and HTTP/2 as values (RFC 9110, RFC 9112, RFC 9113): pure, and strict where two readers could differ."""

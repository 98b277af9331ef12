"""The port that gateways sync with: who calls, what they report, and its TLS.

Pure: `fleet` (what gateways reported). `api` (the ASGI application), `tokens` (who calls), `tls` (the port's
certificate); adapter: `certificates` (cryptography).
"""

"""Ports: a listening socket, uvicorn's server without signals, and HTTP/1.1 in bounds for what is not the data path.

`listener` opens the socket or says in one line why it cannot; `server` runs uvicorn on it; `backlog` empties it
before it is closed; `bounded_http` and `bounded_port` bound heads, times and connections from the first byte, TLS
handshakes included.
"""

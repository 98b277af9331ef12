"""The path of a request, in four floors; imports point down only.

downstream   the client's side: connections, reading requests, writing responses, TLS, the port's own pages
proxy        one request's life: admission, attempts, the response on its way back, completion
upstream     the service's side: names and addresses, the connection pool, choosing an endpoint
codec        pure: bytes ↔ values of HTTP/1.1 | eventloop: deadlines, clients that left

Interfaces between them are Protocols, and classes of ours inherit those that they implement. Compiled, a call through
one is then a call of native code, some 20 instructions instead of 300; what only has the methods, as interpreted
classes and fakes of tests, is called as ever. A Protocol's `__slots__ = ()` keeps its heirs without a dictionary.
"""

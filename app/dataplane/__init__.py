"""The path of a request: wire → admission → exchange → upstream connection, and back.

One path, written as protocol callbacks: no await, no task and no lock on the happy path. Bodies
stream both ways with back-pressure; framing is always made anew from what the parsers understood.
Times are seconds on the monotonic clock unless a name says `wall`.
"""

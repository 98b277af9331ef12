"""`tidegate up`: the whole system on one machine, with an upstream that fails when it is told to.

`up.py` decides what runs and tells the user; `supervisor.py` starts, watches and ends the processes
(`child.py`: one of them); `state.py` keeps keys and data between runs; `ports.py` finds free ports;
`valkey.py` is the door to the embedded server; `upstream.py` is a program of its own.
"""

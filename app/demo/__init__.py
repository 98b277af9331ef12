"""`tidegate up`: the whole system on one machine, with an upstream that can be made to fail.

`up.py` is the run; `plan.py` decides what runs where; `gateway_file.py` writes the gateway's configuration, or keeps
the user's; `banner.py` says where to look. `supervisor.py` starts, watches and ends the processes (`child.py`: one of
them); `output.py` and `log_lines.py` print what they write in one format. `state.py` keeps keys and data between runs;
`ports.py` finds free ports; `readiness.py` asks whether a part is there; `valkey.py` is the adapter of the embedded
server; `upstream.py` is a program of its own.
"""

"""Who is calling? API keys are stored as digests only, have a client's name, a tier and an end.

`presented.py` finds the key in a request, `keyring.py` says whose it is, `making.py` makes new ones.
A key never leaves this folder in readable form.
"""

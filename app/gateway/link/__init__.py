"""What a parent and its workers say to each other: messages over one socket pair per worker.

`message.py` is their bytes, `end.py` either end of a link.
"""

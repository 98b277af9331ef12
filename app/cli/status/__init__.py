"""`tidegate status`: asked once (`admin_client`, `sections`), or live (`live`, `picture`, `layout`, `screen`).

`selection` holds what of the state was asked for, `output` how it is printed, `terminal_text` what fits there.
"""

__all__ = ["DEFAULT_ADMIN_URL"]

DEFAULT_ADMIN_URL = "http://127.0.0.1:9080"
"""The admin port of a gateway with default settings, on this machine."""

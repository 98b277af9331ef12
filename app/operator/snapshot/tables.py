"""The tables that the operator compiled last from the cluster's objects: what snapshots say besides policies."""

from collections.abc import Mapping

import orjson

__all__ = ["CompiledTables"]


class CompiledTables:
    """`current`: JSON as a snapshot holds it; None while nothing was compiled yet that should have been.

    An operator without Gateway API compiles nothing, so it knows from the start that there are none.
    """

    def __init__(self, *, are_awaited: bool = False) -> None:
        self.current: Mapping[str, object] | None = None if are_awaited else {}
        self.may_be_empty = not are_awaited
        """Whether there are none where neither the ConfigMap nor this operator knows of any."""

    def put(self, tables: Mapping[str, object]) -> bool:
        """These are published with the next snapshot; False if they are those that are known already."""
        read: dict[str, object] = orjson.loads(orjson.dumps(tables))
        if read == self.current:
            return False
        self.current = read
        return True

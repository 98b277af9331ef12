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
        self._read: dict[int, tuple[object, object]] = {}

    def put(self, tables: Mapping[str, object]) -> bool:
        """These are published with the next snapshot; False if they are those that are known already.

        What is in a list is never changed by who compiled it. So an item that is the same object as the last time is
        taken over as it was read then: of thousands of routes an edit changes one.
        """
        before, self._read = self._read, {}
        read = {key: self._part(part, before) for key, part in tables.items()}
        if read == self.current:
            return False
        self.current = read
        return True

    def _part(self, part: object, before: Mapping[int, tuple[object, object]]) -> object:
        if not isinstance(part, list | tuple):
            return _as_json(part)
        # what is known is kept there, so nothing else has its identity
        read = [
            known or (item, _as_json(item))
            for item, known in zip(part, map(before.get, map(id, part)), strict=True)
        ]
        self._read.update(zip(map(id, part), read, strict=True))
        return [as_json for _, as_json in read]


def _as_json(value: object) -> object:
    read: object = orjson.loads(orjson.dumps(value))
    return read

"""The configuration in force: what its table was made from, and how the next one is made."""

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from app.config.sources.file import read_source
from app.config.table import Table
from app.dataplane.proxy.routes import Plans
from app.foundation.clock import now_s, wall_s
from app.foundation.errors import ConfigFault, ConfigFaults
from app.gateway.config.bindings import Bindings
from app.gateway.config.preparation import Inputs, Prepared, prepare
from app.gateway.config.snapshots import Snapshots
from app.settings import Settings
from app.telemetry.counts import Counts

if TYPE_CHECKING:
    from app.gateway.config.snapshots import Offered
    from app.gateway.workers.change import Change

__all__ = ["Configuration"]

LOG = logging.getLogger("tidegate.config")


class Configuration:
    """Prepare, bind, put in force: in that order, one change after another, and not at all where one fails.

    `contents`: the files that the table in force came from, by path.
    """

    def __init__(self, settings: Settings, bindings: Bindings, snapshots: Snapshots, counts: Counts) -> None:
        self._settings = self._settings_in_force = settings
        self._bindings = bindings
        self._snapshots = snapshots
        self._counts = counts
        self._last: Prepared | None = None
        self.contents: Mapping[str, bytes] = {}

    @property
    def prepared(self) -> Prepared:
        """What is in force, as it was made; after `load`."""
        assert self._last is not None  # noqa: S101 - nobody serves before
        return self._last

    @property
    def in_force(self) -> "Change":
        """All that the table in force came from; after `load`."""
        return self._change(self.prepared, self._settings_in_force)

    @property
    def paths(self) -> list[str]:
        """The files that the table in force came from, the configuration file first."""
        own = () if self._settings.config_file is None else (self._settings.config_file,)
        return list(dict.fromkeys((*own, *self.contents)))

    def load(self) -> Plans:
        """The first table, from what the files hold now and the snapshot on offer. Raises ConfigFaults.

        A snapshot that cannot be used is rejected, and no reason not to start: the operator may have a better one.
        """
        path, began_s = self._settings.config_file, now_s()
        contents = {} if path is None else {path: read_source(path)}
        prepared = self._prepare_first(contents)
        offered = self._snapshots.offered
        for _ in self.bind(prepared):
            pass
        self.enter(prepared)
        self.put_in_force(prepared, offered, began_s)
        prepared.log_warnings()
        return prepared.plans

    def _prepare_first(self, contents: Mapping[str, bytes]) -> Prepared:
        offered = self._snapshots.offered
        try:
            return self.prepare(contents, offered)
        except ConfigFaults as faults:
            if offered is None:
                raise
            prepared = self.prepare(contents, None)  # raises where the fault is the file's
            self._snapshots.reject(offered[0], str(faults))
            for fault in faults.faults:
                LOG.error("snapshot not applied at start: %s", fault)
            return prepared

    def renew_secrets(self, settings: Settings) -> bool:
        """The environment's secrets are others now; whether that makes another table."""
        if settings.api_key == self._settings.api_key:
            return False
        self._settings = settings
        return True

    def prepare(self, contents: Mapping[str, bytes], offered: "Offered | None") -> Prepared:
        """Any thread may do it: changes come one after another, so nothing that it reads moves meanwhile.

        Raises ConfigFaults, also where the configuration file was cut to nothing: it would take every route away.
        """
        self._check_not_emptied(contents)
        snapshot = self._snapshots.held if offered is None else offered[0]
        inputs = Inputs(contents, snapshot, self._last)
        sequence = 1 if self._last is None else self._last.plans.table.sequence + 1
        return prepare(self._settings, inputs, sequence, wall_s(), self._bindings.upstreams_of)

    def _check_not_emptied(self, contents: Mapping[str, bytes]) -> None:
        path = self._settings.config_file
        if path is None or contents[path].strip() or not self.contents.get(path, b"").strip():
            return
        what = "is empty now, and the one in force is not"
        fix = "write {} for the built-in route alone, or routes: [] for none"
        raise ConfigFaults([ConfigFault(path, what, fix)])

    def bind(self, prepared: Prepared) -> Iterator[None]:
        """In slices, between which requests may run; changes nothing that is in force."""
        return self._bindings.bind(prepared)

    def change(self, prepared: Prepared) -> "Change":
        """What other processes of the gateway need to make the same."""
        return self._change(prepared, self._settings)

    def _change(self, prepared: Prepared, settings: Settings) -> "Change":
        from app.gateway.workers.change import Change  # where there are workers

        sequence = prepared.plans.table.sequence
        return Change(sequence, prepared.wall_s, settings, prepared.contents, prepared.snapshot)

    def enter(self, prepared: Prepared) -> None:
        """What outlives a table, breakers and upstreams, follows it from now on. Cannot fail."""
        self._bindings.put_in_force(prepared)

    def put_in_force(self, prepared: Prepared, offered: "Offered | None", began_s: float) -> None:
        """It is in force, as the operator and others may know: after `enter`. `began_s`: when its preparation began."""
        table = prepared.plans.table
        self.contents, self._settings_in_force, self._last = prepared.contents, self._settings, prepared
        self._note(table, offered, began_s)

    def _note(self, table: Table, offered: "Offered | None", began_s: float) -> None:
        counts, mark = self._counts, table.resources.mark
        if offered is not None:
            self._snapshots.accept(*offered, table.resources, wall_s())
        counts.count_config_apply(wall_s(), table.sequence if mark is None else mark.sequence)
        counts.config_apply_duration_s = now_s() - began_s
        source = self._snapshots.source
        counts.config_sources = {
            "environment": True,
            "file": self._settings.config_file is not None,
            "configmap": source == "configmap",
            "sync": source == "sync",
        }

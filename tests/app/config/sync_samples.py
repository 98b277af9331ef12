"""What gateways say, as the tests of both sides use it."""

from app.config.sync.messages import (
    Applied,
    ApplyResult,
    Attempt,
    BreakerReport,
    Instance,
    PolicyError,
    PortFault,
    SyncRequest,
    Targets,
    TransitionReport,
)
from app.config.sync.newest import Held

LINEAGE = "11111111-2222-3333-4444-555555555555"
INSTANCE = Instance("uid-a", "gateway-0", "shop", "boot-1", 4, gateway="edge", version="0.1.0")
FULL = SyncRequest(
    INSTANCE,
    applied=Applied(LINEAGE, 7, "ab" * 32, 1_700_000_000.25),
    attempt=Attempt(LINEAGE, 8, ApplyResult.PARTIAL, "", (PolicyError("uid-1", 3, "spec: has no stanza"),)),
    targets=Targets(("orders",), ("cache",)),
    breakers=(
        BreakerReport(
            "orders", "open", 1_700_000_000.0, "probe_failed", ("uid-1",), 1_699_999_977.5, failed_probes=2
        ),
    ),
    transitions=(
        TransitionReport(1, "orders", "closed", "open", "consecutive_failures", 1_700_000_000.0, ("uid-1",)),
    ),
    limit_store_up=False,
    wait_s=25,
    ports=(20_001, 20_002),
    port_faults=(PortFault(20_003, "address already in use"),),
    certificates=Held("boot-9", 4),
)

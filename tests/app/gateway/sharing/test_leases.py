from app.dataplane.proxy.shadow import ShadowLimit
from app.foundation.clock import now_s
from app.gateway.sharing.leases import Leases
from app.limits.lease import Order
from app.limits.limiter import Limiter
from app.limits.memory import MemoryLimiter
from app.limits.shared import SharedLimiter
from app.telemetry.counts import Counts
from tests.fakes.plans import plans_of
from tests.fakes.sharing import ROUTE, UPSTREAM, InForce

POLICY = (
    "policies: [{name: p, spec: {%s targetRefs: [{kind: Gateway}], "
    "rateLimit: {rules: [{name: all, key: Global, requests: %d, period: 1h%s}]}}}]\n"
)


def in_force(limiter: Limiter, policy: str) -> InForce:
    return InForce(plans_of(UPSTREAM + ROUTE + policy), None, limiter)


async def granted(leases: Leases, rule: str, key: bytes, order: Order) -> int:
    grant = await leases.lease(rule, key, order)
    assert grant is not None
    return grant.granted


async def test_a_rule_of_no_table_is_not_leased():
    memory = MemoryLimiter()
    leases = Leases(in_force(memory, POLICY % ("", 10, "")), memory)
    assert await leases.lease("p/other", b"", Order(1, 1)) is None


async def test_the_rules_of_the_table_before_are_leased_until_all_workers_have_swapped():
    memory = MemoryLimiter()
    known = in_force(memory, POLICY % ("", 10, ""))
    leases = Leases(known, memory)
    assert await granted(leases, "p/all", b"", Order(1, 1)) == 1
    known.plans = in_force(memory, "").plans
    assert await granted(leases, "p/all", b"", Order(1, 1)) == 1
    known.plans = in_force(memory, "").plans
    assert await leases.lease("p/all", b"", Order(1, 1)) is None
    leases.expire(now_s())


async def test_with_a_shared_store_rules_of_one_gateway_stay_here():
    limiter = SharedLimiter(lambda: None)
    limiter.set_up(1)
    leases = Leases(in_force(limiter, POLICY % ("", 10, ", scope: Local")), limiter)
    assert await granted(leases, "p/all", b"", Order(10, 10)) == 10
    assert limiter.memory.clients == 1
    limiter = SharedLimiter(lambda: None)
    leases = Leases(in_force(limiter, POLICY % ("", 10, "")), limiter)
    assert await granted(leases, "p/all", b"", Order(1, 1)) == 1


async def test_what_leaves_shadow_mode_begins_again_should_it_return():
    memory = MemoryLimiter()
    shadow, enforced = (in_force(memory, POLICY % (mode, 2, "")).plans for mode in ("mode: Shadow,", ""))
    rules = enforced.plans[0].rules
    shadow.plans[0].shadow_limit = ShadowLimit(rules, "Gateway", memory, Counts("1"), shadow.plans[0].counts)
    known = in_force(memory, "")
    leases = Leases(known, memory)
    known.plans = shadow
    assert [await granted(leases, "p/all", b"", Order(1, 1)) for _ in range(3)] == [1, 1, 0]
    known.plans = enforced
    leases.expire(now_s())
    known.plans = shadow
    assert await granted(leases, "p/all", b"", Order(1, 1)) == 1

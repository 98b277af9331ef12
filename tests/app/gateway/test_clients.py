from app.admin.view import RejectedClient
from app.gateway.clients import limited_clients, rejected_clients
from tests.fakes.gateway_parts import GatewayParts

LIMITED = """
upstreams: {cache: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: all, match: {path: {prefix: /}}, upstream: cache, auth: none}]
policies:
- name: orders
  spec:
    targetRefs: [{kind: Gateway}]
    rateLimit:
      rules:
      - {name: per-client, key: Client, requests: 5, period: 1m}
      - {name: closed, key: Client, requests: 0, period: 1m}
      - {name: all, key: Global, requests: 9, period: 1m}
"""


async def test_limited_clients_show_what_their_buckets_hold_now(tmp_path):
    parts = GatewayParts(tmp_path, LIMITED)
    rejected = parts.counts.rejected
    for identity in ("orders/per-client", "orders/closed", "orders/all", "gone/rule"):
        rejected.count("all", "acme", identity)
    rejected.count("all", None, "orders/per-client")
    limited = limited_clients(parts.context, parts.counts, 0.0)
    assert limited["orders/closed"] == [RejectedClient("acme", 1, 0)]
    assert limited["orders/all"] == [RejectedClient("acme", 1, None)]
    assert [each.client for each in limited["orders/per-client"]] == [None, "acme"]
    assert limited.keys() == {"orders/per-client", "orders/closed", "orders/all"}
    assert rejected_clients(parts.counts) == {"all": [RejectedClient("acme", 4)]}
    await parts.close()


async def test_what_a_client_may_still_send_is_what_its_bucket_holds(tmp_path):
    parts = GatewayParts(tmp_path, LIMITED)
    rule = next(rule for rule in parts.context.plans.plans[0].rules if rule.name == "per-client")
    for _ in range(2):
        parts.limits.limiter.admit([rule], [b"acme"], 1000.0)
    parts.counts.rejected.count("all", "acme", "orders/per-client")
    assert limited_clients(parts.context, parts.counts, 1000.0) == {
        "orders/per-client": [RejectedClient("acme", 1, 3)]
    }
    await parts.close()


async def test_a_shared_store_keeps_for_itself_what_remains(tmp_path):
    parts = GatewayParts(tmp_path, LIMITED, REDIS_URL="redis://127.0.0.1:9")
    parts.counts.rejected.count("all", "acme", "orders/per-client")
    assert limited_clients(parts.context, parts.counts, 1000.0) == {
        "orders/per-client": [RejectedClient("acme", 1, None)]
    }
    await parts.close()

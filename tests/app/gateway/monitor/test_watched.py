from tests.fakes.gateway_parts import GatewayParts
from tests.fakes.watched import watched_by


async def test_outside_tidegate_up_there_is_neither_a_demo_upstream_nor_a_shared_store(tmp_path):
    parts = GatewayParts(tmp_path)
    watched = watched_by(parts)
    assert (watched.demo_url, watched.store_up()) == (None, None)
    await parts.close()

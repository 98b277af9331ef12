import asyncio

from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts
from tests.fakes.waiting import until


async def test_secrets_and_the_files_of_the_configuration_go_their_own_ways(tmp_path):
    secret, keys = tmp_path / "key", tmp_path / "keys.yaml"
    secret.write_text("key-1-of-the-tests-0123")
    keys.write_text("keys: []")
    parts = GatewayParts(tmp_path, ONE_ROUTE + f"keysFile: {keys}\n", API_KEY_FILE=str(secret))
    secrets: list[str] = []
    others: list[str] = []
    running = asyncio.ensure_future(
        parts.watch.run(lambda path, _: secrets.append(path), lambda path, _: others.append(path))
    )
    secret.write_text("key-2-of-the-tests-01234")
    keys.write_text("keys: []  # edited")
    await until(lambda: bool(secrets and others), "both changes")
    assert (secrets, others) == ([str(secret)], [str(keys)])
    running.cancel()
    await parts.close()

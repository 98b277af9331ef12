from app.foundation.errors import ConfigFault, ConfigFaults
from app.gateway.config.secret_files import SecretFiles
from tests.fakes.gateway_parts import GatewayParts
from tests.fakes.process import free_port
from tests.fakes.waiting import until

FIRST, SECOND = "key-1-of-the-tests-0123", "key-2-of-the-tests-0123"


def parts_with(tmp_path, variable, text, **environment):
    file = tmp_path / "secret"
    file.write_text(text)
    parts = GatewayParts(tmp_path, **{variable: str(file), **environment})
    return parts, SecretFiles(parts.context, parts.reloads, parts.limits, parts.tasks), str(file)


async def test_another_api_key_is_in_force_with_another_table(tmp_path):
    parts, secrets, path = parts_with(tmp_path, "API_KEY_FILE", FIRST)
    secrets.changed(path, SECOND.encode())
    assert parts.context.settings.api_key == SECOND
    await until(lambda: parts.sequence == 2, "the table")
    await parts.close()


async def test_another_admin_token_needs_no_table(tmp_path):
    parts, secrets, path = parts_with(tmp_path, "ADMIN_TOKEN_FILE", FIRST)
    secrets.changed(path, SECOND.encode())
    assert parts.context.settings.admin_token == SECOND
    assert parts.sequence == 1
    await parts.close()


async def test_a_file_that_cannot_be_read_leaves_the_last_secret(tmp_path, caplog):
    parts, secrets, path = parts_with(tmp_path, "API_KEY_FILE", FIRST)
    secrets.changed(path, ConfigFaults([ConfigFault(path, "does not exist", "mount it")]))
    secrets.changed(path, b"")
    assert parts.context.settings.api_key == FIRST
    assert caplog.text.count("the last good one stays") == 2
    await parts.close()


async def test_limits_move_to_another_store(tmp_path):
    one, two = free_port(), free_port()
    parts, secrets, path = parts_with(tmp_path, "REDIS_URL_FILE", f"redis://127.0.0.1:{one}")
    used: list[object] = []

    async def use(store: object) -> None:
        used.append(store)

    parts.limits.use = use
    secrets.changed(path, f"redis://127.0.0.1:{one}".encode())
    secrets.changed(path, f"redis://127.0.0.1:{two}".encode())
    await until(lambda: len(used) == 1, "the other store")
    await parts.limits.stop()
    await parts.close()

from dataclasses import replace

import pytest

from app.foundation.errors import ConfigFaults
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts


async def test_the_first_table_comes_from_the_file(tmp_path):
    parts = GatewayParts(tmp_path)
    assert parts.sequence == 1
    assert parts.configuration.paths == [str(parts.file)]
    assert parts.configuration.contents == {str(parts.file): ONE_ROUTE.encode()}
    assert parts.counts.config_sources == {
        "environment": True,
        "file": True,
        "configmap": False,
        "sync": False,
    }
    await parts.close()


async def test_the_files_that_it_names_are_watched_too(tmp_path):
    keys = tmp_path / "keys.yaml"
    keys.write_text("keys: []")
    parts = GatewayParts(tmp_path, ONE_ROUTE + f"keysFile: {keys}\n")
    assert parts.configuration.paths == [str(parts.file), str(keys)]
    await parts.close()


async def test_a_fault_at_the_start_is_raised(tmp_path):
    with pytest.raises(ConfigFaults, match="routes"):
        GatewayParts(tmp_path, "routes: 7")


async def test_only_another_api_key_makes_another_table(tmp_path):
    parts = GatewayParts(tmp_path, API_KEY="key-1-of-the-tests-0123")
    same = replace(parts.settings, admin_token="another-token-0123456")
    assert not parts.configuration.renew_secrets(same)
    assert parts.configuration.renew_secrets(replace(same, api_key="key-2-of-the-tests-0123"))
    assert not parts.configuration.renew_secrets(replace(same, api_key="key-2-of-the-tests-0123"))
    await parts.close()

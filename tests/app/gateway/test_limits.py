import asyncio

import pytest
import trustme

from app.foundation.errors import ConfigFaults
from app.gateway.limits import LimitStore
from app.limits.memory import MemoryLimiter
from app.limits.shared import SharedLimiter
from app.settings import load_settings
from app.telemetry.events import Events, StoreState
from tests.fakes.process import free_port
from tests.fakes.valkey import Valkey
from tests.fakes.waiting import until


def store(url: str | None = None) -> tuple[LimitStore, Events]:
    events = Events()
    settings = load_settings({"REDIS_URL": url} if url else {})
    return LimitStore(settings, asyncio.get_running_loop(), StoreState(events, "limit store")), events


async def test_without_a_url_this_process_counts_alone():
    alone, _ = store()
    assert isinstance(alone.limiter, MemoryLimiter)
    assert alone.is_up is None
    assert alone.leases == {}
    await alone.start()
    await alone.run()
    await alone.stop()


async def test_a_store_that_comes_and_goes_is_told(tmp_path, caplog):
    with Valkey(tmp_path) as valkey:
        shared, events = store(valkey.url)
        assert isinstance(shared.limiter, SharedLimiter)
        await shared.start()
        assert shared.is_up is True
        beating = asyncio.create_task(shared.run())
        valkey.freeze()
        await until(lambda: len(events.recent()) == 1, "the loss")
        valkey.thaw()
        await until(lambda: len(events.recent()) == 2, "the return")
        beating.cancel()
        await shared.stop()
    assert [(event.kind, event.detail) for event in events.recent()] == [
        ("store_down", "no response in time"),
        ("store_up", "1 share it"),
    ]
    assert f"redis://127.0.0.1:{valkey.port} is unavailable (no response in time)" in caplog.text


async def test_a_store_that_is_away_at_the_start_is_no_fault(caplog):
    shared, _ = store(f"redis://:hunter2@127.0.0.1:{free_port()}")
    await shared.start()
    assert shared.is_up is False
    assert "is unavailable (not reachable)" in caplog.text
    assert "hunter2" not in caplog.text
    await shared.stop()


async def test_tls_files_are_tried_at_the_start(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = authority.issue_cert("gateway")
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    own = f"&ssl_certfile={tmp_path}/cert.pem&ssl_keyfile={tmp_path}/key.pem"
    good, _ = store(f"rediss://127.0.0.1:9?ssl_ca_certs={tmp_path}/ca.pem{own}")
    await good.stop()
    for wrong in (
        "?ssl_ca_certs=/nowhere.pem",
        f"?ssl_certfile={tmp_path}/ca.pem&ssl_keyfile={tmp_path}/ca.pem",
    ):
        with pytest.raises(ConfigFaults, match="readable PEM files"):
            store(f"rediss://127.0.0.1:9{wrong}")


async def test_a_url_that_cannot_be_used_is_a_fault():
    with pytest.raises(ConfigFaults, match=r"\?master=NAME"):
        store("redis+sentinel://a")

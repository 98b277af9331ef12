from app.config.sync.snapshot import PolicyEntry, seal
from app.gateway.link.message import MessageReader, encode
from app.gateway.workers.change import Change, share_of
from app.settings import load_settings

SETTINGS = load_settings(
    {
        "KEY_PEPPER": "pepper of the tests\xe9",
        "API_KEY": "a-key-of-the-tests-0123456789",
        "ADMIN_TOKEN": "a-token-of-the-tests-0123456789",
        "REDIS_URL": "redis://:secret@localhost",
        "MONITOR_HOSTS": "gateway.example.com,other.example.com",
        "MAX_CONNECTIONS": "1001",
        "MAX_IN_FLIGHT": "2",
    }
)
SNAPSHOT = seal(
    "0f7ad6a5-4a6c-4b2c-9e55-111111111111",
    7,
    [PolicyEntry("shop", "orders", "uid-1", 3, {"targetRef": {"name": "x"}})],
    complete=True,
)


def sent(change: Change) -> Change:
    (message,) = MessageReader().feed(encode(change.message("boot", paths=["/monitor"])))
    assert message.kind == "boot"
    assert message.body["paths"] == ["/monitor"]
    return Change.of(message)


def test_a_change_arrives_as_it_was_sent():
    contents = {"/etc/gateway.yaml": b"routes: []", "/etc/keys.yaml": b"", "/etc/token": b"\xff\x00"}
    change = Change(12, 1_700_000_000.25, SETTINGS, contents, SNAPSHOT)
    assert sent(change) == change


def test_without_files_and_snapshot_it_is_the_environment_alone():
    change = Change(1, 0.0, load_settings({}), {})
    assert sent(change) == change


def test_a_worker_gets_its_share_of_the_bounds_and_no_secret_that_it_does_not_need():
    share = share_of(SETTINGS, 3)
    assert share.max_connections == 334
    assert (share.admin_token, share.redis_url, share.warnings) == (None, None, ())
    assert (share.api_key, share.key_pepper) == (SETTINGS.api_key, SETTINGS.key_pepper)

"""The store of objects: what counts as a change, and what is older than what it holds."""

from app.operator.kube.kinds import GATEWAY, SECRET
from app.operator.kube.object_store import ObjectStore


class Heard:
    def __init__(self):
        self.changes: list[tuple[str, tuple[str, str]]] = []
        self.statuses: list[tuple[str, tuple[str, str]]] = []
        self.store = ObjectStore((GATEWAY, SECRET))
        self.store.report_to(self)

    def content(self, kind, key):
        self.changes.append((kind.name, key))

    def status(self, kind, key):
        self.statuses.append((kind.name, key))


def gateway(name="web", version="1", uid="u", **parts):
    return {"metadata": {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": version}, **parts}


KEY = ("shop", "web")


def test_it_has_synced_once_every_kind_was_listed():
    heard = Heard()
    assert list(heard.store.unsynced) == ["Gateway", "Secret"]
    heard.store.replace(GATEWAY, [gateway()])
    assert list(heard.store.unsynced) == ["Secret"]
    assert not heard.store.has_synced
    heard.store.replace(SECRET, [])
    assert heard.store.has_synced


def test_an_empty_list_of_a_kind_is_a_change_the_first_time_only():
    heard = Heard()
    heard.store.replace(SECRET, [])
    heard.store.replace(SECRET, [])
    assert heard.changes == [("Secret", ("", ""))]


def test_a_list_removes_what_it_does_not_name():
    heard = Heard()
    heard.store.replace(GATEWAY, [gateway("a"), gateway("b")])
    heard.store.replace(GATEWAY, [gateway("b")])
    assert list(heard.store.objects(GATEWAY)) == [("shop", "b")]
    assert heard.store.count(GATEWAY) == 1
    assert heard.changes[-1] == ("Gateway", ("shop", "a"))


def test_a_status_alone_is_no_change_but_is_held():
    heard = Heard()
    heard.store.put(GATEWAY, gateway(spec={}))
    version = heard.store.version
    heard.store.put(GATEWAY, gateway(version="2", spec={}, status={"x": 1}))
    assert (heard.store.version, heard.statuses) == (version, [("Gateway", KEY)])
    found = heard.store.get(GATEWAY, KEY)
    assert found is not None
    assert found["status"] == {"x": 1}


def test_an_older_version_changes_nothing():
    heard = Heard()
    heard.store.put(GATEWAY, gateway(version="10", spec={"a": 2}))
    heard.store.put(GATEWAY, gateway(version="9", spec={"a": 1}))
    found = heard.store.get(GATEWAY, KEY)
    assert found is not None
    assert found["spec"] == {"a": 2}


def test_another_object_of_the_same_name_is_not_older():
    heard = Heard()
    heard.store.put(GATEWAY, gateway(version="10", uid="u", spec={"a": 2}))
    heard.store.put(GATEWAY, gateway(version="9", uid="v", spec={"a": 1}))
    found = heard.store.get(GATEWAY, KEY)
    assert found is not None
    assert found["spec"] == {"a": 1}


def test_one_that_is_being_deleted_is_gone():
    heard = Heard()
    heard.store.put(GATEWAY, gateway())
    going = gateway(version="2")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not heard.store.put(GATEWAY, going)
    assert heard.store.get(GATEWAY, KEY) is None
    heard.store.remove(GATEWAY, KEY)
    assert heard.changes == [("Gateway", KEY), ("Gateway", KEY)]

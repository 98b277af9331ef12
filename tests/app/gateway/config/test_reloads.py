import asyncio

from app.config.sync.snapshot import PolicyEntry, seal
from app.foundation.errors import ConfigFault, ConfigFaults
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts
from tests.fakes.waiting import until

LINEAGE = "00000000-0000-4000-8000-000000000001"


def snapshot(sequence, **spec):
    spec = {"targetRefs": [{"kind": "Gateway"}], **spec}
    return seal(LINEAGE, sequence, (PolicyEntry("shop", "p", "uid", 1, spec),), complete=True)


async def test_a_changed_file_is_put_in_force_and_published(tmp_path):
    parts = GatewayParts(tmp_path)
    parts.reloads.changed(str(parts.file), ONE_ROUTE.replace("name: all", "name: every").encode())
    await until(lambda: parts.kinds == ["config_applied"], "the reload")
    assert parts.sequence == 2
    assert [plan.name for plan in parts.context.plans.plans] == ["every"]
    await parts.close()


async def test_a_file_with_the_same_content_is_no_news(tmp_path):
    parts = GatewayParts(tmp_path)
    parts.reloads.changed(str(parts.file), ONE_ROUTE.encode())
    parts.reloads.changed(str(parts.file), ONE_ROUTE.replace("all", "every").encode())
    await until(lambda: parts.kinds == ["config_applied"], "the second change")
    assert parts.sequence == 2
    await parts.close()


async def test_a_faulty_one_leaves_the_last_good_one(tmp_path, caplog):
    parts = GatewayParts(tmp_path)
    parts.reloads.changed(str(parts.file), b"routes: 7")
    fault = ConfigFaults([ConfigFault(str(parts.file), "may not be read", "give the right to read it")])
    parts.reloads.changed(str(parts.file), fault)
    await until(lambda: parts.counts.config_applies["rejected"] == 2, "both rejections")
    assert parts.sequence == 1
    assert parts.kinds == ["config_rejected", "config_rejected"]
    assert "may not be read" in caplog.text
    await parts.close()


async def test_a_fault_of_ours_is_counted_and_the_next_change_is_taken(tmp_path, monkeypatch, caplog):
    parts = GatewayParts(tmp_path)

    def slips(*_: object) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    monkeypatch.setattr(parts.configuration, "prepare", slips)
    parts.reloads.changed(str(parts.file), b"anything")
    await until(lambda: parts.counts.internal_errors == 1, "the fault")
    parts.reloads.changed(str(parts.file), ONE_ROUTE.replace("all", "every").encode())
    await until(lambda: parts.kinds == ["config_rejected", "config_applied"], "the next change")
    assert parts.sequence == 2
    await parts.close()


async def test_what_changed_cannot_be_told_and_the_change_is_in_force_all_the_same(
    tmp_path, monkeypatch, caplog
):
    parts = GatewayParts(tmp_path)

    def slips(*_: object) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    monkeypatch.setattr("app.gateway.config.difference.difference", slips)
    parts.reloads.changed(str(parts.file), ONE_ROUTE.replace("all", "every").encode())
    await until(lambda: parts.counts.internal_errors == 1, "the fault")
    assert (parts.sequence, parts.history.edits, parts.history.rejected) == (2, (), None)
    assert "configuration 2 applied; what it changed cannot be told" in caplog.text
    parts.reloads.changed(str(parts.file), ONE_ROUTE.encode())
    await until(lambda: parts.kinds == ["config_applied"], "the next change")
    assert parts.sequence == 3
    await parts.close()


async def test_a_snapshot_that_comes_from_two_sources_is_in_force_for_both(tmp_path):
    parts = GatewayParts(tmp_path, POD_NAMESPACE="shop")
    both = [parts.reloads.take(snapshot(1), source) for source in ("configmap", "sync")]
    assert await asyncio.gather(*both) == [True, True]
    assert await parts.reloads.take(snapshot(1), "sync")
    assert parts.kinds == ["config_applied"]
    assert parts.snapshots.source == "configmap"
    await parts.close()


async def test_a_snapshot_that_supersedes_is_taken_and_an_earlier_one_is_not(tmp_path):
    parts = GatewayParts(tmp_path, POD_NAMESPACE="shop")
    assert await parts.reloads.take(snapshot(2, timeout={"request": "7s"}), "sync")
    assert parts.context.plans.table.routes[0].timeout.value.request_s == 7.0
    assert not await parts.reloads.take(snapshot(1), "sync")
    assert parts.snapshots.applied is not None
    assert parts.snapshots.applied.sequence == 2
    await parts.close()


async def test_the_table_is_made_again_when_a_policys_override_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("app.gateway.config.reloads.LONGEST_TIMER_S", 0.0)  # so a far date is due at once
    parts = GatewayParts(tmp_path, POD_NAMESPACE="shop")
    override = {"override": {"state": "Open", "until": "2100-01-01T00:00:00Z"}}
    assert await parts.reloads.take(snapshot(1, circuitBreaker=override), "sync")
    await until(lambda: parts.sequence >= 4, "the tables after the timer")
    assert parts.kinds[0] == "config_applied"
    await parts.close()


async def test_an_edit_names_its_source_and_at_most_five_changes_in_a_line(tmp_path, caplog):
    caplog.set_level("INFO", "tidegate.config")
    parts = GatewayParts(tmp_path, POD_NAMESPACE="shop")
    spec = {"circuitBreaker": {"consecutiveFailures": 9, "openDuration": "3s", "halfOpenRequests": 4}}
    assert await parts.reloads.take(
        snapshot(1, timeout={"request": "7s", "connect": "1s", "idle": "9s"}, **spec), "sync"
    )
    parts.reloads.changed(str(parts.file), (ONE_ROUTE + "# a word").encode())
    await until(lambda: len(parts.history.edits) == 2, "the comment")
    assert parts.sequence == 3
    comment, policy = parts.history.edits
    assert (policy.sequence, policy.source, len(policy.changes)) == (2, "sync", 6)
    assert {change.generation for change in policy.changes} == {1}
    assert (comment.source, comment.changes) == (str(parts.file), ())
    details = [event.detail for event in parts.events.recent()]
    assert details[0].startswith(
        "snapshot 1: Gateway timeout.request: 30s → 7s (resource shop/p, generation 1);"
    )
    assert details[0].endswith("; and 1 more")
    assert details[1] == "configuration 3: no setting in force changed"
    assert "configuration 2 applied (snapshot 1, sync): Gateway timeout.request: 30s → 7s" in caplog.text
    await parts.close()


async def test_a_rejection_stays_until_its_own_source_is_valid(tmp_path, caplog):
    caplog.set_level("INFO", "tidegate.config")
    parts = GatewayParts(tmp_path, POD_NAMESPACE="shop")
    parts.reloads.changed(str(parts.file), b"routes: 7")
    assert await parts.reloads.take(snapshot(1, timeout={"request": "7s"}), "sync")
    rejected = parts.history.rejected
    assert rejected is not None
    assert (rejected.source, len(rejected.faults)) == (str(parts.file), 1)
    parts.reloads.changed(str(parts.file), ONE_ROUTE.encode())
    await until(lambda: parts.history.rejected is None, "the file as it was")
    assert f"configuration from {parts.file} is valid again" in caplog.text
    await parts.close()


async def test_after_the_stop_nothing_is_put_in_force(tmp_path):
    parts = GatewayParts(tmp_path)
    parts.reloads.changed(str(parts.file), ONE_ROUTE.replace("all", "every").encode())
    await parts.reloads.stop()
    await asyncio.sleep(0)
    assert parts.sequence == 1
    await parts.close()


async def test_an_edit_asks_for_the_names_that_it_brings_and_for_no_other_again(tmp_path, monkeypatch):
    asked = []

    def look_up(name, port, **_):
        asked.append(name)
        return [(0, 0, 0, "", ("192.0.2.1", port))]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    parts = GatewayParts(tmp_path, ONE_ROUTE.replace("127.0.0.1:9", "old.example:9"))
    upstreams = parts.bindings.upstreams
    parts.bindings.look_up_names()
    await until(lambda: bool(upstreams["cache"].addresses), "the first address")
    edited = parts.file.read_text().replace("{cache:", '{new: {endpoints: ["http://new.example:9"]}, cache:')
    parts.reloads.changed(str(parts.file), edited.encode())
    await until(lambda: b"new.example" in asked, "the new name")
    await parts.close()
    assert asked == [b"old.example", b"new.example"]
    assert parts.sequence == 2

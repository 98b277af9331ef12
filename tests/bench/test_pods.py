from tests.bench.pods import running_pods


async def test_load_says_which_pod_responded_and_what_came_once_it_was_gone():
    async with running_pods() as pods:
        port = await pods.open()
        await pods.load({"itself": ("127.0.0.1", port)}, ["a.example"], clients=1)
        await pods.close(port, after_s=0.05)
        found = await pods.loaded()
    assert found.kinds["200"] > 0
    assert list(found.seen_s["itself"]) == [port]
    assert "ConnectionRefusedError" in found.kinds or "Truncated" in found.kinds


async def test_the_process_ends_with_its_input():
    async with running_pods() as pods:
        await pods.open()
        process = pods.process
    assert process.returncode == 0


async def test_pods_listen_where_they_are_told_and_nowhere_else():
    async with running_pods("127.0.0.2") as pods:
        port = await pods.open()
        await pods.load({"there": ("127.0.0.2", port), "here": ("127.0.0.1", port)}, ["a.example"], clients=1)
        await pods.close(port, after_s=0.05)
        found = await pods.loaded()
    assert list(found.seen_s["there"]) == [port]
    assert not found.seen_s["here"]

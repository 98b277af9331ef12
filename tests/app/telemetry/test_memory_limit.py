import pytest

from app.telemetry.memory_limit import memory_limit_bytes

V1 = "5:devices:/a\n4:memory:/pod/one\n0::/\n"
V2 = "0::/pod/one\n"
NONE_V1 = str(2**63 - 4096)


@pytest.fixture
def machine(tmp_path):
    def build(membership, limits):
        for name, text in {"proc/self/cgroup": membership, **limits}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return build


@pytest.mark.parametrize(
    ("membership", "limits", "expected"),
    [
        (V2, {"sys/fs/cgroup/pod/one/memory.max": "1000\n"}, 1000),
        (V2, {"sys/fs/cgroup/pod/one/memory.max": "max\n", "sys/fs/cgroup/pod/memory.max": "900"}, 900),
        (V2, {"sys/fs/cgroup/memory.max": "800\n"}, 800),
        (V2, {"sys/fs/cgroup/pod/one/memory.max": "max\n"}, None),
        (V1, {"sys/fs/cgroup/memory/pod/one/memory.limit_in_bytes": "700\n"}, 700),
        (V1, {"sys/fs/cgroup/memory/memory.limit_in_bytes": "600\n"}, 600),
        (V1, {"sys/fs/cgroup/memory/pod/one/memory.limit_in_bytes": NONE_V1}, None),
        ("", {}, None),
    ],
)
def test_the_strictest_limit_of_the_processs_groups_counts(machine, membership, limits, expected):
    assert memory_limit_bytes(machine(membership, limits)) == expected


def test_a_system_that_tells_nothing_has_no_limit(tmp_path):
    assert memory_limit_bytes(tmp_path) is None

import os

import pytest

from app.foundation.cores import usable_cores

V1 = {
    "proc/self/cgroup": "4:cpu,cpuacct:/pod\n",
    "sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us": "200000\n",
    "sys/fs/cgroup/cpu/pod/cpu.cfs_period_us": "100000\n",
}
V2 = {"proc/self/cgroup": "0::/pod\n"}


@pytest.fixture
def cores(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))

    def of(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return usable_cores(tmp_path)

    return of


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({**V2, "sys/fs/cgroup/pod/cpu.max": "max 100000\n"}, 8),
        ({**V2, "sys/fs/cgroup/pod/cpu.max": "250000 100000\n"}, 2),
        ({**V2, "sys/fs/cgroup/pod/cpu.max": "50000 100000\n"}, 1),
        ({**V2, "sys/fs/cgroup/pod/cpu.max": "max 100000\n", "sys/fs/cgroup/cpu.max": "300000 100000"}, 3),
        ({**V2, "sys/fs/cgroup/pod/cpu.max": "1600000 100000\n"}, 8),
        (V1, 2),
        ({**V1, "sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us": "-1\n"}, 8),
    ],
)
def test_the_quota_of_the_group_and_the_cores_of_the_process_bound_each_other(cores, files, expected):
    assert cores(files) == expected

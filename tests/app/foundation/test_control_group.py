from pathlib import Path

from app.foundation.control_group import group_files


def files(root: Path, membership: str) -> list[str]:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(membership)
    found = group_files(root, "cpu.max", "cpu", "cpu.cfs_quota_us")
    return [file.relative_to(root / "sys/fs/cgroup").as_posix() for file in found]


def test_version_2_has_one_file_per_ancestor(tmp_path):
    assert files(tmp_path, "0::/pod/one\n") == ["pod/one/cpu.max", "pod/cpu.max", "cpu.max"]


def test_version_1_has_them_where_the_controller_is_mounted(tmp_path):
    membership = "5:memory:/a\n4:cpu,cpuacct:/pod\n"
    assert files(tmp_path, membership) == ["cpu/pod/cpu.cfs_quota_us", "cpu/cpu.cfs_quota_us"]


def test_a_system_without_groups_has_no_files(tmp_path):
    assert list(group_files(tmp_path, "cpu.max", "cpu", "cpu.cfs_quota_us")) == []

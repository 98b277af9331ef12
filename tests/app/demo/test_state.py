import stat

import pytest

from app.demo.state import DEFAULT_FOLDER, open_state
from app.foundation.errors import StartFault


def opened(folder):
    return open_state({"TIDEGATE_STATE": str(folder)})


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_and_its_files_are_for_the_owner_only(tmp_path):
    folder = tmp_path / "a" / "b"
    state = opened(folder)
    state.secret("api-key")
    state.write("x.yaml", "x: 1\n")
    assert mode_of(state.subfolder("data")) == 0o700
    state.close()
    assert mode_of(folder) == 0o700
    assert {mode_of(path) for path in folder.iterdir() if path.is_file()} == {0o600}
    assert (folder / "x.yaml").read_text() == "x: 1\n"


def test_an_open_folder_of_the_same_owner_is_closed_to_others(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "api-key").write_text("kept\n")
    (tmp_path / "api-key").chmod(0o644)
    state = opened(tmp_path)
    assert state.secret("api-key") == "kept"
    state.close()
    assert (mode_of(tmp_path), mode_of(tmp_path / "api-key")) == (0o700, 0o600)


def test_a_secret_is_kept_between_runs_and_has_256_bits(tmp_path):
    state = opened(tmp_path)
    first = state.secret("api-key")
    state.close()
    state = opened(tmp_path)
    assert state.secret("api-key") == first
    assert len(first) >= 43
    assert state.secret("admin-token") != first
    state.close()


def test_an_empty_secret_is_made_anew(tmp_path):
    (tmp_path / "api-key").write_text("\n")
    state = opened(tmp_path)
    assert len(state.secret("api-key")) >= 43
    state.close()


@pytest.mark.parametrize(
    ("content", "what"), [(b"\xff\xfe", "cannot be read"), ("schlüssel".encode(), "holds no key")]
)
def test_an_unreadable_secret_is_told_with_its_path(tmp_path, content, what):
    (tmp_path / "api-key").write_bytes(content)
    state = opened(tmp_path)
    with pytest.raises(StartFault, match=rf"api-key {what}.*delete it for a new one"):
        state.secret("api-key")
    state.close()


def test_the_default_folder_is_in_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_state({"TIDEGATE_STATE": ""}).close()
    assert (tmp_path / DEFAULT_FOLDER).is_dir()


def test_a_folder_that_cannot_be_made_is_told_with_the_cure(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StartFault, match=r"state folder .* cannot be written \(Not a directory\); set TIDEGATE"
    ):
        opened(tmp_path / "file" / "state")


def test_a_file_that_cannot_be_replaced_is_told(tmp_path):
    state = opened(tmp_path)
    (tmp_path / "gateway.yaml").mkdir()
    with pytest.raises(StartFault, match="cannot be written"):
        state.write("gateway.yaml", "")
    (tmp_path / "data").write_text("")
    with pytest.raises(StartFault, match="cannot be written"):
        state.subfolder("data")
    state.close()


def test_two_runs_do_not_share_a_folder(tmp_path):
    state = opened(tmp_path)
    with pytest.raises(StartFault, match="another `tidegate up` uses the state folder"):
        opened(tmp_path)
    state.close()
    opened(tmp_path).close()

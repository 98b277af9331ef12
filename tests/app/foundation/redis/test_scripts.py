from hashlib import sha1

from app.foundation.redis.scripts import load_script, load_scripts


def test_a_script_is_known_by_its_digest(tmp_path):
    (tmp_path / "one.lua").write_text("return 1")
    script = load_script(tmp_path / "one.lua")
    assert (script.name, script.text) == ("one", "return 1")
    assert script.sha == sha1(b"return 1", usedforsecurity=False).hexdigest()


def test_a_folder_gives_its_scripts_by_name(tmp_path):
    (tmp_path / "one.lua").write_text("return 1")
    (tmp_path / "two.lua").write_text("return 2")
    (tmp_path / "notes.txt").write_text("")
    assert sorted(load_scripts(tmp_path)) == ["one", "two"]

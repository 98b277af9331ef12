import os
import threading

import pytest

from app.config.check_inputs import inputs_of
from app.foundation.errors import ConfigFaults


def test_each_input_comes_once_in_the_order_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    for name in ("d/2.yaml", "d/1.yml", "d/readme.md", "x.json"):
        (tmp_path / name).touch()
    given = list(inputs_of(["x.json", "-", "d", "d/1.yml", "-", "gone"]))
    assert [one.name for one in given] == ["x.json", "<stdin>", "d/1.yml", "d/2.yaml", "gone"]


def test_every_folder_without_yaml_is_a_fault(tmp_path):
    with pytest.raises(ConfigFaults) as caught:
        inputs_of([str(tmp_path), str(tmp_path)])
    assert {fault.what for fault in caught.value.faults} == {"holds no .yaml or .yml file"}


def test_a_named_pipe_is_read_to_its_end(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("routes: []",))
    writer.start()
    (pipe,) = inputs_of([str(path)])
    assert pipe.read() == b"routes: []"
    writer.join()


def test_a_file_that_is_gone_is_a_fault_with_its_name(tmp_path):
    (gone,) = inputs_of([str(tmp_path / "gone")])
    with pytest.raises(ConfigFaults, match="gone: does not exist"):
        gone.read()

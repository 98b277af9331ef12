import io
import json
import logging

import pytest

from app.foundation.errors import ConfigFaults
from app.foundation.logs import configure_logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def stream(restored):
    return io.StringIO()


def test_a_record_is_one_json_line(stream):
    configure_logs("info", stream)
    logging.getLogger("app.x").warning("two\nlines of %s", "text")
    line = json.loads(stream.getvalue())
    assert (line["level"], line["logger"], line["message"]) == ("warning", "app.x", "two\nlines of text")
    assert line["ts"].endswith("Z")
    assert len(line["ts"]) == len("2026-01-01T00:00:00.000Z")


def test_extra_fields_stand_in_the_line(stream):
    configure_logs("info", stream)
    extra = {
        "sequence": 3,
        "ratio": 0.5,
        "ok": True,
        "none": None,
        "path": ("a", 1),
        "big": 2**80,
        "ts": "mine",
    }
    logging.getLogger("app.x").info("applied", extra=extra)
    line = json.loads(stream.getvalue())
    assert (line["sequence"], line["ratio"], line["ok"], line["none"]) == (3, 0.5, True, None)
    assert (line["path"], line["big"]) == ("('a', 1)", str(2**80))
    assert line["ts"] != "mine"


def test_an_exception_brings_its_trace(stream):
    logging.getLogger().handlers.clear()  # pytest's cannot report what is no text
    configure_logs("info", stream)
    try:
        raise ValueError("broken \udcff")
    except ValueError:
        logging.getLogger("app.x").exception("failed \udcff")
    line = json.loads(stream.getvalue())
    assert "ValueError: broken ?" in line["trace"]
    assert line["message"] == "failed ?"


def test_a_terminal_gets_plain_lines(restored):
    stream = Terminal()
    configure_logs("info", stream)
    logging.getLogger("app.x").info("ready")
    assert stream.getvalue().endswith("INFO    ready\n")
    assert not stream.getvalue().startswith("{")


def test_records_under_the_level_are_silent(stream):
    configure_logs("WARNING", stream)
    logging.getLogger("app.x").info("silent")
    assert stream.getvalue() == ""


def test_third_parties_speak_from_warning_up(stream):
    configure_logs("debug", stream)
    for name in ("uvicorn.error", "uvicorn.access", "httpx"):
        logging.getLogger(name).info("chatter")
    logging.getLogger("uvicorn.error").warning("trouble")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["trouble"]


def test_a_second_set_up_replaces_the_first(stream):
    configure_logs("info", stream)
    second = io.StringIO()
    configure_logs("info", second)
    logging.getLogger("app.x").info("once")
    assert stream.getvalue() == ""
    assert second.getvalue().count("once") == 1


def test_stderr_is_the_default(restored, capsys):
    configure_logs()
    logging.getLogger("app.x").info("here")
    assert json.loads(capsys.readouterr().err)["message"] == "here"


def test_an_unknown_level_is_a_fault_that_names_the_levels(restored):
    with pytest.raises(ConfigFaults, match="'loud' is not known; use one of debug, info, warning, error"):
        configure_logs("loud")

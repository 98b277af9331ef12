import io
import json

from app.demo.output import Output


class Pipe(io.BytesIO):
    """A stdout whose reader may leave."""

    broken = False

    def flush(self):
        if self.broken:
            raise BrokenPipeError


def test_lines_are_written_at_once_until_the_reader_is_gone(monkeypatch):
    pipe, gone = Pipe(), []
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(pipe))
    output = Output(["a"], lambda: gone.append(1))
    output.write(b"one\n")
    assert (pipe.getvalue(), gone) == (b"one\n", [])
    pipe.broken = True
    output.write(b"two\n")
    output.write(b"three\n")
    assert (pipe.getvalue(), gone) == (b"one\ntwo\n", [1])
    pipe.broken = False


def test_every_line_comes_after_the_name_of_its_part(monkeypatch):
    pipe = Pipe()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(pipe))
    output = Output(["cache", "gateway"], lambda: None)
    assert output.look("cache")(b'{"a":1}') == b'cache   | {"a":1}'
    output.log("starting")
    name, _, line = pipe.getvalue().partition(b" | ")
    assert (name, json.loads(line)["message"], line[-1:]) == (b"up     ", "starting", b"\n")


def test_on_a_terminal_records_are_plain_text(monkeypatch):
    class Terminal(io.TextIOWrapper):
        def isatty(self):
            return True

    pipe = Pipe()
    monkeypatch.setattr("sys.stdout", Terminal(pipe))
    Output([], lambda: None).log("starting")
    assert pipe.getvalue().startswith(b"up | ")
    assert pipe.getvalue().endswith(b" INFO    starting\n")

import subprocess
import sys

import pytest

from app.foundation.host_name import asked_name


@pytest.mark.parametrize(
    ("host", "asked"),
    [("localhost", b"localhost"), ("::1", b"::1"), ("", b""), ("bücher.example", "bücher.example")],
)
def test_ascii_is_asked_for_as_it_is(host, asked):
    assert asked_name(host) == asked


def test_the_tables_of_international_names_are_not_loaded_for_it():
    code = (
        "import socket, sys; from app.foundation.host_name import asked_name;"
        "socket.getaddrinfo(asked_name('127.0.0.1'), 1); print('stringprep' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]

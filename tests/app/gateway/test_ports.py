import pytest

from app.foundation.errors import StartFault
from app.gateway.ports import Port


def test_its_number_is_known_once_it_is_open():
    port = Port("127.0.0.1", 0, "PORT")
    assert port.number == 0
    with port.open() as listener:
        assert port.number == listener.getsockname()[1] > 0


def test_one_that_is_in_use_names_its_variable():
    with Port("127.0.0.1", 0, "PORT").open() as listener:
        used = Port("127.0.0.1", listener.getsockname()[1], "ADMIN_PORT")
        with pytest.raises(StartFault, match="ADMIN_PORT"):
            used.open()
        assert used.number == 0


def test_one_that_is_shared_has_a_socket_for_each():
    port = Port("127.0.0.1", 0, "PORT")
    sockets = port.open_shared(3)
    assert {each.getsockname()[1] for each in sockets} == {port.number}
    assert len(sockets) == 3
    for each in sockets:
        each.close()

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

import pytest

from app.foundation.errors import StartFault
from app.operator.serving.admin_api import AdminApi
from app.operator.serving.ports import ADMIN_BOUNDS, OpenPorts, Port
from tests.app.operator.serving.test_admin_api import FakeView
from tests.fakes.client import RawClient

FREE = Port("ADMIN_PORT", "127.0.0.1", 0, ADMIN_BOUNDS)
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_port_serves_until_it_is_closed():
    ports = OpenPorts()
    number = await ports.open(AdminApi(FakeView()), FREE)
    async with RawClient(number) as client:
        await client.send(LIVEZ)
        assert (await client.read_response()).status == 200
    await ports.close()
    with pytest.raises(OSError, match=str(number)):
        await RawClient(number).connect()


async def test_a_port_in_use_is_named_by_its_variable():
    ports = OpenPorts()
    number = await ports.open(AdminApi(FakeView()), FREE)
    with pytest.raises(StartFault, match=f"ADMIN_PORT: 127.0.0.1:{number} cannot be opened"):
        await ports.open(AdminApi(FakeView()), Port("ADMIN_PORT", "127.0.0.1", number, ADMIN_BOUNDS))
    await ports.close()


async def test_several_ports_are_closed_together():
    ports = OpenPorts()
    numbers = [await ports.open(AdminApi(FakeView()), FREE) for _ in range(2)]
    await ports.close()
    for number in numbers:
        with pytest.raises(OSError, match=str(number)):
            await RawClient(number).connect()

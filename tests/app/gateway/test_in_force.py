from dataclasses import replace

from app.gateway.in_force import InForce
from tests.fakes.proxy import context_of


async def test_the_data_paths_context_is_what_is_in_force():
    context = context_of("")
    in_force: InForce = context
    in_force.settings = replace(in_force.settings, admin_token="another")
    assert context.settings.admin_token == "another"

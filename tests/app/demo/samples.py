"""A plan of a run with inner ports 1, 2 and 3, for the tests of what is written from it."""

from pathlib import Path

from app.demo.plan import Plan
from app.settings import load_settings


def plan(**env: str) -> Plan:
    """As `up` makes it with the variables `env`."""
    settings = load_settings({"HOST": "127.0.0.1", **env})
    own = set(env)
    return Plan(settings, Path("st"), "the-key", "API_KEY" in own, "tok", "ADMIN_TOKEN" in own, 1, 2, 3)

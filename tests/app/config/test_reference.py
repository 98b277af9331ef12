from app.config.parsing.keys import KEY
from app.config.parsing.listeners import CERTIFICATE, LISTENER
from app.config.parsing.routes import ROUTE
from app.config.parsing.upstreams import UPSTREAM
from app.config.reference import config_reference_markdown


def test_every_key_that_is_read_is_on_the_page():
    page = config_reference_markdown()
    keys = [*UPSTREAM.keys, *ROUTE.keys, *LISTENER.keys, *CERTIFICATE.keys, *KEY.keys]
    assert [key for key in keys if f"| `{key}`" not in page and f"| `{key}[]`" not in page] == []


def test_bounds_and_defaults_are_those_of_the_reader():
    page = config_reference_markdown()
    assert "| `healthCheck.interval` | duration from 100ms to 1h | `3s` |" in page
    assert "| `auth` | `key`, `none` | `key` |" in page
    assert "| `cors.allowCredentials` | `true`, `false` | `false` |" in page


def test_what_cannot_stand_together_is_listed():
    assert "- `routes[].rewrite`: path and prefix must not stand together\n" in config_reference_markdown()

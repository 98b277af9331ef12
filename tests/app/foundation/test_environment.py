"""One suite for what the gateway, the operator and the cache service read from their environments."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from app.foundation.environment import EnvironmentReader, Variable, variables_table_markdown
from app.foundation.errors import ConfigFaults
from app.foundation.readers import secret, short_secret, text, whole_number
from app.operator import settings as operator
from app.settings import load_settings, settings_table_markdown
from app.variables import VARIABLES as GATEWAY
from cache import settings as cache

NUMBER = Variable("NUMBER", "7", "a number", whole_number(0, 9))
KEY = Variable("KEY", None, "a secret", secret, short_secret)
KEY_FILE = Variable("KEY_FILE", None, "file that holds it", text)


@dataclass(frozen=True)
class Service:
    """What a service brings: its list of variables, its loader (with its warnings), its table."""

    variables: tuple[Variable[object], ...]
    load: Callable[[Mapping[str, str]], tuple[str, ...]]
    table: Callable[[], str]
    duration: str | None
    misspelt: tuple[str, str]


SERVICES = {
    "gateway": Service(
        GATEWAY,
        lambda env: load_settings(env).warnings,
        settings_table_markdown,
        "DRAIN_DELAY",
        ("HEADER_TIMOUT", "HEADER_TIMEOUT"),
    ),
    "operator": Service(
        operator.VARIABLES,
        lambda env: operator.load_operator_settings(env).warnings,
        operator.operator_settings_table_markdown,
        None,
        ("SNAPSHOT_CONFIG_MAP", "SNAPSHOT_CONFIGMAP"),
    ),
    "cache": Service(
        cache.VARIABLES,
        lambda env: cache.settings_of(env).warnings,
        cache.cache_settings_table_markdown,
        "DRAIN_DELAY",
        ("CACHE_MAX_BYTE", "CACHE_MAX_BYTES"),
    ),
}
every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))


class Recorder(Mapping[str, str]):
    """An empty environment that records which names are looked up."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@every_service
def test_every_variable_of_the_list_is_read_and_no_other(service):
    env = Recorder()
    service.load(env)
    assert env.names == {variable.name for variable in service.variables}


@every_service
def test_every_default_can_be_read(service):
    for variable in service.variables:
        assert variable.default is None or variable.read(variable.default) is not None


@every_service
def test_empty_variables_count_as_unset_and_nothing_is_warned_of(service):
    assert service.load({variable.name: "" for variable in service.variables}) == ()


@every_service
def test_all_faults_come_at_once_and_name_variable_and_cure(service):
    numbers = [variable.name for variable in service.variables if variable.name.endswith("PORT")]
    with pytest.raises(ConfigFaults) as caught:
        service.load(dict.fromkeys(numbers, "http"))
    assert sorted(fault.path for fault in caught.value.faults) == sorted(numbers)
    assert all("write a whole number" in fault.fix for fault in caught.value.faults)


@every_service
def test_durations_have_one_dialect(service):
    if service.duration is None:
        pytest.skip("has no duration")
    for good in ("0", "5", "250ms", "1m30s", "1.5s"):
        assert service.load({service.duration: good}) == ()
    for bad in ("1d", "5 s", "-1s", "soon"):
        with pytest.raises(ConfigFaults, match="is not a duration; write it like 250ms, 10s or 1h30m"):
            service.load({service.duration: bad})


@pytest.mark.parametrize(("service", "name"), [("gateway", "MAX_HEAD_BYTES"), ("cache", "CACHE_MAX_BYTES")])
def test_sizes_have_one_dialect(service, name):
    for good in ("8Mi", "8388608"):
        assert SERVICES[service].load({name: good}) == ()
    with pytest.raises(ConfigFaults, match=f"{name}: '64M' is not a size; write 64Mi"):
        SERVICES[service].load({name: "64M"})


@every_service
def test_a_misspelt_variable_is_warned_of(service):
    name, meant = service.misspelt
    warning = f"{name}: is not a variable of this program; did you mean {meant}?"
    assert service.load({name: "1", "PATH": "/bin", "HOME": "/"}) == (warning,)


@every_service
def test_the_table_has_a_row_for_each_variable(service):
    lines = service.table().splitlines()
    assert lines[:2] == ["| variable | default | meaning |", "|---|---|---|"]
    assert [line.split("`")[1] for line in lines[2:]] == [variable.name for variable in service.variables]
    assert all(line.replace(r"\|", "").count("|") == 4 for line in lines)


@pytest.mark.parametrize(
    ("service", "name"),
    [("gateway", name) for name in ("API_KEY", "ADMIN_TOKEN", "REDIS_URL", "KEY_PEPPER")]
    + [("cache", name) for name in ("REDIS_URL", "CACHE_TOKEN")],
)
def test_a_secret_may_stand_in_a_file_but_not_beside_its_variable(service, name, tmp_path):
    file = tmp_path / "secret"
    file.write_text("redis://:0123456789@host\n" if "URL" in name else "0123456789abcdef\n")
    load = SERVICES[service].load
    assert load({f"{name}_FILE": str(file)}) == ()
    with pytest.raises(ConfigFaults, match=f"{name}_FILE: is set beside {name}; set one of the two"):
        load({f"{name}_FILE": str(file), name: file.read_text().strip()})
    file.write_text("")
    with pytest.raises(ConfigFaults, match=f"{name}_FILE: .* is empty or larger than 64Ki"):
        load({f"{name}_FILE": str(file)})
    with pytest.raises(ConfigFaults, match=f"{name}_FILE: .* cannot be read: No such file"):
        load({f"{name}_FILE": str(tmp_path / "none")})


def test_a_short_secret_is_warned_of_wherever_it_stands_and_never_shown(tmp_path):
    file = tmp_path / "secret"
    file.write_text("hunter2")
    for env in ({"KEY": "hunter2"}, {"KEY_FILE": str(file)}):
        reader = EnvironmentReader(env)
        assert reader.secret(KEY, KEY_FILE) == "hunter2"
        (warning,) = reader.finish()
        assert warning.startswith("KEY: has 7 characters and can be guessed; use 16 or more")
        assert "hunter2" not in warning


def test_the_gateway_warns_of_a_short_api_key_only():
    (warning,) = load_settings({"API_KEY": "hunter2", "ADMIN_TOKEN": "t" * 16}).warnings
    assert warning.startswith("API_KEY: has 7 characters")
    assert load_settings({"API_KEY": "k" * 16}).warnings == ()


def test_a_fault_leaves_the_default_so_that_reading_goes_on():
    reader = EnvironmentReader({"NUMBER": "70"})
    assert reader.required(NUMBER) == 7
    with pytest.raises(ConfigFaults, match="NUMBER: '70' cannot be used; write a whole number from 0 to 9"):
        reader.finish()


def test_a_required_variable_without_a_default_is_a_mistake_of_the_list():
    with pytest.raises(TypeError, match="KEY has no default"):
        EnvironmentReader({}).required(KEY)


def test_a_secret_in_a_file_that_cannot_be_used_names_the_file_and_not_the_secret(tmp_path):
    file = tmp_path / "secret"
    file.write_text("hunter2 hunter2")
    reader = EnvironmentReader({"KEY_FILE": str(file)})
    assert reader.secret(KEY, KEY_FILE) is None
    with pytest.raises(ConfigFaults) as caught:
        reader.finish()
    assert f"KEY_FILE: '{file}' holds a space" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_table_shows_defaults_as_code_and_what_is_unset():
    assert variables_table_markdown([NUMBER, KEY]).splitlines()[2:] == [
        "| `NUMBER` | `7` | a number |",
        "| `KEY` | unset | a secret |",
    ]

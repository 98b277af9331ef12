"""The compose files and what they mount, without an engine: restricted, documented, complete."""

import re

import pytest
import yaml

from tests.fakes.process import ROOT

FILES = {name: (ROOT / name).read_text() for name in ("compose.yaml", "compose.tls.yaml")}
SERVICES = yaml.safe_load(FILES["compose.yaml"])["services"]
EXAMPLE = (ROOT / ".env.example").read_text()
every_service = pytest.mark.parametrize("name", SERVICES)


@every_service
def test_a_service_is_restricted_bounded_and_checked(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].split(":")[0] not in ("0", "root")
    assert service["restart"] == "unless-stopped"
    assert {"mem_limit", "cpus", "pids_limit", "healthcheck"} <= service.keys()
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@every_service
def test_an_image_is_one_version_and_never_the_latest(name):
    image = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", SERVICES[name]["image"])
    _, _, tag = image.rpartition(":")
    assert re.fullmatch(r"local|v?\d+(\.\d+)+(-alpine)?", tag)


@every_service
def test_what_is_mounted_from_here_is_here_and_not_changed_there(name):
    for volume in SERVICES[name].get("volumes", []):
        source, _, rest = volume.partition(":")
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert rest.endswith(":ro")


def test_every_variable_has_its_line_in_the_example_and_no_other_stands_there():
    used = {name for text in FILES.values() for name in re.findall(r"\$\{(\w+)", text)}
    assert set(re.findall(r"^#(\w+)=", EXAMPLE, re.MULTILINE)) == used


def test_the_defaults_of_the_example_are_those_in_force():
    told = dict(re.findall(r"^#(\w+)=(.+)$", EXAMPLE, re.MULTILINE))
    used = dict(re.findall(r"\$\{(\w+):-([^}]+)\}", "".join(FILES.values())))
    secret = {"API_KEY"}  # its default is no example to follow
    assert {name: used[name] for name in used.keys() - secret} == {
        name: told.get(name) for name in used.keys() - secret
    }


def test_grafana_is_of_the_line_that_the_dashboards_are_built_for():
    line = re.search(r"grafana-foundation-sdk==\d+!(\d+\.\d+)\.", (ROOT / "pyproject.toml").read_text())
    assert line
    assert SERVICES["grafana"]["image"].startswith(f"grafana/grafana:{line[1]}.")


def test_grafana_finds_its_data_source_and_dashboards_where_they_are_mounted():
    folder = ROOT / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "tidegate.yaml").read_text())["providers"]
    assert source["url"] == "http://prometheus:9090"
    mounts = dict(volume.split(":")[:2][::-1] for volume in SERVICES["grafana"]["volumes"])
    assert mounts[provider["options"]["path"]] == "./grafana"
    assert mounts["/etc/grafana/provisioning"] == "./grafana/provisioning"


def test_prometheus_scrapes_the_ports_that_the_services_listen_on_and_reads_the_mounted_rules():
    config = yaml.safe_load((ROOT / "grafana" / "prometheus.yaml").read_text())
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    for job, service in (("tidegate-gateway", "gateway"), ("tidegate-cache", "cache")):
        (port,) = re.findall(r"127\.0\.0\.1:(\d+)", str(SERVICES[service]["healthcheck"]["test"]))
        assert jobs[job] == [f"{service}:{port}"]
    mounts = dict(volume.split(":")[:2][::-1] for volume in SERVICES["prometheus"]["volumes"])
    (rules,) = config["rule_files"]
    assert mounts[rules.removesuffix("/*.yaml")] == "./grafana/rules"


@every_service
def test_a_health_check_is_understood_by_podman_as_well(name):
    kind, *words = SERVICES[name]["healthcheck"]["test"]
    assert kind == "CMD-SHELL" or not [word for word in words if " " in word]

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from app.foundation.errors import ConfigFaults
from app.foundation.otel.settings import OtelSettings, Sampler, missing_extra, parse_otel

BASE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def faults(**environ: str):
    with pytest.raises(ConfigFaults) as caught:
        parse_otel({**BASE, **environ})
    return [str(fault) for fault in caught.value.faults]


def test_tracing_is_off_without_an_endpoint_and_where_it_is_disabled():
    assert parse_otel({}) is None
    assert parse_otel({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}) is None
    assert parse_otel({**BASE, "OTEL_SDK_DISABLED": "True"}) is None


def test_the_endpoint_alone_samples_everything():
    assert parse_otel(BASE) == OtelSettings(
        "http://collector:4318/v1/traces", (), 10.0, None, Sampler(follows_parent=True, ratio=1.0)
    )


def test_the_endpoint_for_traces_wins_and_is_taken_as_it_is():
    settings = parse_otel({**BASE, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces/in"})
    assert settings is not None
    assert settings.url == "https://traces/in"


def test_headers_timeout_and_certificate_are_read():
    settings = parse_otel({
        **BASE,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a%20b, x_key=1",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
    })  # fmt: skip
    assert settings is not None
    assert settings.headers == (("x-tenant", "a b"), ("x_key", "1"))
    assert (settings.timeout_s, settings.ca_file) == (2.5, "/ca.pem")


@pytest.mark.parametrize(
    ("name", "argument", "sampler"),
    [
        ("always_on", "", Sampler(False, 1.0)),
        ("always_off", "", Sampler(False, 0.0)),
        ("parentbased_always_on", "", Sampler(True, 1.0)),
        ("parentbased_always_off", "", Sampler(True, 0.0)),
        ("traceidratio", "0.25", Sampler(False, 0.25)),
        ("parentbased_traceidratio", "0.25", Sampler(True, 0.25)),
        ("", "0.25", Sampler(True, 0.25)),
    ],
)
def test_every_standard_sampler_is_known(name, argument, sampler):
    settings = parse_otel({**BASE, "OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument})
    assert settings is not None
    assert settings.sampler == sampler


def test_every_fault_is_reported_with_its_cure():
    found = faults(
        OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_TIMEOUT="soon",
        OTEL_TRACES_SAMPLER="some",
        OTEL_TRACES_SAMPLER_ARG="2",
    )
    assert found == [
        "OTEL_EXPORTER_OTLP_ENDPOINT: is not an http or https URL; write it like http://collector:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' is not supported; "
        "use http/protobuf and the collector's HTTP port (4318)",
        "OTEL_EXPORTER_OTLP_TIMEOUT: 'soon' is out of bounds; use a number from 1 to 600000",
        "OTEL_TRACES_SAMPLER: 'some' is unknown; use one of always_on, always_off, parentbased_always_on, "
        "parentbased_always_off, traceidratio, parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG: '2' is out of bounds; use a number from 0 to 1",
    ]


@pytest.mark.parametrize("url", ["http://c:port", "http://c:99999", "http://[::1", "http://", "ftp://c", "c"])
def test_an_endpoint_that_is_no_url_is_a_fault(url):
    assert (
        "OTEL_EXPORTER_OTLP_ENDPOINT: is not an http or https URL"
        in faults(OTEL_EXPORTER_OTLP_ENDPOINT=url)[0]
    )


@pytest.mark.parametrize("headers", ["hush", "a b=hush", "=hush", "x=hush%0d%0ay: 1", "x=hush%C3%A9"])
def test_a_faulty_header_is_named_by_its_number_and_never_shown(headers):
    (fault,) = faults(OTEL_EXPORTER_OTLP_HEADERS=headers)
    assert fault.startswith("OTEL_EXPORTER_OTLP_HEADERS[1]: is not a header")
    assert "hush" not in fault


@given(st.integers(1, 2**128 - 1), st.floats(0, 1))
def test_the_ratio_decides_as_the_sdk_does(trace_id, ratio):
    mine = Sampler(follows_parent=False, ratio=ratio).samples(b"%032x" % trace_id, None)
    bound = TraceIdRatioBased.get_bound_for_rate(ratio)
    assert mine == ((trace_id & (2**64 - 1)) < bound) or abs((trace_id & (2**64 - 1)) - bound) <= 1


def test_the_form_for_traces_wins():
    settings = parse_otel(
        {
            **BASE,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "500",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        }
    )
    assert settings is not None
    assert (settings.timeout_s, settings.headers) == (0.5, (("b", "2"),))
    assert faults(OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="0")[0].startswith("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: ")


def test_headers_stay_out_of_what_is_printed():
    settings = parse_otel({**BASE, "OTEL_EXPORTER_OTLP_HEADERS": "x=hush"})
    assert "hush" not in repr(settings)


def test_a_missing_package_says_how_to_install_it():
    text = str(missing_extra(ImportError(name="requests")))
    assert text == (
        "OTEL_EXPORTER_OTLP_ENDPOINT: is set but requests is not installed; "
        'pip install "tidegate[otel]", or unset it'
    )

import orjson

from app.foundation.key_pair import KeyPair
from app.gateway.link.port_messages import PortReport, certificates_of, certificates_said


def sent(body):
    return orjson.loads(orjson.dumps(body))


def test_a_report_of_ports_comes_as_it_was_sent():
    report = PortReport(frozenset({20002, 20001}), {20003: "in use"})
    assert PortReport.of(sent(report.said())) == report
    assert report.said()[0] == [20001, 20002]


def test_certificates_come_as_they_were_sent():
    pair = KeyPair(b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN PRIVATE KEY-----\n")
    body = sent(certificates_said({"secret/shop/cert": pair}, {"b", "a"}))
    assert certificates_of(body) == ({"secret/shop/cert": pair}, ["a", "b"])

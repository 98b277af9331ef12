"""h2spec, the conformance suite of HTTP/2, on a running gateway: over TLS and in clear."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.fakes.process import ROOT
from tests.interop.conftest import GO_MODULE, output_of
from tests.interop.test_clients import needed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TESTS = 145
MOST_EXCUSED = 9
TIMEOUT_S = 5

_FORGOTTEN = (
    "libnghttp2 keeps nothing of a closed stream, so what comes for it late, which RFC 9113 §5.1 lets an endpoint"
    " ignore, is ignored for ever"
)
_PRIORITY = "libnghttp2 reads nothing of PRIORITY frames, which RFC 9113 §5.3.2 deprecates"
EXCUSED = {
    ("http2/5.1", "closed: Sends a DATA frame after sending RST_STREAM frame"): _FORGOTTEN,
    ("http2/5.1", "closed: Sends a HEADERS frame after sending RST_STREAM frame"): _FORGOTTEN,
    ("http2/5.1", "closed: Sends a DATA frame"): _FORGOTTEN,
    ("http2/5.1", "closed: Sends a HEADERS frame"): _FORGOTTEN,
    ("http2/5.1.1", "Sends stream identifier that is numerically smaller than previous"): _FORGOTTEN,
    ("http2/5.3.1", "Sends PRIORITY frame that depend on itself"): _PRIORITY,
    ("http2/6.3", "Sends a PRIORITY frame with 0x0 stream identifier"): _PRIORITY,
    (
        "http2/6.9.1",
        "Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream",
    ): "libnghttp2 ends the connection with FLOW_CONTROL_ERROR, where ending the stream is enough",
}
"""Each test that libnghttp2 decides otherwise by design, and why; docs/http2.md lists them."""
EXCUSED_IN_CLEAR = {
    (
        "http2/3.5",
        "Sends invalid connection preface",
    ): "the port speaks HTTP/1.1, too, whose response to it is 400",
}


async def built(folder: Path) -> Path:
    program = folder / "h2spec"
    module = "github.com/summerwind/h2spec/cmd/h2spec"
    await output_of(needed("go", "golang-go"), "build", "-o", program, module, cwd=GO_MODULE)
    return program


def failures(report: Path) -> tuple[int, set[tuple[str, str]]]:
    """How many tests there were, and which of them did not hold."""
    cases = ElementTree.parse(report).getroot().findall("testsuite/testcase")  # noqa: S314 - written a line above
    return len(cases), {(case.attrib["package"], case.attrib["classname"]) for case in cases if len(case) > 0}


async def test_every_test_holds_but_those_that_the_library_decides_otherwise(served, tmp_path):
    report = tmp_path / "report.xml"
    more = ["-t", "-k"] if served.url.startswith("https") else []
    program = await built(tmp_path)
    path = "/later/1000"  # with a body, and not over before the second frame of a test is there
    command = [
        program,
        "-h",
        "127.0.0.1",
        "-p",
        served.port,
        "-P",
        path,
        "-o",
        TIMEOUT_S,
        "-j",
        report,
        *more,
    ]
    printed = await output_of(*command, may_fail=True)
    count, failed = failures(report)
    assert count == TESTS
    excused = {*EXCUSED} if more else {*EXCUSED, *EXCUSED_IN_CLEAR}
    assert failed - excused == set(), printed


def test_the_excuses_are_few_and_the_documents_name_each():
    excused = {**EXCUSED, **EXCUSED_IN_CLEAR}
    assert len(excused) <= MOST_EXCUSED
    page = (ROOT / "docs" / "http2.md").read_text()
    assert [title for _, title in excused if title not in page] == []

import os
import subprocess
import sys

from app.cli.fault_report import exit_code, report
from app.foundation.errors import ConfigFault, ConfigFaults, StartFault
from tests.fakes.process import ROOT


def fails(fault: BaseException) -> int:
    raise fault


def test_a_command_gives_its_own_exit_code():
    assert exit_code(lambda: 7) == 7


def test_configuration_faults_are_a_line_each_and_exit_2(capsys):
    faults = ConfigFaults(
        [ConfigFault("a.yaml:3", "is\nbad", "fix it"), ConfigFault("PORT", "is 'x'", "use 1")]
    )
    assert exit_code(lambda: fails(faults)) == 2
    assert capsys.readouterr() == ("", "error: a.yaml:3: is bad; fix it\nerror: PORT: is 'x'; use 1\n")


def test_the_machines_no_is_one_line_and_exit_1(capsys):
    assert exit_code(lambda: fails(StartFault("port 8080 is taken"))) == 1
    assert capsys.readouterr().err == "error: port 8080 is taken\n"


def test_ctrl_c_is_exit_130_without_a_word(capsys):
    assert exit_code(lambda: fails(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ("", "")


def test_what_is_told_stays_on_its_line(capsys):
    report("a\x1b[2J\r\nb")
    assert capsys.readouterr().err == "a [2J  b\n"


def test_a_reader_that_goes_away_leaves_no_traceback():
    code = (
        "import sys; from app.cli.fault_report import exit_code\n"
        "def write():\n    while True: sys.stdout.write('x' * 65536)\n"
        "sys.exit(exit_code(write))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    with child:
        assert child.stdout is not None
        child.stdout.read(10)
        child.stdout.close()
        assert child.stderr is not None
        assert child.stderr.read() == b""
        assert child.wait(10) == 1

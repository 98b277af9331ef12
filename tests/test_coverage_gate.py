from tests.coverage_gate import faults, pure_files


def report(whole, **files):
    return {
        "totals": {"percent_covered": whole},
        "files": {
            name: {
                "summary": {"percent_covered": percent},
                "missing_lines": lines,
                "missing_branches": branches,
            }
            for name, (percent, lines, branches) in files.items()
        },
    }


def test_a_whole_report_passes():
    assert faults(report(95.0, pure=(100.0, [], []), door=(50.0, [1], [])), ["pure"]) == []


def test_a_line_missing_in_a_pure_module_is_named():
    (fault,) = faults(report(99.0, pure=(99.9, [3, 4, 5, 9], [[7, -1], [7, 8]])), ["pure"])
    assert fault.endswith("missing 3-5, 9, 7->exit, 7->8")


def test_a_pure_module_that_nobody_ran_fails():
    assert faults(report(99.0), ["pure"]) == ["pure: not measured; a pure module needs 100 %"]


def test_too_little_of_the_whole_fails_and_the_furthest_below_come_first():
    found = faults(report(94.99, good=(99.0, [1], []), bad=(10.0, [2], [])), [])
    assert found[0].startswith("the whole: 94.99 %, it needs 95 %")
    assert [line.split(":")[0].strip() for line in found[1:]] == ["bad", "good"]


def test_every_line_of_the_pure_list_still_names_a_file():
    assert "app/limits/gcra.py" in pure_files()

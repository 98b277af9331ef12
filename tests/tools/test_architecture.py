"""The drawing of the layers is that of the contracts, and says of each part what the part says of itself."""

import tomllib

from tools.architecture import first_sentence, layers_markdown
from tools.files import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def test_every_layer_of_every_contract_is_drawn_in_its_order():
    text = layers_markdown()
    layered = [contract for contract in CONTRACTS if contract["type"] == "layers"]
    for contract in layered:
        for container in contract["containers"]:
            section = text.partition(f"### `{container.replace('.', '/')}`\n")[2].partition("\n### ")[0]
            drawn = [line.strip("│ ") for line in section.splitlines() if line.startswith("│")]
            assert drawn == ["  │  ".join(map(str.strip, layer.split("|"))) for layer in contract["layers"]]


def test_every_part_says_what_it_is():
    rows = [line for line in layers_markdown().splitlines() if line.startswith("| `")]
    assert rows
    assert [row for row in rows if row.endswith("|  |")] == []


def test_a_sentence_may_go_over_lines_and_ends_before_the_next_one(tmp_path):
    (tmp_path / "part.py").write_text('"""Decides a | b\nover lines. More of it.\n\nDetails."""\n')
    assert first_sentence(tmp_path / "part") == "Decides a \\| b over lines."


def test_a_package_speaks_by_its_init(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text('"""One thing"""\n')
    assert first_sentence(tmp_path / "package") == "One thing"

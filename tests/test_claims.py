"""The tools that hold the notebooks to what they claim: bounds, other seeds, other kernels."""

import json
import re
import sys
from pathlib import Path

import nbformat
import pytest

from helpers import scoreboard

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import check_expected  # noqa: E402
import claims  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXPECTED = check_expected.read_expected()
BOUNDS = {"a": {"notebook": "03", "embedded": 0.7, "lead": 0.05, "real": 0.8, "real_lead": 0.0}}

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def result(score, baseline=0.6):
    return {"metric": "f1", "f1": score, "baseline_score": baseline}


@pytest.mark.parametrize(
    ("results", "tier", "notebooks", "words"),
    [
        ({"a": result(0.7)}, "embedded", None, None),
        ({"a": result(0.69)}, "embedded", None, "a: 0.690, wanted is 0.700 or more"),
        ({"a": result(0.7, 0.66)}, "embedded", None, "a lead of 0.050"),
        ({"a": result(0.7, None)}, "embedded", None, "a lead of 0.050"),
        ({"a": result(0.79)}, "real", None, "wanted is 0.800"),
        ({"a": result(0.8, 0.8)}, "real", None, None),
        ({}, "embedded", None, "notebook 03 left no result"),
        ({}, "embedded", ["04"], None),
        ({"a": result(0.9), "b": result(0.9)}, "embedded", ["03"], "b: no bound"),
    ],
)
def test_a_result_is_held_to_its_bound(results, tier, notebooks, words):
    found = check_expected.faults(results, BOUNDS, tier, notebooks)
    assert len(found) == (words is not None)
    assert words is None or words in found[0]


def test_without_a_bound_for_real_data_the_embedded_one_counts():
    bounds = {"a": {"notebook": "03", "embedded": 0.7}}
    assert check_expected.faults({"a": result(0.6)}, bounds, "real") == ["a: 0.600, wanted is 0.700 or more"]


def test_a_key_that_exists_on_real_data_alone_is_wanted_there_alone():
    bounds = {"a": {"notebook": "07", "real": 0.9, "real_lead": 0.1}}
    assert check_expected.faults({}, bounds, "embedded") == []
    assert check_expected.faults({"a": result(0.1)}, bounds, "embedded") == []
    assert check_expected.faults({}, bounds, "real") == ["a: notebook 07 left no result"]
    assert check_expected.faults({"a": result(0.95)}, bounds, "real") == []
    assert check_expected.faults({"a": result(0.8)}, bounds, "real") == ["a: 0.800, wanted is 0.900 or more"]


@pytest.mark.parametrize("key", EXPECTED)
def test_every_bound_belongs_to_a_notebook_that_adds_its_key(key):
    bounds = EXPECTED[key]
    assert bounds.keys() <= {"notebook", "embedded", "lead", "real", "real_lead"}
    assert all(0 < bounds[tier] < 1 for tier in ("embedded", "real") if tier in bounds)
    assert "embedded" in bounds or "real" in bounds
    (path,) = (ROOT / "notebooks").glob(f"{bounds['notebook']}_*.ipynb")
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    assert any("scoreboard.add(" in source for source in cells)


@each
def test_a_notebook_draws_all_chance_from_its_two_seeds(path):
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    source = "\n".join(cell.source for cell in cells)
    assert len(re.findall(r"seed_value=\d+", source)) == 1
    parameters = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(re.findall(r"^SEED = \d+", "\n".join(parameters), re.MULTILINE)) == 1
    fixed = re.findall(
        r"(?<!_)(?:seed|random_state)=\d+|(?:default_rng|set_random_seed|RandomState|Random)\(\d*\)", source
    )
    assert fixed == []


def test_another_seed_replaces_both_numbers_and_nothing_else():
    cell = nbformat.v4.new_code_cell("runtime.setup(seed_value=7)\nSEED = 3  # of all\nn = 7")
    text = nbformat.v4.new_markdown_cell("SEED = 3")
    changed = claims.with_seed(nbformat.v4.new_notebook(cells=[cell, text]), 101)
    assert changed.cells[0].source == "runtime.setup(seed_value=101)\nSEED = 101  # of all\nn = 7"
    assert changed.cells[1].source == "SEED = 3"


TRIAL = """
from helpers import runtime, scoreboard
runtime.setup(seed_value=0)
SEED = 0
scoreboard.add("trial", method="trial", data="none", score=SEED / 202, n_test=5)
assert SEED != 202, "not with this seed"
"""


@pytest.fixture
def trial(tmp_path, monkeypatch):
    """A notebook whose assert fails with one seed and whose result depends on it."""
    monkeypatch.setattr(claims, "FOLDER", tmp_path / "claims")
    monkeypatch.setattr(check_expected, "read_expected", lambda: {"trial": {"notebook": "03", "embedded": 0.4}})
    path = tmp_path / "03_trial.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TRIAL)]), path)
    return path


def test_claims_notices_a_cell_and_a_bound_and_does_not_repeat_what_passed(trial, capfd):
    failed = claims.run_all([trial], "seed_202", again=False)["03_trial"]["failures"]
    assert len(failed) == 1
    assert "not with this seed" in failed[0]
    passed = claims.run_all([trial], "seed_101", again=False)["03_trial"]
    assert passed["failures"] == []
    assert claims.run_all([trial], "seed_101", again=False)["03_trial"] == passed
    assert "passed before" in capfd.readouterr().out
    below = claims.run_all([trial], "kernels_avx2", again=False)["03_trial"]["failures"]
    assert below == ["trial: 0.000, wanted is 0.400 or more"]
    table = claims.table({"seed_202": {"03_trial": {"failures": failed}}, "x": {"03_trial": {"failures": []}}})
    assert "| 03_trial | 1 failed | ok |" in table


def test_the_fingerprint_reaches_the_helpers_of_the_helpers_and_no_others():
    found = {file.stem for file in claims.imported("from helpers.data import reviews\nimport numpy")}
    assert {"reviews", "runtime"} <= found
    assert not {"bottleneck", "classifier", "scoreboard"} & found
    lazily = claims.imported("from helpers.network import bottleneck")
    assert {"bottleneck", "backbones", "datasets", "photos"} <= {file.stem for file in lazily}


@pytest.mark.parametrize("changed", ["cell", "bound", "notebook 09"])
def test_the_fingerprint_follows_what_it_is_made_of(changed, tmp_path, monkeypatch):
    def write(name, source):
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), tmp_path / name)

    write("09_first.ipynb", "a = 1")
    write("10_second.ipynb", "b = 1")
    before = claims.fingerprint(tmp_path / "10_second.ipynb")
    if changed == "bound":
        monkeypatch.setattr(check_expected, "read_expected", lambda: {"k": {"notebook": "10", "embedded": 0.5}})
    else:
        write(*(("10_second.ipynb", "b = 2") if changed == "cell" else ("09_first.ipynb", "a = 2")))
    assert claims.fingerprint(tmp_path / "10_second.ipynb") != before


class TestDifference:
    def test_it_is_the_paired_t_interval(self):
        from scipy import stats

        a, b = [0.8, 0.9, 0.85, 0.7, 0.95], [0.7, 0.85, 0.8, 0.72, 0.9]
        found = scoreboard.difference(a, b)
        low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((low, high))
        assert found.excludes_zero == (low > 0)
        assert found.n == 5

    def test_what_is_steady_excludes_zero_and_what_is_not_does_not(self):
        assert scoreboard.difference([0.8, 0.81, 0.8, 0.82, 0.81], [0.7, 0.72, 0.7, 0.71, 0.71]).excludes_zero
        assert not scoreboard.difference([0.8, 0.6, 0.9, 0.7, 0.8], [0.7, 0.75, 0.8, 0.8, 0.7]).excludes_zero

    def test_equal_answers_do_not_prove_equality(self):
        same = scoreboard.difference([True] * 100, [True] * 100)
        assert (same.mean, same.low, same.high) == (0, -0.03, 0.03)

    def test_it_wants_pairs_and_at_least_five(self):
        with pytest.raises(ValueError, match=r"5 or more, got shapes \(4,\) and \(4,\)"):
            scoreboard.difference([1, 2, 3, 4], [1, 2, 3, 4])
        with pytest.raises(ValueError, match="equal length"):
            scoreboard.difference([1] * 6, [1] * 5)

    def test_it_reads_as_points(self):
        text = str(scoreboard.difference([0.8, 0.81, 0.8, 0.82, 0.81], [0.7, 0.72, 0.7, 0.71, 0.71]))
        assert re.fullmatch(r"\+10\.0 points \(95 % interval \+9\.\d to \+10\.\d\)", text)


def test_the_interval_of_a_mean_is_students():
    low, high = scoreboard.interval([0.7, 0.8, 0.9])
    assert (low, high) == pytest.approx((0.8 - 4.3027 * 0.1 / 3**0.5, 0.8 + 4.3027 * 0.1 / 3**0.5), abs=1e-4)


def test_json_of_a_result_is_what_the_check_reads(tmp_path):
    scoreboard.add("k", method="m", data="d", score=0.5, n_test=3)
    assert check_expected.faults(json.loads(scoreboard._path().read_text()), {}, "embedded") == [
        "k: no bound in expected.toml"
    ]

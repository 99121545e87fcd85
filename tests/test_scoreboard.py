import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers import runtime, scoreboard


def add(key="m", score=0.9, **more):
    scoreboard.add(key, method="Method", data="drawn animals", score=score, n_test=200, **more)


def test_an_entry_has_its_score_under_the_name_of_the_metric():
    add("frozen", 0.97, weights="file", cut="mixed8")
    entry = json.loads((runtime.build_dir() / "results.json").read_text())["frozen"]
    assert entry["test_accuracy"] == 0.97
    assert (entry["n_test"], entry["weights"], entry["cut"]) == (200, "file", "mixed8")


def test_the_same_key_replaces_and_others_stay():
    add("a", 0.1), add("b", 0.2), add("a", 0.3)
    assert {key: entry["test_accuracy"] for key, entry in scoreboard.read().items()} == {"a": 0.3, "b": 0.2}


def test_the_table_has_a_row_a_method_in_order():
    add("z", 0.5, target_labels=40, baseline="from scratch", baseline_score=0.4)
    add("a", 0.25, metric="correlation")
    table = scoreboard.table()
    assert list(table.index) == ["z", "a"]
    assert list(table["score"]) == [0.5, 0.25]
    assert table.loc["z", "baseline_score"] == 0.4


def test_an_empty_scoreboard_is_an_empty_table():
    assert scoreboard.table().empty


def test_a_percentage_is_refused():
    with pytest.raises(ValueError, match=r"score of m must lie between 0 and 1, got 97"):
        add(score=97)


def test_a_baseline_needs_its_score():
    with pytest.raises(ValueError, match="both baseline and baseline_score"):
        add(baseline="from scratch")


def test_of_several_scores_the_mean_and_its_interval_are_kept():
    add("seeds", [0.7, 0.8, 0.9], baseline="source only", baseline_score=[0.5, 0.6, 0.7])
    add("examples", [True] * 90 + [False] * 10)
    found = scoreboard.read()
    assert found["seeds"]["test_accuracy"] == pytest.approx(0.8)
    assert found["seeds"]["baseline_score"] == pytest.approx(0.6)
    assert found["seeds"]["interval"] == pytest.approx(scoreboard.interval([0.7, 0.8, 0.9]))
    assert found["seeds"]["interval_over"] == "3 runs"
    assert found["examples"]["interval_over"] == "test examples"
    assert found["examples"]["interval"] == pytest.approx([0.8256, 0.9448], abs=1e-4)  # Wilson's
    add("one", 0.5)
    assert "interval" not in scoreboard.read()["one"]


@pytest.mark.parametrize("score", [[0.5], [True]])
def test_one_score_has_no_interval(score):
    add("one", score)
    assert "interval" not in scoreboard.read()["one"]
    with pytest.raises(ValueError, match="needs two scores or more, got 1"):
        scoreboard.interval(score)


def test_show_puts_the_real_figure_beside_the_one_of_this_run(tmp_path, monkeypatch, capsys):
    add("a", [0.4, 0.5, 0.6], baseline="source only", baseline_score=0.45)
    add("b", 0.25, metric="F1")
    real = {"a": scoreboard.read()["a"] | {"data": "photographs", "date": "2026-01-02"}}
    monkeypatch.setattr(scoreboard, "REAL", tmp_path / "real.json")
    scoreboard.REAL.write_text(json.dumps(real), encoding="utf-8")
    scoreboard.show("a", "b")
    figure = "0.500 (0.252 to 0.748) on 200 test examples; source only: 0.450"
    unwrapped = capsys.readouterr().out.replace(f"\n{' ' * 13}", " ")
    assert unwrapped.splitlines() == [
        "Method",
        f"  this run:  {figure}; drawn animals",
        f"  real data: {figure}; photographs; measured 2026-01-02",
        "Method",
        "  this run:  0.250 F1 on 200 test examples; drawn animals",
    ]
    scoreboard.REAL.unlink()
    scoreboard.show("a")
    assert "real data" not in capsys.readouterr().out


def test_show_breaks_its_lines_between_words(capsys):
    data = "1,200 photographs of cats and dogs from cats_vs_dogs (train 800, validation 200, test 200)"
    scoreboard.add(
        "long", method="a name of many words, " * 6, data=data, score=0.9, n_test=200, baseline="b", baseline_score=0.5
    )
    scoreboard.show("long")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 88
    assert " ".join(" ".join(lines).split()) == (
        f"{'a name of many words, ' * 6}this run: 0.900 on 200 test examples; b: 0.500; {data}"
    )
    start = next(i for i, line in enumerate(lines) if line.startswith("  this run:  "))
    assert all(line.startswith(" " * 13) and line[13] != " " for line in lines[start + 1 :])


def test_concurrent_writers_lose_nothing():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, map(str, range(24))))
    assert len(scoreboard.read()) == 24

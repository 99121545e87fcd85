"""The made-up worlds: the same again with the same seed, and what is true in them is what was put in."""

import matplotlib
import numpy as np
import pytest

from helpers.data import worlds
from helpers.methods.relational import World, learn

matplotlib.use("Agg")


def film(seed=0, n=20, rate=worlds.TARGET_RATES):
    return list(worlds.groups(seed, n, worlds.IN_FILM, rate))


def test_the_facts_fit_the_schema_and_no_constant_is_in_two_groups():
    crews = film()
    World(worlds.FILM, set().union(*crews))  # raises if one does not fit
    constants = [{constant for _, *arguments in crew for constant in arguments} for crew in crews]
    assert len(set().union(*constants)) == sum(map(len, constants))
    university = set().union(*worlds.groups(0, 5, worlds.AT_UNIVERSITY, worlds.SOURCE_RATES))
    assert {name for name, *_ in university} == set(worlds.UNIVERSITY)


def test_the_seed_decides():
    assert film(3) == film(3)
    assert film(3) != film(4)
    assert film([3, 1], n=4) == film([3, 1], n=9)[:4]


def test_bonds_leave_the_traces_that_the_rates_say():
    shared, places = {True: [], False: []}, []
    for facts in film(n=300):
        bond = {a: m for name, a, *rest in facts if name == "workedFor" for m in rest}
        director = {w: p for name, w, *rest in facts if name == "movie" for p in rest if ("director", p) in facts}
        for work, master in director.items():
            for apprentice, own in bond.items():
                shared[own == master].append(("movie", work, apprentice) in facts)
        owner = {place: m for name, place, *rest in facts if name == "owns" for m in rest}
        places += [
            owner[place] == bond[a] for name, place, *rest in facts if name == "contract" for a in rest if a in bond
        ]
    assert np.mean(shared[True]) == pytest.approx(0.5, abs=0.03)
    assert np.mean(shared[False]) == pytest.approx(0.08, abs=0.02)
    assert np.mean(places) == pytest.approx(0.65 + 0.35 / 2.5, abs=0.04)  # by chance the own master, too


def test_the_analogy_holds_in_one_film_world_and_not_in_the_other():
    def best(rate):
        rules = learn(World(worlds.FILM, set().union(*film(rate=rate))), "workedFor", 3, 10, 0.4)
        return {name for name, *_ in rules[0].body}

    assert best(worlds.TARGET_RATES) & {"movie", "contract"}
    assert "friend" in best(worlds.FRIENDS_RATES)


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match=r"word must name .*; gives, takes is missing"):
        next(worlds.groups(0, 1, {r: r for r in worlds.ROLES[:4]}, worlds.SOURCE_RATES))
    with pytest.raises(ValueError, match="rate must name own, other, place; place is missing"):
        next(worlds.groups(0, 1, worlds.IN_FILM, {"own": 1, "other": 0}))


def test_a_drawing_has_a_mark_for_each_thing_and_a_line_for_each_pair():
    (facts,) = film(n=1)
    ax = worlds.draw_group(facts, worlds.IN_FILM)
    drawn = {f for f in facts if f[0] in worlds.IN_FILM.values()}
    things = {constant for _, *arguments in drawn for constant in arguments}
    assert len(ax.lines) == len(things) + sum(len(f) == 3 for f in drawn)
    assert {text.get_text() for text in ax.texts} >= {"director", "actor"}
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["workedFor", "movie", "owns", "contract"]
    assert worlds.draw_group(facts, worlds.IN_FILM, ax) is ax

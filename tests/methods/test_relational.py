"""Rules and mappings: against direct formulas, on random worlds, and on worlds with a known rule."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from helpers.methods.relational import Rule, World, gain, learn, mappings, predict, translate

SCHEMA = {"good": ("person",), "bond": ("person", "person"), "knows": ("person", "person"), "wrote": ("work", "person")}


def random_world(seed, people=9, works=7):
    """Each possible fact is one with some chance."""
    rng = np.random.default_rng(seed)
    constants = {"person": [f"p{i}" for i in range(people)], "work": [f"w{i}" for i in range(works)]}
    facts = set()
    for (name, types), chance in zip(SCHEMA.items(), (0.5, 0.2, 0.25, 0.35), strict=True):
        for arguments in itertools.product(*(constants[kind] for kind in types)):
            if len(set(arguments)) == len(arguments) and rng.random() < chance:
                facts.add((name, *arguments))
    return World(SCHEMA, facts)


def pairs_by_brute_force(world, body):
    """Try every assignment of different constants to x, y and z."""
    constants = sorted(set().union(*world.constants.values()))
    return {
        values[:2]
        for values in itertools.permutations(constants, 3)
        if all((name, *(values["xyz".index(v)] for v in variables)) in world.facts for name, *variables in body)
    }


BODIES = [
    (("knows", "x", "y"),),
    (("knows", "y", "x"), ("good", "y")),
    (("wrote", "z", "x"), ("wrote", "z", "y")),
    (("wrote", "z", "x"), ("wrote", "z", "y"), ("good", "y")),
    (("knows", "x", "z"), ("knows", "z", "y")),
    (("good", "x"), ("good", "y")),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("body", BODIES, ids=str)
def test_pairs_are_those_of_a_brute_force_search(seed, body):
    world = random_world(seed)
    expected = pairs_by_brute_force(world, body)
    assert world.pairs(body) == expected
    assert expected


@pytest.mark.parametrize("seed", range(3))
def test_support_and_confidence_are_those_of_merged_tables(seed):
    world = random_world(seed)
    tables = {
        name: pd.DataFrame([fact[1:] for fact in world.facts if fact[0] == name], columns=list("ab")[: len(types)])
        for name, types in SCHEMA.items()
    }
    rules = learn(world, "bond", min_support=2, min_confidence=0.0)
    assert len(rules) > 10
    for rule in rules:
        body = pd.DataFrame({"all": [0]})
        for name, *variables in rule.body:
            table = tables[name].set_axis(variables, axis=1).assign(all=0)
            body = body.merge(table, on=[column for column in body if column in table])
        used = [column for column in body if column != "all"]
        body = body[body[used].nunique(axis=1) == len(used)][["x", "y"]].drop_duplicates()
        assert rule.covered == len(body)
        assert rule.support == len(body.merge(tables["bond"].set_axis(["x", "y"], axis=1)))
        assert rule.confidence == pytest.approx(rule.support / rule.covered)


@pytest.mark.parametrize("seed", range(2))
def test_the_enumeration_finds_what_a_search_through_all_bodies_finds(seed):
    world = random_world(seed, people=6, works=4)
    kinds = {"x": {"person"}, "y": {"person"}, "z": {"person", "work"}}
    literals = [
        (name, *variables)
        for name, types in SCHEMA.items()
        if name != "bond"
        for variables in itertools.permutations("xyz", len(types))
        if all(kind in kinds[variable] for variable, kind in zip(variables, types, strict=True))
    ]
    found = {}
    for size in (1, 2, 3):
        for body in itertools.combinations(literals, size):
            used = [variable for _, *variables in body for variable in variables]
            pairs = pairs_by_brute_force(world, body) if {"x", "y"} <= set(used) and used.count("z") != 1 else set()
            support = sum(("bond", *pair) in world.facts for pair in pairs)
            if support >= 1:
                found[frozenset(body)] = support, len(pairs)
    confidence = {body: support / covered for body, (support, covered) in found.items() if support / covered >= 0.2}
    expected = {
        body: found[body]
        for body in confidence
        if not any(part < body and confidence[part] >= confidence[body] for part in confidence)
    }
    rules = learn(world, "bond", max_body=3, min_support=1, min_confidence=0.2)
    assert {frozenset(rule.body): (rule.support, rule.covered) for rule in rules} == expected
    assert len(rules) > 3
    confidences = [rule.confidence for rule in rules]
    assert confidences == sorted(confidences, reverse=True)


def test_a_planted_rule_is_recovered_with_its_confidence():
    """Of 20 authors of a common work, 15 have the bond; the rest is noise."""
    facts = set()
    for i in range(20):
        facts |= {("wrote", f"w{i}", f"a{i}"), ("wrote", f"w{i}", f"b{i}"), ("good", f"b{i}")}
        facts |= {("bond", f"a{i}", f"b{i}" if i < 15 else f"b{(i + 1) % 20}"), ("knows", f"a{i}", f"a{(i + 1) % 20}")}
    best = learn(World(SCHEMA, facts), "bond")[0]
    assert set(best.body) == {("wrote", "z", "x"), ("wrote", "z", "y"), ("good", "y")}
    assert (best.support, best.covered) == (15, 20)
    assert str(best) == "bond(x, y) ← good(y), wrote(z, x), wrote(z, y)"


def test_other_names_change_nothing():
    world = random_world(0)
    predicates = {"good": "A1", "bond": "zz", "knows": "Q", "wrote": "a"}
    renamed = World(
        {predicates[name]: types for name, types in SCHEMA.items()},
        {(predicates[name], *(f"c{constant[::-1]}" for constant in arguments)) for name, *arguments in world.facts},
    )
    rules = learn(world, "bond", min_support=2)
    again = learn(renamed, "zz", min_support=2)
    assert {(r.head, frozenset(r.body), r.support, r.covered) for r in translate(rules, predicates)} == {
        (r.head, frozenset(r.body), r.support, r.covered) for r in again
    }
    assert gain(again, renamed) == pytest.approx(gain(rules, world))


def test_mappings_are_those_of_a_filter_on_all_assignments():
    source = {"a": ("s",), "b": ("s", "t"), "c": ("s", "s"), "d": ("t", "u")}
    target = {
        "e": ("m",), "f": ("n",), "g": ("m", "n"), "h": ("m", "m"), "i": ("n", "m"), "j": ("n", "n"), "k": ("m", "m")
    }  # fmt: skip
    expected = []
    for images in itertools.permutations(target, len(source)):
        becomes = {}
        for name, image in zip(source, images, strict=True):
            if len(source[name]) == len(target[image]):
                for s, t in zip(source[name], target[image], strict=True):
                    becomes.setdefault(s, set()).add(t)
            else:
                becomes["length"] = {1, 2}
        if all(len(types) == 1 for types in becomes.values()):
            expected.append(dict(zip(source, images, strict=True)))
    found = mappings(source, target)
    assert len(expected) > 5
    assert sorted(map(str, found)) == sorted(map(str, expected))


def test_the_number_of_mappings_is_the_product_of_the_choices():
    """Types that differ in nothing: 2 of 5 unary predicates, 1 of 2 of each binary kind."""
    source = {"u1": ("p",), "u2": ("p",), "b": ("w", "p"), "bond": ("p", "p")}
    target = {f"v{i}": ("q",) for i in range(5)} | {"c1": ("x", "q"), "c2": ("x", "q"), "d1": ("q", "q")}
    # bond -> d1 only; b -> c1 or c2, or to nothing else, as d1 is taken.
    assert len(mappings(source, target)) == math.perm(5, 2) * 2
    # A second predicate of two persons may also be the image of b, whose works then become persons.
    assert len(mappings(source, target | {"d2": ("q", "q")})) == math.perm(5, 2) * (2 * 2 + 2)
    assert mappings({"a": ("p",)}, {"b": ("q", "q")}) == []


def test_translated_rules_keep_their_counts():
    rule = Rule(("bond", "x", "y"), (("knows", "y", "x"),), 3, 4)
    assert translate([rule], {"bond": "likes", "knows": "sees", "good": "bad"}) == [
        Rule(("likes", "x", "y"), (("sees", "y", "x"),), 3, 4)
    ]
    with pytest.raises(ValueError, match="no image of knows"):
        translate([rule], {"bond": "likes"})


def test_predictions_by_hand():
    world = World(SCHEMA, {("wrote", "w1", "a"), ("wrote", "w1", "b"), ("wrote", "w2", "a"), ("good", "b"),
                           ("knows", "a", "c"), ("knows", "a", "b")})  # fmt: skip
    rules = [
        Rule(("bond", "x", "y"), (("wrote", "z", "x"), ("wrote", "z", "y")), 1, 2),
        Rule(("bond", "x", "y"), (("knows", "x", "y"), ("good", "y")), 3, 4),
    ]
    assert predict(rules, world) == {("bond", "a", "b"): 0.75, ("bond", "b", "a"): 0.5}
    assert predict(rules[::-1], world) == predict(rules, world)
    assert predict([], world) == {}


def test_gain_by_hand():
    people = {("good", f"p{i}") for i in range(4)}  # 12 ordered pairs of different people
    world = World(SCHEMA, people | {("bond", "p0", "p1"), ("knows", "p0", "p1"), ("knows", "p2", "p3")})
    q = (1 + 1) / (12 + 2)
    rule = Rule(("bond", "x", "y"), (("knows", "x", "y"),), 4, 5)
    assert world.atoms("bond") == 12
    assert gain([rule], world) == pytest.approx(math.log(0.8 / q) + math.log(0.2 / (1 - q)))
    sure = Rule(rule.head, rule.body, 5, 5)
    assert gain([sure], world) == pytest.approx(math.log(0.99 / q) + math.log(0.01 / (1 - q)))
    assert gain([], world) == 0


@pytest.mark.parametrize("seed", range(3))
def test_gain_is_the_difference_of_two_log_likelihoods_over_all_pairs(seed):
    """The rules' probabilities, and the base rate where they say nothing, against the base rate everywhere."""
    world = random_world(seed, people=7, works=5)
    rules = [rule for head in ("bond", "knows") for rule in learn(world, head, 2, min_support=1, min_confidence=0.0)]
    people = sorted(world.constants["person"])
    expected = 0.0
    for head in ("bond", "knows"):
        truth = np.array([(head, x, y) in world.facts for x, y in itertools.permutations(people, 2)])
        base = np.full(len(truth), (truth.sum() + 1) / (len(truth) + 2))
        p = base.copy()
        covers = [(r.confidence, pairs_by_brute_force(world, r.body)) for r in rules if r.head[0] == head]
        for i, pair in enumerate(itertools.permutations(people, 2)):
            says = [confidence for confidence, pairs in covers if pair in pairs]
            if says:
                p[i] = np.clip(max(says), 0.01, 0.99)
        likelihoods = [np.log(np.where(truth, q, 1 - q)).sum() for q in (p, base)]
        expected += likelihoods[0] - likelihoods[1]
    assert len(rules) > 10
    assert gain(rules, world) == pytest.approx(expected)
    assert gain(rules[::-1], world) == pytest.approx(expected)


def test_gain_prefers_the_rule_that_holds():
    facts = {(name, f"a{i}", f"b{i}") for i in range(9) for name in ("bond", "knows")}
    facts |= {("wrote", f"w{i}", author) for i in range(9) for author in (f"a{i}", f"b{(i + 1) % 9}")}
    world = World(SCHEMA, facts)
    true = Rule(("bond", "x", "y"), (("knows", "x", "y"),), 8, 10)
    false = Rule(("bond", "x", "y"), (("wrote", "z", "x"), ("wrote", "z", "y")), 8, 10)
    assert gain([true], world) > 0 > gain([false], world)


def test_a_world_knows_its_constants_and_refuses_what_does_not_fit():
    world = World(SCHEMA, {("wrote", "w", "a"), ("knows", "a", "b")})
    assert world.constants == {"person": {"a", "b"}, "work": {"w"}}
    assert (world.atoms("knows"), world.atoms("wrote")) == (2, 2)
    assert World(SCHEMA, []).atoms("wrote") == 0
    with pytest.raises(ValueError, match="fits no predicate"):
        World(SCHEMA, {("likes", "a", "b")})
    with pytest.raises(ValueError, match="fits no predicate"):
        World(SCHEMA, {("knows", "a")})
    with pytest.raises(ValueError, match="a constant has one type, 'a'"):
        World(SCHEMA, {("wrote", "a", "b"), ("good", "a")})
    with pytest.raises(ValueError, match="one or two arguments, sells has 3"):
        World({"sells": ("person", "work", "person")}, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"head": "likes"}, "got 'likes'"),
        ({"head": "good"}, "predicates of two arguments, got 'good'"),
        ({"head": "bond", "min_support": 0}, "must be at least 1"),
        ({"head": "bond", "max_body": 0}, "must be at least 1"),
        ({"head": "bond", "min_confidence": 60}, "between 0 and 1; got 3, 3, 60"),
    ],
)
def test_learning_refuses_what_is_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        learn(random_world(0), **arguments)


def test_one_variable_twice_in_a_literal_stands_for_one_constant():
    people = {"likes": ("person", "person"), "knows": ("person", "person")}
    world = World(people, [("likes", "a", "b"), ("likes", "c", "c"), ("knows", "b", "a"), ("knows", "c", "a")])
    assert {x for x, _ in world.pairs([("likes", "x", "x")])} == {"c"}
    assert world.pairs([("likes", "x", "x"), ("knows", "x", "y")]) == {("c", "a")}
    assert World(people, [("likes", "a", "b")]).pairs([("likes", "x", "x")]) == set()

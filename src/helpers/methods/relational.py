"""Rules over relations, learned in one world and mapped by analogy to another one.

A *fact* is a tuple such as ("advisedBy", "p3", "p1"): a predicate and its constants. A *schema* gives each predicate
the types of its arguments: {"advisedBy": ("person", "person")}. A *rule* says that a head follows from a body::

    advisedBy(x, y) ← publication(z, x), publication(z, y), professor(y)

Different variables stand for different constants. What is not among the facts counts as false.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from operator import itemgetter

_VARIABLES = "xyz"  # those of the head, and one more that the body may use

Fact = tuple[str, ...]
Literal = tuple[str, ...]
Schema = Mapping[str, tuple[str, ...]]


class World:
    """Facts, with an index that finds those that fit a pattern.

    Parameters
    ----------
    schema : mapping of str to tuple of str
        Predicate -> types of its one or two arguments.
    facts : iterable of tuple of str
        Predicate and constants. Each constant has one type.

    Attributes
    ----------
    facts : frozenset of tuple of str
        The facts.
    constants : dict of str to set of str
        Type -> constants that occur in the facts.

    Raises
    ------
    ValueError
        If a fact does not fit the schema, or a constant has two types.
    """

    def __init__(self, schema: Schema, facts: Iterable[Fact]):
        self.schema, self.facts = dict(schema), frozenset(facts)
        for name, types in self.schema.items():
            if len(types) not in (1, 2):
                raise ValueError(f"a predicate has one or two arguments, {name} has {len(types)}: {types}.")
        types_of, self._index = {}, defaultdict(dict)
        for name, *arguments in sorted(self.facts):
            types = self.schema.get(name)
            if types is None or len(types) != len(arguments):
                raise ValueError(f"{(name, *arguments)} fits no predicate of the schema {self.schema}.")
            for constant, kind in zip(arguments, types, strict=True):
                if types_of.setdefault(constant, kind) != kind:
                    raise ValueError(
                        f"a constant has one type, {constant!r} is a {types_of[constant]} and, in {name}, a {kind}."
                    )
            for pattern in _patterns(arguments):  # one argument: its value, as itemgetter gives it; two: a pair
                index = self._index[name]
                index.setdefault(pattern if len(pattern) > 1 else pattern[0], []).append(arguments)
        self.constants = {}
        for constant, kind in types_of.items():
            self.constants.setdefault(kind, set()).add(constant)
        self._bindings = {(): [(None,) * len(_VARIABLES)]}

    def pairs(self, body: Sequence[Literal]) -> set[tuple[str, str]]:
        """Find all values of (x, y) for which some z makes every literal of the body a fact."""
        # Literals of two arguments first: they tie x, y and z together, and those of one argument then only filter.
        return {binding[:2] for binding in self._bind(tuple(sorted(body, key=len, reverse=True)))}

    def atoms(self, name: str) -> int:
        """Count the facts that a predicate of two arguments could have: pairs of different constants of its types."""
        first, second = (self.constants.get(kind, set()) for kind in self.schema[name])
        return len(first) * len(second) - len(first & second)

    def extend(self, bindings: Iterable[tuple], literal: Literal) -> list[tuple]:
        """Extend each binding, a value or None for x, y and z, in all ways that make the literal a fact."""
        name, *variables = literal
        places = [_VARIABLES.index(variable) for variable in variables]
        known, index = itemgetter(*places), self._index.get(name, {})
        extended = []
        for binding in bindings:
            for arguments in index.get(known(binding), ()):
                new = list(binding)
                for place, argument in zip(places, arguments, strict=True):
                    # Different variables stand for different constants, and one variable for one.
                    if argument in new if new[place] is None else new[place] != argument:
                        break
                    new[place] = argument
                else:
                    extended.append(tuple(new))
        return extended

    def _bind(self, body):
        if body not in self._bindings:
            self._bindings[body] = self.extend(self._bind(body[:-1]), body[-1])
        return self._bindings[body]


@dataclass(frozen=True)
class Rule:
    """A Horn rule with what it counts in the facts that it was learned from.

    Parameters
    ----------
    head : tuple of str
        Predicate, "x" and "y".
    body : tuple of tuple of str
        Literals: a predicate and its variables, out of "x", "y" and "z".
    support : int
        Number of pairs (x, y) for which body and head hold.
    covered : int
        Number of pairs (x, y) for which the body holds.
    """

    head: Literal
    body: tuple[Literal, ...]
    support: int
    covered: int

    @property
    def confidence(self) -> float:
        """Share of the pairs that the body covers for which the head holds, 0 to 1 (standard confidence)."""
        return self.support / self.covered

    def __str__(self):
        """Write the rule as `head(x, y) ← body`."""
        head, *body = (f"{name}({', '.join(variables)})" for name, *variables in (self.head, *self.body))
        return f"{head} ← {', '.join(body)}"


def learn(world: World, head: str, max_body: int = 3, min_support: int = 3, min_confidence: float = 0.3) -> list[Rule]:
    """Learn all rules for one predicate by enumeration.

    Bodies are built literal by literal, as in the search of [1]_. Support can only fall on the way, so a body below
    `min_support` is not made longer. Both variables of the head occur in a body, and z, where it occurs, in two
    literals or more. The head's predicate does not occur in a body, so that rules can be used where none of its facts
    is known. A rule is left out when a part of its body is enough for the same confidence.

    Parameters
    ----------
    world : World
        The facts.
    head : str
        A predicate of two arguments.
    max_body : int
        Largest number of literals in a body.
    min_support : int
        Smallest support, at least 1.
    min_confidence : float
        Smallest confidence, 0 to 1.

    Returns
    -------
    list of Rule
        The most confident first.

    Raises
    ------
    ValueError
        If the schema has no such predicate of two arguments, or a parameter is out of its range.

    References
    ----------
    .. [1] L. Galárraga, C. Teflioudi, K. Hose, F. Suchanek. "AMIE: association rule mining under incomplete evidence in
       ontological knowledge bases". WWW 2013. Support and standard confidence are those of its mining model.
    """
    if len(world.schema.get(head, ())) != 2:
        raise ValueError(f"head must be one of the schema's predicates of two arguments, got {head!r}.")
    if max_body < 1 or min_support < 1 or not 0 <= min_confidence <= 1:
        raise ValueError(
            "max_body and min_support must be at least 1, min_confidence between 0 and 1; "
            f"got {max_body}, {min_support}, {min_confidence}."
        )
    literals, found = _literals(world.schema, head), []

    def grow(body, bindings, first):
        for i, literal in enumerate(literals[first:], start=first):
            longer, reached = (*body, literal), world.extend(bindings, literal)
            support = len({binding[:2] for binding in reached})
            if support < min_support:
                continue
            if _is_linked(longer):
                rule = Rule((head, "x", "y"), longer, support, len(world.pairs(longer)))
                if rule.confidence >= min_confidence:
                    found.append(rule)
            if len(longer) < max_body:
                grow(longer, reached, i + 1)

    grow((), world.extend([(None,) * 3], (head, "x", "y")), 0)
    kept = [
        rule
        for rule in found
        if not any(set(part.body) < set(rule.body) and part.confidence >= rule.confidence for part in found)
    ]
    return sorted(kept, key=lambda rule: (-rule.confidence, -rule.support, len(rule.body), rule.body))


def mappings(source: Schema, target: Schema) -> list[dict[str, str]]:
    """Enumerate the type-consistent mappings of predicates.

    Every source predicate gets a target predicate of its own, with as many arguments, such that each source type always
    becomes the same target type [1]_. (There, a predicate may also be mapped to nothing, which drops its literals.)

    Parameters
    ----------
    source : mapping of str to tuple of str
        Schema of the predicates to be mapped, such as those that occur in the rules.
    target : mapping of str to tuple of str
        Schema of the target world.

    Returns
    -------
    list of dict of str to str
        Source predicate -> target predicate. Empty if there is no such mapping.

    References
    ----------
    .. [1] L. Mihalkova, T. Huynh, R. Mooney. "Mapping and revising Markov logic networks for transfer learning".
       AAAI 2007.
    """
    complete = []

    def assign(names, mapping, types):
        if not names:
            complete.append(mapping)
            return
        name, *rest = names
        for image in target:
            if image in mapping.values() or len(target[image]) != len(source[name]):
                continue
            wider = dict(types)
            if all(wider.setdefault(s, t) == t for s, t in zip(source[name], target[image], strict=True)):
                assign(rest, mapping | {name: image}, wider)

    assign(list(source), {}, {})
    return complete


def translate(rules: Iterable[Rule], mapping: Mapping[str, str]) -> list[Rule]:
    """Replace every predicate of the rules by its image; support and confidence stay those of the source.

    Raises
    ------
    ValueError
        If a predicate of the rules has no image.
    """

    def image(literal):
        if literal[0] not in mapping:
            raise ValueError(f"the mapping {dict(mapping)} has no image of {literal[0]}, which a rule uses.")
        return (mapping[literal[0]], *literal[1:])

    return [replace(rule, head=image(rule.head), body=tuple(map(image, rule.body))) for rule in rules]


def predict(rules: Iterable[Rule], world: World) -> dict[Fact, float]:
    """Give each fact that some rule concludes the confidence, 0 to 1, of the best such rule.

    The bodies are looked up among the facts of the world. What no rule concludes is not in the result.
    """
    confidence = {}
    for rule in rules:
        for pair in world.pairs(rule.body):
            fact = (rule.head[0], *pair)
            confidence[fact] = max(rule.confidence, confidence.get(fact, 0.0))
    return confidence


def gain(rules: Iterable[Rule], world: World, clip: float = 0.01) -> float:
    """Score rules on known facts: by how much they make them more likely than their base rate does.

    For each pair (x, y) that a rule covers, the confidence p of the best rule is compared with the base rate q of the
    head's predicate: log(p / q) if the head is a fact, log((1 - p) / (1 - q)) if not. The gain is their sum. It stands
    for the weighted pseudo-log-likelihood by which the paper of `mappings` scores a mapping.

    Parameters
    ----------
    rules : iterable of Rule
        Rules over the predicates of the world.
    world : World
        Known facts, those of the heads included.
    clip : float
        Confidences are kept this far from 0 and 1: one exception must not cost an infinite number of nats.

    Returns
    -------
    float
        In nats. Above 0: the rules say more than the base rate. 0: they say nothing. Below 0: they mislead.
    """
    predicted, total = predict(rules, world), 0.0
    known = Counter(name for name, *_ in world.facts)
    # Laplace: neither 0 nor 1.
    base_rate = {name: (known[name] + 1) / (world.atoms(name) + 2) for name in {name for name, *_ in predicted}}
    for fact, confidence in predicted.items():
        p, q = min(max(confidence, clip), 1 - clip), base_rate[fact[0]]
        total += math.log(p / q) if fact in world.facts else math.log((1 - p) / (1 - q))
    return total


def _patterns(arguments):
    """List the arguments with each choice of them replaced by None, which stands for anything."""
    patterns = [()]
    for argument in arguments:
        patterns = [(*pattern, value) for pattern in patterns for value in (argument, None)]
    return patterns


def _literals(schema, head):
    """List the literals that a body may have: every predicate but the head's, with all variables that fit its types."""
    kinds = dict(zip("xy", schema[head], strict=True))  # z may have any type
    return sorted(
        (name, *variables)
        for name, types in schema.items()
        if name != head
        for variables in permutations(_VARIABLES, len(types))
        if all(kinds.get(variable, kind) == kind for variable, kind in zip(variables, types, strict=True))
    )


def _is_linked(body):
    """Tell whether x and y occur in the body, and z not just once."""
    used = [variable for _, *variables in body for variable in variables]
    return "x" in used and "y" in used and used.count("z") != 1

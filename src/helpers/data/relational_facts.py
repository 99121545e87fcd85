"""Two real worlds of facts: a university department (UW-CSE) and films (IMDB), each in five folds."""

import re
from dataclasses import dataclass
from pathlib import Path

from helpers import runtime
from helpers.data import datasets

# Predicate -> types of its arguments. A third argument, the term of `ta` and `taughtby`, is not read: rules have two.
SCHEMAS = {
    "uwcse": {
        "professor": ("person",),
        "student": ("person",),
        "advisedby": ("person", "person"),
        "tempadvisedby": ("person", "person"),
        "publication": ("title", "person"),
        "ta": ("course", "person"),
        "taughtby": ("course", "person"),
        "projectmember": ("project", "person"),
        "courselevel": ("course", "level"),
        "hasposition": ("person", "position"),
        "inphase": ("person", "phase"),
        "yearsinprogram": ("person", "year"),
    },
    "imdb": {
        "director": ("person",),
        "actor": ("person",),
        "female_gender": ("person",),
        "workedUnder": ("person", "person"),
        "movie": ("film", "person"),
        "genre": ("person", "genre"),
    },
}
GOALS = {"uwcse": "advisedby", "imdb": "workedUnder"}  # what is to be predicted
WORKS = {"uwcse": "publication", "imdb": "movie"}  # what people do together
N_FOLDS = 5
_WITH_A_TERM = ("ta", "taughtby")
_IDENTITY = ("sameperson", "samecourse", "sameproject")  # these hold between a thing and itself, and say nothing
_LINE = re.compile(r"(\w+)\(\s*(\w+(?:\s*,\s*\w+)*)\s*\)\.")

Fact = tuple[str, ...]


@dataclass(frozen=True)
class Fold:
    """One area of the department, or one group of films.

    Attributes
    ----------
    facts : frozenset of tuple of str
        What is known: predicate and constants, none of them of the goal.
    positive, negative : frozenset of tuple of str
        Pairs for which the goal holds, and for which it does not: ("advisedby", student, professor). In UW-CSE all
        pairs of people are in one of the two; in IMDB the negative ones are a sample, two for each positive one.
    """

    facts: frozenset[Fact]
    positive: frozenset[Fact]
    negative: frozenset[Fact]


def at_hand() -> bool:
    """Tell whether both worlds lie in `relational` under `TRANSFER_DATA`.

    Raises
    ------
    FileNotFoundError
        If one lies elsewhere below it; see `datasets.refuse_misplaced`.
    """
    missing = [world for world in SCHEMAS if not (_folder(None) / world / "fold1_facts.txt").is_file()]
    for world in missing:
        datasets.refuse_misplaced(world)
    return not missing


def load(world: str, data_dir: Path | None = None) -> list[Fold]:
    """Load the five folds of a world.

    Parameters
    ----------
    world : str
        "uwcse" or "imdb".
    data_dir : Path, optional
        Folder that holds `relational/<world>/fold<1 to 5>_{facts,pos,neg}.txt`; `runtime.data_dir()` by default.

    Returns
    -------
    list of Fold
        Their facts fit `SCHEMAS[world]`, their pairs are of the predicate `GOALS[world]`.

    Raises
    ------
    ValueError
        If there is no such world, or a line of a file is not a fact of it.
    FileNotFoundError
        If a file is missing.

    References
    ----------
    .. [1] M. Richardson, P. Domingos. "Markov logic networks". Machine Learning 62, 2006. UW-CSE.
    .. [2] L. Mihalkova, R. Mooney. "Bottom-up learning of Markov logic network structure". ICML 2007. IMDB.
    """
    if world not in SCHEMAS:
        raise ValueError(f"world must be one of {', '.join(SCHEMAS)}; got {world!r}.")
    folder, goal = _folder(data_dir) / world, GOALS[world]
    known = {name: types for name, types in SCHEMAS[world].items() if name != goal}
    asked = {goal: SCHEMAS[world][goal]}
    return [
        Fold(
            _read(folder / f"fold{i}_facts.txt", known),
            _read(folder / f"fold{i}_pos.txt", asked),
            _read(folder / f"fold{i}_neg.txt", asked),
        )
        for i in range(1, N_FOLDS + 1)
    ]


def around(world: str, fold: Fold, person: str) -> frozenset[Fact]:
    """Give all that a fold says about one person and those who work with them, the goal included.

    These are the person, who is bound to them by the goal, and who shares a work with them. This is how little is known
    of the target in [1]_.

    Parameters
    ----------
    world : str
        "uwcse" or "imdb".
    fold : Fold
        From `load(world)`.
    person : str
        A professor or a director.

    Returns
    -------
    frozenset of tuple of str
        The facts that name at least one of these people and nobody else.

    References
    ----------
    .. [1] L. Mihalkova, R. Mooney. "Transfer learning by mapping with minimal target data". AAAI workshop on transfer
       learning for complex tasks, 2008.
    """
    facts, work = fold.facts | fold.positive, WORKS[world]
    works = {f[1] for f in facts if f[0] == work and f[2] == person}
    people = {f[2] for f in facts if f[0] == work and f[1] in works} | {f[1] for f in fold.positive if f[2] == person}
    people.add(person)

    def named(fact):
        return {c for c, kind in zip(fact[1:], SCHEMAS[world][fact[0]], strict=True) if kind == "person"}

    return frozenset(fact for fact in facts if named(fact) and named(fact) <= people)


def _folder(data_dir):
    return Path(data_dir or runtime.data_dir()) / "relational"


def _read(file: Path, schema: dict[str, tuple[str, ...]]) -> frozenset[Fact]:
    """Read a file of lines such as `ta(course11,person23,winter_0304).`; blank lines do not count."""
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: copy all 15 files of each world there, see data/README.md.")
    facts = set()
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip() and (fact := _parsed(line.strip(), schema, f"{file}, line {number}")):
            facts.add(fact)
    return frozenset(facts)


def _parsed(line: str, schema: dict[str, tuple[str, ...]], place: str) -> Fact | None:
    """Give the fact in a line; None where it only says that a thing is itself."""
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError(f"{place}: wanted a fact such as movie(film,person). with its full stop, got {line!r}.")
    name, arguments = found[1], re.split(r"\s*,\s*", found[2])
    if name in _IDENTITY and len(set(arguments)) == 1:
        return None
    if name not in schema:
        raise ValueError(f"{place}: {name} is no predicate of this file; these are: {', '.join(schema)}.")
    wanted = len(schema[name]) + (name in _WITH_A_TERM)
    if len(arguments) != wanted:
        raise ValueError(f"{place}: {name} has {wanted} arguments, got {len(arguments)}: {line!r}.")
    return (name, *arguments[: len(schema[name])])

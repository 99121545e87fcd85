"""Two made-up worlds of facts for rules by analogy: groups at a university, and crews in the film world.

People come in groups. Some are masters, the others apprentices; each apprentice is bound to one master. That bond
leaves traces: apprentices mostly take part in the works of their own master, and mostly have a place in what the master
runs. Both worlds are made so, with other words and other rates, so what is true in them is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

# Predicate -> types of its arguments.
UNIVERSITY = {
    "professor": ("person",),
    "student": ("person",),
    "advisedBy": ("person", "person"),
    "publication": ("paper", "person"),
    "teaches": ("course", "person"),
    "assists": ("course", "person"),
}
FILM = {
    "director": ("person",),
    "actor": ("person",),
    "famous": ("person",),
    "workedFor": ("person", "person"),
    "friend": ("person", "person"),
    "movie": ("film", "person"),
    "watched": ("film", "person"),
    "owns": ("studio", "person"),
    "contract": ("studio", "person"),
}
# Role -> the word for it in each world.
ROLES = ("master", "apprentice", "bond", "work", "gives", "takes")
AT_UNIVERSITY = dict(zip(ROLES, UNIVERSITY, strict=True))
IN_FILM = dict(zip(ROLES, ("director", "actor", "workedFor", "movie", "owns", "contract"), strict=True))

# Chances: an apprentice takes part in a work of the own master, of another one; the place is with the own master. The
# film world has more predicates, which say little or nothing about the bond.
SOURCE_RATES = {"own": 0.6, "other": 0.05, "place": 0.75}
DECOYS = {"watched": 0.35, "friend": 0.25, "friend of master": 0.25, "famous": 0.3}
TARGET_RATES = {"own": 0.5, "other": 0.08, "place": 0.65} | DECOYS
# Another film world, in which the analogy does not hold: bound to friends, seen in the films of others.
FRIENDS_RATES = {"own": 0.05, "other": 0.5, "place": 0.2} | DECOYS | {"friend": 0.15, "friend of master": 0.85}

Fact = tuple[str, ...]


def groups(
    seed: int | Sequence[int], n: int, word: Mapping[str, str], rate: Mapping[str, float]
) -> Iterator[set[Fact]]:
    """Yield the facts of one group after the other.

    Parameters
    ----------
    seed : int or sequence of int
        The same seed gives the same groups.
    n : int
        Number of groups, each of 2 or 3 masters and 4 to 7 apprentices.
    word : mapping of str to str
        `AT_UNIVERSITY` or `IN_FILM`: the predicate for each of `ROLES`.
    rate : mapping of str to float
        Chances, 0 to 1: "own", "other" and "place"; those of `DECOYS` for a world that has the predicates.

    Yields
    ------
    set of tuple of str
        Predicate and constants. No constant occurs in two groups.

    Raises
    ------
    ValueError
        If a role has no word, or a rate is missing.
    """
    import numpy as np

    for given, wanted, what in ((word, ROLES, "word"), (rate, SOURCE_RATES, "rate")):
        if missing := set(wanted) - set(given):
            raise ValueError(f"{what} must name {', '.join(wanted)}; {', '.join(sorted(missing))} is missing.")
    rng, number = np.random.default_rng(seed), count(1)
    for _ in range(n):
        yield _group(rng, number, word, rate)


def _group(rng: "np.random.Generator", number: "count", word: Mapping[str, str], rate: Mapping[str, float]) -> set:
    """Make the facts of one group."""
    masters, apprentices = ([f"p{next(number)}" for _ in range(rng.integers(*size))] for size in ((2, 4), (4, 8)))
    people = masters + apprentices
    bond = {a: str(rng.choice(masters)) for a in apprentices}
    place = {m: f"place{next(number)}" for m in masters}
    facts = {(word["master"], m) for m in masters}
    facts |= {(word["apprentice"], a) for a in apprentices}
    facts |= {(word["gives"], place[m], m) for m in masters}
    for m in masters:
        for work in [f"work{next(number)}" for _ in range(rng.integers(1, 4))]:
            facts.add((word["work"], work, m))
            for a in apprentices:
                if rng.random() < rate["own" if bond[a] == m else "other"]:
                    facts.add((word["work"], work, a))
            chance = rate.get("watched", 0)
            facts |= {("watched", work, p) for p in people if rng.random() < chance}
    for a in apprentices:
        if rng.random() < 0.9:  # not every bond is on record
            facts.add((word["bond"], a, bond[a]))
        if rng.random() < 0.7:
            m = bond[a] if rng.random() < rate["place"] else str(rng.choice(masters))
            facts.add((word["takes"], place[m], a))
        for p in people:
            chance = rate.get("friend of master" if p == bond[a] else "friend", 0)
            if p != a and rng.random() < chance:
                facts.add(("friend", a, p))
    return facts | {("famous", p) for p in people if rng.random() < rate.get("famous", 0)}


def draw_group(facts: set[Fact], word: Mapping[str, str], ax: "Axes | None" = None) -> "Axes":
    """Draw a group: masters on the left, apprentices on the right, works and places between them, bonds in grey.

    Parameters
    ----------
    facts : set of tuple of str
        One group, from `groups`.
    word : mapping of str to str
        The predicate for each of `ROLES`; other predicates are not drawn.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
    """
    import matplotlib.pyplot as plt

    ax = ax if ax is not None else plt.figure(figsize=(5, 4)).add_subplot()
    pairs = {role: sorted(f[1:] for f in facts if f[0] == name) for role, name in word.items()}
    works, places = sorted({w for w, _ in pairs["work"]}), [c for c, _ in pairs["gives"]]
    columns = [[m for (m,) in pairs["master"]], works + places, [a for (a,) in pairs["apprentice"]]]
    at = {name: (x, 1 - (i + 0.5) / len(names)) for x, names in enumerate(columns) for i, name in enumerate(names)}
    _draw_lines(ax, pairs, word, at)
    marks = dict.fromkeys(at, "o") | dict.fromkeys(columns[0], "s") | dict.fromkeys(works, "^")
    marks |= dict.fromkeys(places, "D")
    for name, (x, y) in at.items():
        ax.plot(x, y, marks[name], color="w" if x == 1 else "0.3", mec="k", ms=9)
        if x != 1:
            side = {"ha": "left" if x else "right", "va": "center", "fontsize": 8}
            ax.annotate(name, (x, y), (9 * (x - 1), 0), textcoords="offset points", **side)
    for x, role in ((0, "master"), (2, "apprentice")):
        ax.text(x, 1.04, word[role], ha="center")
    ax.set(xlim=(-0.3, 2.3), ylim=(-0.02, 1.12))
    ax.axis("off")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=4, fontsize=8, frameon=False)
    return ax


def _draw_lines(ax: "Axes", pairs: Mapping[str, list], word: Mapping[str, str], at: Mapping[str, tuple]) -> None:
    """Draw a line for each fact of two arguments, a style for each role."""
    styles = {
        "bond": {"color": "0.8", "lw": 7, "solid_capstyle": "round"},
        "work": {"color": "k", "lw": 0.8},
        "gives": {"color": "k", "lw": 1.2, "ls": "--"},
        "takes": {"color": "k", "lw": 1.2, "ls": ":"},
    }
    for role, style in styles.items():
        for i, (a, b) in enumerate(pairs[role]):
            ax.plot(*zip(at[a], at[b], strict=True), **style, label=None if i else word[role])

"""The reader of UW-CSE and IMDB, on small made-up files in the same form."""

import pytest

from helpers import runtime
from helpers.data import datasets, relational_facts
from helpers.methods.relational import World

FILES = {
    "uwcse": {
        "facts": "professor(person1).\nstudent(person2).\nsameperson(person1,person1).\n"
        "ta(course1,person2,winter_0304).\n"
        "taughtby(course1,person1,autumn_0001).\n\npublication(title1,person1).\npublication(title1, person2).\n",
        "pos": "advisedby(person2,person1).\n",
        "neg": "advisedby(person1,person2).\nadvisedby(person1,person1).\n",
    },
    "imdb": {
        "facts": "director(adirector).\nactor(aone).\nactor(atwo).\nmovie(afilm,adirector).\nmovie(afilm,aone).\n"
        "movie(aother,atwo).\ngenre(adirector,adrama).\n",
        "pos": "workedUnder(aone,adirector).\n",
        "neg": "workedUnder(atwo,adirector).\nworkedUnder(aone,atwo).\n",
    },
}


@pytest.fixture
def folder():
    """Write five equal folds of each world below `TRANSFER_DATA`."""
    for world, files in FILES.items():
        place = runtime.data_dir() / "relational" / world
        place.mkdir(parents=True)
        for i in range(1, 6):
            for name, text in files.items():
                (place / f"fold{i}_{name}.txt").write_text(text)
    return runtime.data_dir() / "relational"


def test_the_facts_of_a_fold(folder):
    folds = relational_facts.load("uwcse")
    assert len(folds) == 5
    assert folds[0].facts == {
        ("professor", "person1"),
        ("student", "person2"),
        ("ta", "course1", "person2"),  # without the term
        ("taughtby", "course1", "person1"),
        ("publication", "title1", "person1"),
        ("publication", "title1", "person2"),
    }
    assert folds[0].positive == {("advisedby", "person2", "person1")}
    assert len(folds[0].negative) == 2
    assert relational_facts.load("imdb", runtime.data_dir())[4].positive == {("workedUnder", "aone", "adirector")}


@pytest.mark.parametrize("world", relational_facts.SCHEMAS)
def test_they_make_a_world(folder, world):
    for fold in relational_facts.load(world):
        World(relational_facts.SCHEMAS[world], fold.facts | fold.positive)


def test_what_is_known_around_one_person(folder):
    fold = relational_facts.load("imdb")[0]
    assert relational_facts.around("imdb", fold, "adirector") == {
        ("director", "adirector"),
        ("actor", "aone"),
        ("movie", "afilm", "adirector"),
        ("movie", "afilm", "aone"),
        ("genre", "adirector", "adrama"),
        ("workedUnder", "aone", "adirector"),
    }
    assert relational_facts.around("imdb", fold, "atwo") == {("actor", "atwo"), ("movie", "aother", "atwo")}


def test_whether_they_are_at_hand(folder):
    assert relational_facts.at_hand()
    table = datasets.at_hand().set_index("name")
    assert table.loc[["uwcse", "imdb"], "at hand"].tolist() == ["yes", "yes"]
    assert table.loc[["uwcse", "imdb"], "items"].tolist() == ["5", "5"]


@pytest.mark.parametrize("place", ["relational/relational/uwcse", "relational/uwcse/uwcse", "uwcse"])
def test_a_folder_too_deep_or_too_high_is_named(place):
    file = runtime.data_dir() / place / "fold1_facts.txt"
    file.parent.mkdir(parents=True)
    file.write_text("student(a).")
    for ask in (relational_facts.at_hand, lambda: datasets.fetch("uwcse")):
        with pytest.raises(FileNotFoundError, match=r"uwcse lies in .*, wanted is .*uwcse. Move what is in the first"):
            ask()


def test_where_they_are_not_fetch_says_what_to_do():
    assert not relational_facts.at_hand()
    with pytest.raises(FileNotFoundError, match="copy the 15 files"):
        datasets.fetch("uwcse")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("student(person1)", "wanted a fact such as"),  # no full stop
        ("student person1.", "wanted a fact such as"),
        ("student().", "wanted a fact such as"),
        ("student(person1,).", "wanted a fact such as"),
        ("!student(person1).", "wanted a fact such as"),
        ("pupil(person1).", "pupil is no predicate of this file"),
        ("Student(person1).", "Student is no predicate of this file"),
        ("advisedby(person2,person1).", "advisedby is no predicate of this file"),  # the answer among the facts
        ("sameperson(person1,person2).", "sameperson is no predicate"),
        ("ta(course1,person2).", "ta has 3 arguments, got 2"),
        ("student(person1,person2).", "student has 1 arguments, got 2"),
    ],
)
def test_a_line_that_is_no_fact_is_named_by_file_and_number(folder, line, message):
    (folder / "uwcse" / "fold3_facts.txt").write_text(f"professor(person1).\n\n{line}\n")
    with pytest.raises(ValueError, match=rf"fold3_facts\.txt, line 3: .*{message}"):
        relational_facts.load("uwcse")


def test_another_predicate_among_the_pairs_is_refused(folder):
    (folder / "imdb" / "fold1_neg.txt").write_text("movie(afilm,aone).\n")
    with pytest.raises(ValueError, match=r"fold1_neg\.txt, line 1: movie is no predicate of this file"):
        relational_facts.load("imdb")


def test_a_missing_file_and_an_unknown_world_are_named(folder):
    (folder / "imdb" / "fold5_pos.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"fold5_pos\.txt is missing: copy all 15 files"):
        relational_facts.load("imdb")
    with pytest.raises(ValueError, match="world must be one of uwcse, imdb; got 'IMDB'"):
        relational_facts.load("IMDB")


@pytest.mark.real
def test_the_real_worlds_have_the_numbers_that_are_known_of_them(real_data):
    if not relational_facts.at_hand():
        pytest.skip("needs relational/ under TRANSFER_DATA")
    folds = {world: relational_facts.load(world, real_data) for world in relational_facts.SCHEMAS}
    assert [sum(len(fold.positive) for fold in folds[world]) for world in folds] == [113, 382]
    assert [sum(len(fold.negative) for fold in folds[world]) for world in folds] == [16_601, 764]
    for world, schema in relational_facts.SCHEMAS.items():
        facts = set().union(*(fold.facts | fold.positive for fold in folds[world]))
        World(schema, facts)
        assert {name for name, *_ in facts} == set(schema)

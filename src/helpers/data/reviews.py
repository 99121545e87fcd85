"""Product reviews of four domains: real ones from Amazon, or readable ones that a grammar of our own writes."""

import functools
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

from helpers import runtime
from helpers.data import datasets

if TYPE_CHECKING:  # pandas and scikit-learn take a second to import; only the functions that use them pay for it
    import numpy as np
    import pandas as pd
    import scipy.sparse

DOMAINS = ["books", "dvd", "electronics", "kitchen"]
_FOLDERS = {"kitchen": "kitchen_&_housewares"}
_CLASSES = [("positive", 1), ("negative", 0)]


def load(domain: str, data_dir: Path | None = None) -> "pd.DataFrame":
    """Load the 1,000 positive and 1,000 negative reviews of a domain: the real ones if they are at hand.

    Parameters
    ----------
    domain : str
        One of `DOMAINS`: "books", "dvd", "electronics", "kitchen".
    data_dir : Path, optional
        Folder that may hold `reviews/sorted_data_acl`; `runtime.data_dir()` by default.

    Returns
    -------
    pandas.DataFrame
        One row per review, positive ones first: `text` (title and body), `rating` (1, 2, 4 or 5 stars) and `label`
        (1 positive, 0 negative). A few of the real reviews occur twice.

    Raises
    ------
    ValueError
        If the domain is unknown, or a file of real reviews is not what it should be.
    FileNotFoundError
        If the folder of real reviews is there but lacks a file of this domain.

    References
    ----------
    .. [1] J. Blitzer, M. Dredze, F. Pereira. "Biographies, Bollywood, boom-boxes and blenders: domain adaptation for
       sentiment classification". ACL 2007.
    """
    _check_domain(domain)
    folder = _real_folder(data_dir)
    if not folder.is_dir():
        return compose(domain)
    import pandas as pd

    files = [(folder / _FOLDERS.get(domain, domain) / f"{name}.review", label) for name, label in _CLASSES]
    return pd.DataFrame([review | {"label": label} for file, label in files for review in _read(file)])


def source(data_dir: Path | None = None) -> str:
    """Say in one line which reviews `load` gives: the real ones or those that our grammar writes.

    Parameters
    ----------
    data_dir : Path, optional
        As in `load`.
    """
    if _real_folder(data_dir).is_dir():
        return "real Amazon reviews (Blitzer, Dredze and Pereira 2007), 1,000 positive and 1,000 negative a domain"
    return "embedded reviews, written by a grammar, 1,000 positive and 1,000 negative a domain"


def compose(domain: str, n: int = 2000, seed: int = 0) -> "pd.DataFrame":
    """Write `n` distinct reviews of a domain, half of them positive.

    A review is a title, four to eight sentences that judge or report, most of which agree with its stars, and asides
    of no matter. It judges in words that all domains share, in words of the domain or of its family (wares: electronics
    and kitchen; stories: books and dvd), or in words that are planted, so that P(label | words) differs: their sense
    flips between the families. An unpredictable plot is praised, an unpredictable router is not (`_FLIPPING`; in real
    reviews nobody plants them, though "simple" does so, too). Rare names make the rows as many-sided as real ones.

    How often each is drawn was set by hand until the conclusions of notebooks 02, 03 and 05 had the sign that they have
    on the real reviews; tests/data/test_signs.py lists and compares them. Anything else may differ.

    Parameters
    ----------
    domain : str
        One of `DOMAINS`.
    n : int
        Number of reviews, even.
    seed : int
        The same seed gives the same reviews.

    Returns
    -------
    pandas.DataFrame
        As from `load`.

    Raises
    ------
    ValueError
        If the domain is unknown or `n` is not a positive even number.
    """
    import pandas as pd

    _check_domain(domain)
    if n < 2 or n % 2:
        raise ValueError(f"n must be a positive even number, half of it for each class; got {n}.")
    generator = random.Random(f"{domain} {seed}")
    rows, seen = [], set()
    for _, label in _CLASSES:
        while len(rows) < (n if label == 0 else n // 2):
            text = _review(domain, label, generator)
            if text not in seen:
                seen.add(text)
                rating = generator.choice([4, 5] if label else [1, 2])
                rows.append({"text": text, "rating": rating, "label": label})
    return pd.DataFrame(rows)


def bag_of_words(
    *collections: "pd.Series", max_features: int = 5000, tfidf: bool = False
) -> tuple[list["scipy.sparse.csr_matrix"], "np.ndarray"]:
    """Turn texts into word counts over one vocabulary: the most frequent words of all collections together.

    Only the texts are used, never the labels, so unlabelled target reviews may and should be among them.
    Of words that are equally frequent the first in the alphabet are taken: scikit-learn's own `max_features` leaves
    that to a sort that is not stable and so differs from processor to processor.

    Parameters
    ----------
    *collections : sequences of str
        For example the source texts and the target texts.
    max_features : int
        Size of the vocabulary at most. Words that occur in one text only are left out.
    tfidf : bool
        Weigh words by their rarity and scale each row to length 1, instead of counting.

    Returns
    -------
    matrices : list of scipy.sparse.csr_matrix
        One per collection, of shape (n_texts, n_words).
    words : ndarray of str, shape (n_words,)
        The word of each column.
    """
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    counter = CountVectorizer(min_df=2)
    counts = counter.fit_transform(text for texts in collections for text in texts)
    frequency = np.asarray(counts.sum(axis=0)).ravel()
    kept = np.sort(np.argsort(-frequency, kind="stable")[:max_features])
    counts = counts[:, kept]
    if tfidf:
        counts = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    ends = np.cumsum([len(texts) for texts in collections])
    matrices = [counts[end - len(texts) : end] for texts, end in zip(collections, ends, strict=True)]
    return matrices, counter.get_feature_names_out()[kept]


def _check_domain(domain: str) -> None:
    if domain not in DOMAINS:
        raise ValueError(f"There are reviews of the domains {', '.join(DOMAINS)}; got {domain!r}.")


def _real_folder(data_dir: Path | None) -> Path:
    folder = Path(data_dir or runtime.data_dir())
    if not (folder / "reviews" / "sorted_data_acl" / "books").is_dir():
        datasets.refuse_misplaced("amazon_reviews", folder)
    return folder / "reviews" / "sorted_data_acl"


def _read(file: Path) -> list[dict]:
    """Read a file of real reviews: it looks like XML, but escapes nothing, has no root and mixes encodings."""
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing. Copy the whole folder of the domain there, or remove {file.parents[1]}."
        )
    records = re.findall(r"<review>(.*?)</review>", file.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    if not records:
        raise ValueError(f"{file} must hold <review>...</review> records, and holds none. Copy it again.")
    return [
        {
            "text": f"{_field(r, 'title', file)}\n{_field(r, 'review_text', file)}",
            "rating": int(float(_field(r, "rating", file))),
        }
        for r in records
    ]


def _field(record: str, name: str, file: Path) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", record, re.DOTALL)
    if found is None:
        raise ValueError(f"{file} has a review without <{name}>. Copy it again. The review: {record.strip()[:200]!r}")
    return found[1].strip()


# --- The grammar: {braces} are slots. Words that stand earlier in a list of _WORDS are drawn more often. ---

# How often what is drawn. Set so that what notebooks 02, 03 and 05 conclude has the sign that it has on the real
# reviews (tests/data/test_signs.py).
_AGREEMENT = [0.6, 0.75, 0.9, 1.0]  # share of a review's opinions that agree with its stars
_OPINIONS, _ASIDES_N = (4, 8), (4, 8)  # least and largest number in a review
_PLACES = 0.6  # share of asides that could stand in any domain
_SCOPES = [13, 4, 3]  # opinions in words of all domains, of the family, of the domain
_FORMS = [24, 2, 2, 5, 4]  # judgements, negated ones, flipping words, events, facts
_SKEW = 2  # how much more often words are drawn that stand earlier in a list of _WORDS; 1 is alike

_FAMILY = {"books": "stories", "dvd": "stories", "electronics": "wares", "kitchen": "wares"}

_PARTS = {  # what is reviewed, and what of it is judged; some kinds lie close to another domain
    "books": {
        "novel": "plot, ending, prose, hero, dialogue, first chapter, heroine, style",
        "biography": "research, tone, portrait, index, last chapter, chronology, foreword",
        "mystery": "plot, twist, detective, ending, pace, clues, motive",
        "textbook": "explanation, layout, index, exercise section, tone, summary, appendix",
        "cookbook": "recipe list, layout, photography, advice, dessert chapter, binding",
        "memoir": "voice, childhood part, honesty, structure, epilogue, prose",
        "travel guide": "map section, binding, hotel list, history part, paper, advice",
        "fairy tale": "language, moral, illustration, princess, ending, wolf",
        "space opera": "world building, captain, alien language, battle, glossary, plot",
        "poetry volume": "rhythm, imagery, translation, preface, choice of poems, paper",
    },
    "dvd": {
        "thriller": "plot, twist, villain, ending, pace, car chase, tension",
        "comedy": "script, humour, cast, dialogue, lead actor, timing, slapstick",
        "drama": "acting, script, music, ending, direction, costume design",
        "documentary": "narration, footage, picture, topic, pace, interview, archive material",
        "concert film": "sound, picture, camera work, song list, menu, encore, drummer",
        "western": "shootout, hero, landscape, score, sheriff, dialogue, horse scene",
        "cartoon": "animation, drawing, voice acting, songs, story, sidekick",
        "musical": "choreography, singing, set, lead actress, libretto, finale",
        "horror film": "monster, make-up, atmosphere, soundtrack, lighting, last scene",
        "war film": "battle scene, casting, editing, general, bonus disc, score",
    },
    "electronics": {
        "camera": "lens, zoom, flash, battery, screen, shutter, tripod mount",
        "headset": "sound, cable, plug, microphone, fit, ear cushion, volume wheel",
        "router": "signal, setup, antenna, software, manual, firmware, range",
        "keyboard": "key travel, cable, software, battery, wrist rest, space bar, layout",
        "DVD player": "picture, sound, remote, menu, tray, display, drive",
        "television": "picture, sound, remote, menu, stand, tuner, contrast",
        "printer": "paper feed, cartridge, driver, resolution, scanner, ink level",
        "radio": "reception, speaker, dial, clock, alarm, aerial, case",
        "memory card": "capacity, speed, adapter, packaging, contact, label",
        "charger": "voltage, plug, indicator, housing, connector, cord",
    },
    "kitchen": {
        "blender": "motor, blade, jug, lid, base, speed dial",
        "frying pan": "handle, coating, base, lid, finish, rim, weight",
        "kettle": "spout, lid, switch, cable, handle, heating element, gauge",
        "coffee maker": "filter, timer, water tank, display, manual, carafe, hotplate",
        "knife set": "blade, handle, grip, block, finish, sharpener, scissors",
        "toaster": "slot, crumb tray, lever, browning control, cord, bread rack",
        "rice cooker": "bowl, steamer, thermostat, measuring cup, lid, timer",
        "juicer": "sieve, pulp container, motor, feeding tube, jug, gasket",
        "kitchen scale": "display, platform, battery, unit switch, calibration, foot",
        "casserole": "enamel, lid, knob, base, colour, rim",
    },
}

_WORDS = {  # (praise, blame)
    "everywhere": (
        "great, good, excellent, perfect, nice, wonderful, amazing, fantastic, fine, superb, impressive, lovely, "
        "brilliant, terrific, outstanding, pleasing, delightful, flawless, first-rate, remarkable, marvellous, "
        "splendid, satisfying, exceptional, fabulous, admirable, superior, likeable, tremendous, faultless",
        "bad, poor, terrible, disappointing, awful, horrible, useless, annoying, mediocre, weak, dreadful, ridiculous, "
        "frustrating, pathetic, lousy, sloppy, second-rate, unacceptable, inferior, worthless, dismal, laughable, "
        "miserable, irritating, hopeless, appalling, lacklustre, shoddy, unsatisfying, abysmal",
    ),
    "wares": (
        "sturdy, reliable, solid, handy, durable, practical, well-made, dependable, robust, efficient, foolproof",
        "flimsy, cheap, defective, broken, faulty, unreliable, fragile, wobbly, noisy, badly made, worn-out",
    ),
    "stories": (
        "moving, clever, gripping, original, witty, touching, memorable, charming, thoughtful, compelling, poignant",
        "boring, dull, confusing, tedious, shallow, lifeless, forgettable, pretentious, contrived, aimless, sappy",
    ),
    "books": (
        "readable, insightful, well-researched, enlightening, vivid, absorbing, illuminating, quotable, page-turning",
        "unreadable, repetitive, wordy, long-winded, preachy, rambling, padded, ill-informed, humdrum",
    ),
    "dvd": (
        "hilarious, stunning, atmospheric, well-acted, stylish, haunting, spellbinding, uplifting, cinematic",
        "cheesy, overlong, grainy, humourless, overacted, amateurish, plodding, overhyped, badly dubbed",
    ),
    "electronics": (
        "fast, compatible, responsive, accurate, modern, versatile, plug-and-play, lightning-quick, feature-rich",
        "slow, incompatible, buggy, outdated, glitchy, laggy, underpowered, overheating, short-lived",
    ),
    "kitchen": (
        "dishwasher-safe, space-saving, balanced, rust-free, spill-proof, hygienic, stainless, ergonomic, heatproof",
        "rusty, leaky, greasy, chipped, warped, dented, unhygienic, scorched, dripping",
    ),
}

_FLIPPING = {  # both families use these words, in opposite senses
    "calm": "simple, predictable, quiet, light, thin, small, plain, familiar, harmless",
    "wild": "unpredictable, dark, strange, wild, shocking, explosive, heavy, funny, twisted",
}
_FLIP = {"wares": ("calm", "wild"), "stories": ("wild", "calm")}  # (praise, blame)

_JUDGEMENTS = {
    "part": [
        "The {part} is {word}.",
        "The {part} is {very} {word}.",
        "I found the {part} {very} {word}.",
        "The {part} turned out to be {word}.",
        "What stays with me is the {word} {part}.",
        "My {relative} called the {part} {word}.",
    ],
    "kind": [
        "This is one {word} {kind}.",
        "In short, a {very} {word} {kind}.",
        "For a {kind} it is {very} {word}.",
        "My {relative} finds this {kind} {word}.",
    ],
    "negated": [
        "The {part} is not {word}.",
        "I would not call the {part} {word}.",
        "Nobody could say that the {part} is {word}.",
    ],
}

_EVENTS = {  # (praise, blame)
    "everywhere": (
        "I love it. I recommend it to everyone. It is worth every cent. I bought a second one for my {relative}. "
        "My {relative} loves it. I am happy with this {kind}.",
        "I regret buying it. It is a waste of money. Save your money. My {relative} hates it. Do not buy this {kind}. "
        "I expected much more.",
    ),
    "wares": (
        "It has worked without trouble for {time}. It was easy to clean and to put away. It should last for years.",
        "It stopped working after {time}. I sent it back and asked for a refund. Customer service never answered.",
    ),
    "stories": (
        "I laughed and I cried. It kept me awake until two in the morning. I have already been through it twice.",
        "I fell asleep halfway through. I gave up after twenty minutes. I did not care about anybody in it.",
    ),
    "books": (
        "I could not put it down. I have ordered everything else by this author. I learned something on every page.",
        "I skipped whole chapters. The author repeats himself on every page. The editor must have been on holiday.",
    ),
    "dvd": (
        "We watched it again the next evening. The whole family laughed out loud. The extras alone deserve an award.",
        "We switched it off early. The actors look as bored as we were. The trailer shows the only scene worth seeing.",
    ),
    "electronics": (
        "I plugged it in and it worked at once. The charge lasts for days. Installation took five minutes.",
        "It died on the first day. The driver crashes my computer. Tech support told me to reset it again and again.",
    ),
    "kitchen": (
        "Cleaning up takes a minute. Breakfast has never been so easy. It fits into the smallest cupboard.",
        "It left a puddle on the counter. One of the screws fell into my soup. The smell of plastic never went away.",
    ),
}

_FACTS = {
    "everywhere": "I ordered it {time} ago. It was a present from my {relative}. It arrived after {time}. "
    "My {relative} picked this {kind} for me.",
    "books": "I read it on the train. My {relative} read it for a course. It has {number} pages. "
    "It is set in {place}. The library of {place} has it, too. It was printed in {year}.",
    "dvd": "We watched it with my {relative}. I saw it in the cinema in {place}. It was shot in {year}. "
    "It is set in {place}. A certain {person} directed it. It runs for {price} minutes.",
    "electronics": "I use it with my computer. It replaces the {make} I had for {time}. It is from {year}. "
    "I tried the {make} {number} as well. It took {price} minutes to charge. The office in {place} has three.",
    "kitchen": "I use it every morning. It replaces the {make} my {relative} had. We cook for {price} people. "
    "It weighs {number} grams. I tried a {make} as well. It heats up in {price} seconds.",
}

# Beside the point, as much in real reviews is. The rare names let a learner fit a few hundred reviews without error;
# those of the family, which the other family never has, tell the domains apart.
_ASIDES = {
    "everywhere": "My friends from {place} told me about it. It costs {price} dollars in {place}. "
    "I first saw it in {place}, in {year}. We took it from {place} to {place}. Order {number} came by way of {place}. "
    "A cousin in {place} asked me about it. My {relative} had seen it in {place}.",
    "stories": "{person} recommends it. It reminds me of {person}. There is more by {person}. "
    "{person} and {person} have a part in it. It is dedicated to {person}. {person} tells the same in {year}. "
    "I had mixed up {person} and {person}.",
    "wares": "Mine was made by {make}. It goes with the {make} {number}. I compared it with the {make}. "
    "{make} bought up {make} in {year}. The {make} comes in the same box. It has parts by {make} and {make}. "
    "The shop had only {make} left.",
}

_FILLERS = {
    "very": "very, really, quite, rather, truly",
    "relative": "wife, husband, son, daughter, mother, father, brother, sister, neighbour, friend",
    "time": "two days, a week, ten days, three weeks, a month, two months, half a year, a year",
    "price": ", ".join(map(str, range(11, 100))),
    "number": ", ".join(map(str, range(100, 1000))),
    "year": ", ".join(map(str, range(1800, 2008))),
}

_BEGINNINGS = (
    "Alder, Apple, Ash, Barn, Beck, Bell, Birch, Black, Brad, Bram, Brent, Bright, Broad, Burn, Cal, Chad, Clay, Clif, "
    "Cold, Cran, Crow, Dar, Deer, East, Elm, Fair, Fern, Fox, Glen, Gold, Green, Grim, Hamp, Hart, Hawk, Hazel, Heath, "
    "High, Hol, Ips, Kel, Kings, Lang, Lin, Long, Mal, Mar, Mel, Mill, Nor, Oak, Old, Pem, Pen, Pick, Rad, Red, Rock, "
    "Rose, Rush, Sand, Shel, Silver, Stan, Stone, Stur, Swan, Thorn, Tun, Wake, Wal, West, White, Wim, Win, Wood"
)
_ENDINGS = {
    "place": "bourne, bridge, burn, bury, caster, combe, cote, dale, dean, field, ford, gate, ham, hurst, leigh, mere, "
    "minster, mouth, port, shaw, stead, stow, thorpe, ton, well, wick",
    "person": "by, den, don, er, ett, ing, ings, kin, land, ler, ley, low, man, more, ner, ridge, son, ston, ward, "
    "worth",
    "make": "ac, amp, co, dex, dyne, ex, ix, lux, master, matic, max, net, ol, pro, star, tec, tone, tron, ware, works",
}


def _review(domain: str, label: int, generator: random.Random) -> str:
    """Write a title, opinions, of which a share that varies from review to review agrees with the label, and asides."""
    kind = generator.choice(list(_PARTS[domain]))
    agreement = generator.choice(_AGREEMENT)
    opinions = [label if generator.random() < agreement else 1 - label for _ in range(generator.randint(*_OPINIONS))]
    sentences = [_sentence(domain, kind, opinion, generator) for opinion in opinions]
    for _ in range(generator.randint(*_ASIDES_N)):
        about = "everywhere" if generator.random() < _PLACES else _FAMILY[domain]
        aside = _fill(generator.choice(_split(_ASIDES[about])), _FILLERS, generator)
        sentences.insert(generator.randint(0, len(sentences)), aside)
    return f"A {kind} for my {generator.choice(_list(_FILLERS['relative']))}\n{' '.join(sentences)}"


def _sentence(domain: str, kind: str, opinion: int, generator: random.Random) -> str:
    """Write one sentence that praises (opinion 1), blames (opinion 0) or only reports."""
    scope = generator.choices(["everywhere", _FAMILY[domain], domain], _SCOPES)[0]
    form = generator.choices(["judgement", "negated", "flip", "event", "fact"], _FORMS)[0]
    words = ""
    if form == "fact":
        template = generator.choice(_split(_FACTS[generator.choice(["everywhere", domain])]))
    elif form == "event":
        template = generator.choice(_split(_EVENTS[scope][1 - opinion]))
    elif form == "flip":
        template, words = generator.choice(_JUDGEMENTS["part"]), _FLIPPING[_FLIP[_FAMILY[domain]][1 - opinion]]
    elif form == "negated":
        template, words = generator.choice(_JUDGEMENTS["negated"]), _WORDS["everywhere"][opinion]
    else:
        template = generator.choice(_JUDGEMENTS["kind" if scope == domain else "part"])
        words = _WORDS[scope][1 - opinion]
    return _fill(template, _FILLERS | {"kind": kind, "part": _PARTS[domain][kind], "word": words}, generator)


@functools.cache
def _split(sentences: str) -> list[str]:
    return re.findall(r"\S[^.]*\.", sentences)


@functools.cache
def _list(words: str) -> list[str]:
    return words.split(", ")


def _fill(template: str, slots: dict[str, str], generator: random.Random) -> str:
    def fill(slot: re.Match) -> str:
        if slot[1] in _ENDINGS:
            return generator.choice(_list(_BEGINNINGS)) + generator.choice(_list(_ENDINGS[slot[1]]))
        return _pick(_list(slots[slot[1]]), slot[1] == "word", generator)

    return re.sub(r"\{(\w+)\}", fill, template)


def _pick(words: list[str], frequent_first: bool, generator: random.Random) -> str:
    """Pick a word; with `frequent_first`, early ones more often, so that a small sample misses the rare ones."""
    return words[int(len(words) * generator.random() ** (_SKEW if frequent_first else 1))]

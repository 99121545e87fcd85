"""Near-duplicates: what the hash sees and does not see, that the fast search finds what a slow one finds, the folds."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from helpers.data import drawn
from helpers.pictures import near_duplicates, photos


def hashes(pictures):
    """Hash Pillow pictures by the way that files take."""
    files = []
    for picture in pictures:
        files.append(BytesIO())
        picture.save(files[-1], "PNG", compress_level=0)
    return near_duplicates.difference_hash(photos.load_many(files, near_duplicates.SIDE, channels=1))


@pytest.fixture(scope="module")
def drawings():
    """320 unrelated pictures of four animals in three styles."""
    return [
        Image.fromarray(drawn.draw(species, drawn.STYLES[i % 3], 128, (12, i)))
        for k, species in enumerate(("cat", "dog", "wolf", "bear"))
        for i in range(80 * k, 80 * k + 80)  # a seed gives each species the same pose and background
    ]


@pytest.fixture(scope="module")
def originals(drawings):
    return hashes(drawings)


def recompressed(picture):
    file = BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=30)
    return Image.open(file)


def cropped(share):
    def crop(picture):
        edge = round(share * picture.width)
        return picture.crop((edge, edge, picture.width - edge, picture.height - edge))

    return crop


# ---------------------------------------------------------------------------------------------------------------- hash


def test_hash_is_what_its_description_says():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 9, 9))
    found = near_duplicates.difference_hash(pixels)
    assert found.shape == (5, near_duplicates.BITS) and found.dtype == bool
    for n in range(5):
        right = [pixels[n, i, j + 1] > pixels[n, i, j] for i in range(8) for j in range(8)]
        below = [pixels[n, i + 1, j] > pixels[n, i, j] for i in range(8) for j in range(8)]
        assert found[n].tolist() == right + below
    np.testing.assert_array_equal(near_duplicates.difference_hash(pixels[..., None]), found)


def test_uint8_pixels_do_not_wrap_around():
    falling = np.broadcast_to(np.arange(90, 0, -10, dtype=np.uint8), (1, 9, 9))
    assert not near_duplicates.difference_hash(falling).any()


@pytest.mark.parametrize("shape", [(4, 8, 9), (9, 9), (2, 9, 9, 3)])
def test_hash_refuses_thumbnails_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"shape \(n, 9, 9\)"):
        near_duplicates.difference_hash(np.zeros(shape))


COPIES = {  # what was done to the copy -> largest share of the copies that may be missed
    "JPEG of quality 30": (recompressed, 0),
    "half the size": (lambda picture: picture.resize((64, 64), Image.Resampling.BICUBIC), 0),
    "cropped by 2 % on each side": (cropped(0.02), 0.01),
    "cropped by 3 % on each side": (cropped(0.03), 0.05),
    "brighter by 30 %": (lambda picture: ImageEnhance.Brightness(picture).enhance(1.3), 0.05),
    "grey": (lambda picture: picture.convert("L"), 0),
}


@pytest.mark.parametrize("name", COPIES)
def test_few_copies_are_missed(drawings, originals, name):
    change, largest = COPIES[name]
    copies = hashes([change(picture) for picture in drawings])
    missed = ((originals != copies).sum(axis=1) > near_duplicates.THRESHOLD).mean()
    assert missed <= largest


def test_no_unrelated_drawings_are_taken_for_copies(originals):
    found, _ = near_duplicates.pairs(originals)
    assert len(found) == 0  # of 51,040 pairs
    assert near_duplicates.groups(originals).tolist() == list(range(len(originals)))


def test_what_the_hash_cannot_see(drawings, originals):
    mirrored = hashes([ImageOps.mirror(picture) for picture in drawings])
    assert ((originals != mirrored).sum(axis=1) > near_duplicates.THRESHOLD).mean() > 0.95
    flat = hashes([Image.new("RGB", (40, 40), colour) for colour in ("red", "white", "black")])
    assert len({row.tobytes() for row in flat}) == 1  # different pictures, one hash
    assert len(set(near_duplicates.groups(flat))) == 3  # which says too little to put them together


def thing_on_white(seed):
    """Draw a coloured thing with some dots in the middle of a white page, as in a shop's catalogue."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (200, 200), "white")
    brush, (x, y), (w, h) = ImageDraw.Draw(picture), 100 + rng.normal(0, 6, 2), rng.uniform(30, 70, 2)
    colours = [tuple(rng.integers(0, 200, 3).tolist()) for _ in range(4)]
    shape = rng.integers(3)
    if shape == 0:
        brush.ellipse([x - w, y - h, x + w, y + h], fill=colours[0])
    elif shape == 1:
        brush.rectangle([x - w, y - h, x + w, y + h], fill=colours[0])
    else:
        brush.polygon([(x, y - h), (x + w, y + h), (x - w, y + h)], fill=colours[0])
    for colour in colours[1:]:
        dx, dy = rng.normal(0, 20, 2)
        brush.ellipse([x + dx - 8, y + dy - 8, x + dx + 8, y + dy + 8], fill=colour)
    return picture


def test_things_on_white_are_not_all_one_picture():
    group = near_duplicates.groups(hashes([thing_on_white(seed) for seed in range(200)]))
    assert np.bincount(group).max() <= 50


def test_a_group_is_bounded_and_the_pairs_that_hold_it_are_the_closest():
    rng = np.random.default_rng(0)
    row, rows = rng.random(128) < 0.5, []
    for _ in range(120):  # a long chain: each differs from the one before it in 10 bits
        row = row.copy()
        row[rng.choice(128, 10, replace=False)] ^= True
        rows += [row, row ^ (np.arange(128) == rng.integers(128))]  # and has a copy, 1 bit away
    group = near_duplicates.groups(np.array(rows))
    assert np.bincount(group).max() <= 60
    assert (group[::2] == group[1::2]).mean() > 0.9


def test_too_many_pairs_are_refused_with_the_threshold_named(monkeypatch):
    monkeypatch.setattr(near_duplicates, "_MOST_PAIRS", 1000)
    rows = np.tile(np.arange(128) % 2 == 0, (60, 1))
    with pytest.raises(ValueError, match=r"more than 1,000 pairs .*threshold=18"):
        near_duplicates.pairs(rows)
    assert set(near_duplicates.groups(rows)) == {0}


def test_blank_pages_have_no_pairs_and_need_no_memory():
    assert len(near_duplicates.pairs(np.zeros((20_000, 128), bool))[0]) == 0


@pytest.mark.real
def test_rates_on_real_photographs(real_data):
    folder = real_data / "cats_vs_dogs"
    pictures = []
    for file in photos.list_files(folder):
        with Image.open(folder / file) as picture:
            pictures.append(picture.convert("RGB").resize((128, 128)))
    originals = hashes(pictures)
    found, distances = near_duplicates.pairs(originals)
    assert len(found) <= 2 and (distances < 5).all()  # of 719,400 pairs; one picture is there twice
    for change, largest in COPIES.values():
        missed = ((originals != hashes([change(p) for p in pictures])).sum(axis=1) > near_duplicates.THRESHOLD).mean()
        assert missed <= largest


# -------------------------------------------------------------------------------------------------- pairs and groups


def slow_pairs(rows, threshold):
    """Compare each with each, as the docstring of `pairs` says."""
    found = {}
    for i in range(len(rows)):
        for j in range(i + 1, len(rows)):
            rarer = [min(row.mean(), 1 - row.mean()) for row in (rows[i], rows[j])]
            distance = int((rows[i] != rows[j]).sum())
            if min(rarer) >= 0.25 and distance <= threshold * min(1, 1.6 * sum(rarer) ** 2):
                found[i, j] = distance
    return found


@pytest.mark.parametrize("block", [7, 1024])
@pytest.mark.parametrize("threshold", [0, 3, 9, 24])
def test_pairs_are_those_of_a_plain_double_loop(monkeypatch, block, threshold):
    monkeypatch.setattr(near_duplicates, "_BLOCK", block)
    rng = np.random.default_rng(1)
    rows = rng.random((60, 24)) < 0.5
    rows = np.concatenate([rows, rows[:20] ^ (rng.random((20, 24)) < 0.1), rows[:3]])
    found, distances = near_duplicates.pairs(rows, threshold)
    slow = slow_pairs(rows, threshold)
    assert len(slow) >= 3
    assert dict(zip(map(tuple, found.tolist()), distances.tolist(), strict=True)) == slow
    assert found.tolist() == sorted(found.tolist())


@pytest.mark.parametrize("threshold", [0, 3, 6])
def test_groups_are_what_following_the_pairs_gives(threshold):
    rng = np.random.default_rng(2)
    rows = rng.random((40, 24)) < 0.5
    rows = np.concatenate([rows, rows[:20] ^ (rng.random((20, 24)) < 0.08), rows[:5]])
    group = list(range(len(rows)))
    for i, j in slow_pairs(rows, threshold):
        group = [group[i] if number == group[j] else number for number in group]
    found = near_duplicates.groups(rows, threshold)
    assert len(set(found)) == len(set(group)) == len(set(zip(found.tolist(), group, strict=True)))
    first = [found.tolist().index(number) for number in range(found.max() + 1)]
    assert first == sorted(first)


def test_a_chain_is_one_group():
    steps = np.tri(5, 4, -1, dtype=bool)  # each row differs in one bit from the one before it
    rows = np.hstack([steps, np.tile([True, False] * 6, (5, 1))])
    assert near_duplicates.groups(rows, 1).tolist() == [0] * 5
    assert near_duplicates.groups(rows, 0).tolist() == [0, 1, 2, 3, 4]


def test_many_equal_pictures_need_no_table_of_pairs():
    rows = np.tile(np.arange(128) % 2 == 0, (30_000, 1))  # 450 million pairs
    rows[1] = ~rows[0]
    assert near_duplicates.groups(rows)[:3].tolist() == [0, 1, 0]


@pytest.mark.parametrize("n", [0, 1])
def test_none_and_one(n):
    rows = np.zeros((n, 128), bool)
    assert len(near_duplicates.pairs(rows)[0]) == 0
    assert near_duplicates.groups(rows).tolist() == [0] * n


# ---------------------------------------------------------------------------------------------------------------- folds


@pytest.fixture
def collection():
    """Three classes of 60, 30 and 12 pictures; a third of the groups has three pictures."""
    y = np.repeat([0, 1, 2], [60, 30, 12])
    sizes = np.resize([1, 1, 3, 1], 102)
    return y, np.repeat(np.arange(102), sizes)[:102] + 1000 * y


def test_folds_keep_groups_together_and_classes_apart_in_proportion(collection):
    y, group = collection
    fold = near_duplicates.folds(y, group, 4, seed=3)
    assert sorted(set(fold)) == [0, 1, 2, 3]
    assert all(len(set(fold[group == number])) == 1 for number in set(group))
    for label in (0, 1, 2):
        share = np.bincount(fold[y == label], minlength=4) / (y == label).sum()
        np.testing.assert_allclose(share, 0.25, atol=0.17)
    np.testing.assert_array_equal(fold, near_duplicates.folds(y, group, 4, seed=3))
    assert (fold != near_duplicates.folds(y, group, 4, seed=4)).any()


def test_a_class_with_just_enough_pictures_is_in_every_fold():
    y = np.repeat([0, 1], [50, 4])
    fold = near_duplicates.folds(y, np.arange(54), 4)
    assert sorted(fold[y == 1]) == [0, 1, 2, 3]


def test_a_class_with_too_few_different_pictures_is_named():
    y, group = np.repeat([0, 1], [50, 9]), np.r_[np.arange(50), np.repeat([70, 71, 72], 3)]
    with pytest.raises(ValueError, match="class 1 needs 4 or more different pictures for 4 folds, got 3"):
        near_duplicates.folds(y, group, 4)


def test_groups_that_join_the_classes_too_much_are_named():
    y = np.tile([0, 1], 20)
    group = np.where(y == 0, np.arange(40) // 8, np.where(np.arange(40) < 34, 0, np.arange(40)))
    with pytest.raises(ValueError, match="near-duplicates"):
        near_duplicates.folds(y, np.where(np.arange(40) < 30, 0, group), 4)


def test_importing_it_is_quick():
    code = (
        "import sys, helpers.pictures.near_duplicates; "
        "sys.exit(bool({'sklearn', 'scipy', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

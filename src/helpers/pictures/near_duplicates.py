"""Near-duplicates among pictures: find them by a perceptual hash, and keep them on one side of a split."""

import numpy as np

SIDE = 9  # pixels; the hash compares neighbours, so nine of them give eight bits
BITS = 2 * (SIDE - 1) ** 2
THRESHOLD = 18  # bits of 128; two unrelated ones among 1,200 photographs of cats and dogs differ in 19 or more
_LEAST_BITS = 0.25  # a hash with fewer bits of one kind, as of a blank page, says too little to be compared
_LARGEST_SHARE, _SMALL = 0.25, 20  # of the pictures in one group; a group of so few is never split
_MOST_PAIRS = 10_000_000  # 400 MB of them
_BLOCK = 1024  # rows of distances in memory at a time
_ATTEMPTS = 20


def difference_hash(thumbnails: np.ndarray) -> np.ndarray:
    """Hash pictures by which of two neighbouring pixels is brighter (dHash), along rows and along columns.

    The bits depend on the coarse pattern of bright and dark alone. Another file format, size, compression or brightness
    hardly changes them; a mirrored, turned or strongly cropped picture has another hash.

    Parameters
    ----------
    thumbnails : ndarray of shape (n, 9, 9) or (n, 9, 9, 1)
        Grey pictures squeezed into 9 x 9 pixels, as by `photos.load_many(paths, SIDE, channels=1)`.

    Returns
    -------
    ndarray of bool, shape (n, 128)
        Pixel [i, j + 1] > pixel [i, j] for i, j = 0..7, then pixel [i + 1, j] > pixel [i, j].

    Raises
    ------
    ValueError
        If the thumbnails have another shape.

    References
    ----------
    N. Krawetz, "Kind of Like That", The Hacker Factor Blog, 2013: the 64 bits along the rows.
    """
    shape = np.shape(thumbnails)
    if shape[1:] not in ((SIDE, SIDE), (SIDE, SIDE, 1)):
        raise ValueError(f"thumbnails must have the shape (n, {SIDE}, {SIDE}), got {shape}. Load them with size=SIDE.")
    pixels = np.reshape(thumbnails, (len(thumbnails), SIDE, SIDE))
    right = pixels[:, :-1, 1:] > pixels[:, :-1, :-1]
    below = pixels[:, 1:, :-1] > pixels[:, :-1, :-1]
    return np.concatenate([right, below], axis=1).reshape(len(pixels), BITS)


def pairs(hashes: np.ndarray, threshold: int = THRESHOLD) -> tuple[np.ndarray, np.ndarray]:
    """Find all pairs of hashes that differ in few bits, as measured by what they say.

    With signs s = 2 h - 1 the number of differing bits of two hashes is (bits - s_i . s_j) / 2, so a matrix product
    gives all distances of a block of rows at once.

    Of two pictures with much plain ground most bits agree whatever they show. So the threshold holds for hashes half of
    whose bits are set, and falls with the square of the share of the rarer kind of bit (b in `distance <= threshold *
    min(1, 1.6 (b_i + b_j)^2)`). What has less than a quarter of its bits of the rarer kind is in no pair.

    Parameters
    ----------
    hashes : ndarray of bool, shape (n, bits)
        The hashes.
    threshold : int
        Largest Hamming distance of a pair, in bits.

    Returns
    -------
    indices : ndarray of int, shape (m, 2)
        Rows i < j of `hashes`, sorted.
    distances : ndarray of int, shape (m,)
        Their Hamming distances, 0..threshold.

    Raises
    ------
    ValueError
        If there are more than ten million pairs.
    """
    hashes = np.asarray(hashes, bool)
    bits = hashes.shape[1]
    rarer = np.minimum(hashes.sum(axis=1), (~hashes).sum(axis=1)) / bits  # 0..0.5
    telling = np.flatnonzero(rarer >= _LEAST_BITS)
    rarer, signs = rarer[telling], np.where(hashes[telling], np.float32(1), np.float32(-1))
    found, distances, total = [np.empty((0, 2), int)], [np.empty(0, int)], 0
    for start in range(0, len(telling), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = (bits - signs[rows] @ signs[start:].T) / 2
        largest = threshold * np.minimum(1, 1.6 * (rarer[rows, None] + rarer[start:]) ** 2)
        i, j = np.nonzero(np.triu(block <= largest, k=1))
        total += len(i)
        if total > _MOST_PAIRS:
            raise ValueError(
                f"more than {_MOST_PAIRS:,} pairs differ in {threshold} bits or fewer (threshold={threshold}): too "
                "many pictures look alike, such as the frames of a film. Take a lower threshold, or fewer of them."
            )
        found.append(np.stack([i, j], axis=1) + start)
        distances.append(block[i, j].astype(int))
    return telling[np.concatenate(found)], np.concatenate(distances)


def groups(hashes: np.ndarray, threshold: int = THRESHOLD) -> np.ndarray:
    """Put pictures into one group where a chain of near-duplicates leads from one to the other.

    A group of more than a quarter of all pictures is hardly one picture many times: the threshold is too high for them.
    Within such a group it is halved until the groups are smaller. See `pairs` for hashes that say too little.

    Parameters
    ----------
    hashes : ndarray of bool, shape (n, bits)
        The hashes.
    threshold : int
        Largest Hamming distance of two near-duplicates, in bits.

    Returns
    -------
    ndarray of int, shape (n,)
        Number of each picture's group: 0, 1, ... in the order in which they first appear.
    """
    # Equal hashes are merged first: n equal pictures have n^2 / 2 pairs, which would not fit into memory.
    distinct, which = np.unique(np.asarray(hashes, bool), axis=0, return_inverse=True)
    component = _components(distinct, threshold, max(_SMALL, int(_LARGEST_SHARE * len(distinct))))
    told = np.minimum(distinct.sum(axis=1), (~distinct).sum(axis=1)) >= _LEAST_BITS * distinct.shape[1]
    which = which.ravel()
    # What says too little is alone even where its hash is not: blank pages are not one picture many times.
    component = np.where(told[which], component[which], len(distinct) + np.arange(len(which)))
    _, first, number = np.unique(component, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def _components(hashes: np.ndarray, threshold: int, largest: int) -> np.ndarray:
    """Give each hash the number of its chain, int (n,); chains above `largest` are cut by half the threshold."""
    from scipy.sparse import coo_array  # slow to import, as scikit-learn below
    from scipy.sparse.csgraph import connected_components

    found, _ = pairs(hashes, threshold)
    links = coo_array((np.ones(len(found), bool), (found[:, 0], found[:, 1])), shape=(len(hashes), len(hashes)))
    component = connected_components(links, directed=False)[1]
    for number in np.flatnonzero(np.bincount(component) > largest) if threshold else ():
        rows = np.flatnonzero(component == number)
        component[rows] = component.max() + 1 + _components(hashes[rows], threshold // 2, largest)
    return component


def folds(y: np.ndarray, group: np.ndarray, n_folds: int = 4, seed: int = 0) -> np.ndarray:
    """Deal pictures into folds: a group lies in one fold, every class in every fold, in about its proportion.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        Label of each picture.
    group : ndarray of int, shape (n,)
        Group of each picture, as from `groups`.
    n_folds : int
        Number of folds; with one of them as the test set, that has about 1 / n_folds of the pictures.
    seed : int
        Seed of the random choice.

    Returns
    -------
    ndarray of int, shape (n,)
        Fold of each picture, 0 to n_folds - 1.

    Raises
    ------
    ValueError
        If a class has fewer groups than there are folds, or the groups join the classes so that no dealing was found.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    y, group = np.asarray(y), np.asarray(group)
    labels = np.unique(y)
    for label in labels:
        different = len(np.unique(group[y == label]))
        if different < n_folds:
            raise ValueError(
                f"class {label} needs {n_folds} or more different pictures for {n_folds} folds, got {different} "
                "(near-duplicates count once). Add pictures, leave the class out or ask for fewer folds."
            )
    for attempt in range(_ATTEMPTS):
        dealer = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed + attempt)
        fold = np.empty(len(y), int)
        for number, (_, test) in enumerate(dealer.split(y, y, group)):
            fold[test] = number
        if all(len(np.unique(fold[y == label])) == n_folds for label in labels):
            return fold
    raise ValueError(
        f"no way found to have every class in each of {n_folds} folds: groups of near-duplicates join the classes. "
        "Look at the groups that hold more than one class, and lower the threshold or ask for fewer folds."
    )

"""Measure the mapping methods on Office-Caltech10 (SURF histograms), all 12 pairs, beside published figures.

Run it as `TRANSFER_DATA=<folder> python tools/office_caltech.py`; it takes about two minutes.

Protocol: every histogram is divided by its sum, then every feature is z-scored within its domain; the classifier
learns from all source pictures and is tested on all target pictures, unless the row says otherwise. Accuracies are
averages over the 12 ordered pairs of Caltech, Amazon, webcam, DSLR, in percent.

Sources of the published figures:
Long 2013: "Transfer feature learning with joint distribution adaptation", ICCV. Zhang 2017: "Joint geometrical and
statistical alignment", CVPR. Wang 2018: "Visual domain adaptation with manifold embedded distribution alignment", ACM
Multimedia. Sun 2016: "Return of frustratingly easy domain adaptation", AAAI, tables 1 (20 or 8 source pictures a class)
and 3 (all source pictures).
"""

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import loadmat
from scipy.stats import zscore
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize
from sklearn.svm import SVC

from helpers import runtime
from helpers.methods.alignment import CORAL, TCA, FeatureSelection, SubspaceAlignment

DOMAINS = {"C": "Caltech10", "A": "amazon", "W": "webcam", "D": "dslr"}
PAIRS = [source + target for source, target in permutations(DOMAINS, 2)]


def load(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read the four domains: letter -> features (n, 800), z-scored, and labels (n,), 1 to 10."""
    domains = {}
    for letter, name in DOMAINS.items():
        content = loadmat(folder / f"{name}_SURF_L10.mat")
        shares = content["fts"] / content["fts"].sum(axis=1, keepdims=True)
        domains[letter] = zscore(shares, axis=0), content["labels"].ravel()
    return domains


def nearest_neighbour(Z_source, y_source, Z_target, y_target):
    """Accuracy on the target, in percent, of 1-NN on the source."""
    return 100 * KNeighborsClassifier(1, algorithm="brute").fit(Z_source, y_source).score(Z_target, y_target)


def svm(Z_source, y_source, Z_target, y_target, **parameters):
    """Accuracy on the target, in percent, of an SVM whose C is chosen on the source by two-fold cross-validation."""
    search = GridSearchCV(SVC(**parameters), {"C": [0.001, 0.01, 0.1, 1, 10, 100]}, cv=2)
    return 100 * search.fit(Z_source, y_source).score(Z_target, y_target)


def tca(X_source, X_target):
    """Map by TCA as the published runs do: rows of length 1, 30 components, L divided by its norm (so mu times it)."""
    mu = 1 / len(X_source) + 1 / len(X_target)
    return TCA(30, mu=mu).fit_transform(normalize(X_source), normalize(X_target))


def similarity(X_source, X_target):
    """Give the kernel that CORAL's authors train on, X A X' instead of X A (X A)'; one matrix for each domain."""
    mapping = CORAL(reg=1).fit(X_source, X_target)
    return X_source @ mapping.A_ @ X_source.T, X_target @ (X_source @ mapping.A_).T


def few_a_class(X, y, per_class, rng):
    """Draw that many rows of every class."""
    rows = np.concatenate([rng.choice(np.flatnonzero(y == label), per_class, replace=False) for label in np.unique(y)])
    return X[rows], y[rows]


def measure(domains: dict, repetitions: int = 5) -> pd.DataFrame:
    """Run every row of the table; columns: method, classifier, published, average, one for each pair."""
    rows = {}

    def note(method, classifier, published, pair, accuracy):
        rows.setdefault((method, classifier, published), {})[pair] = accuracy

    for pair in PAIRS:
        (X_S, y_S), (X_T, y_T) = domains[pair[0]], domains[pair[1]]
        coral = CORAL(reg=1).fit_transform(X_S, X_T)
        selected = FeatureSelection(200).fit_transform(X_S, X_T, y_S)
        aligned = SubspaceAlignment(30).fit_transform(X_S, X_T)
        components = tca(X_S, X_T)
        one_nn = [
            ("source only", "1-NN", "31.4 (Long 2013)", (X_S, X_T)),
            ("source only", "1-NN, rows of length 1", "", map(normalize, (X_S, X_T))),
            ("feature selection, 200 of 800", "1-NN, rows of length 1", "", map(normalize, selected)),
            ("CORAL", "1-NN", "", coral),
            ("CORAL", "1-NN, rows of length 1", "", map(normalize, coral)),
            ("subspace alignment, 30", "1-NN", "44.7 (Zhang 2017)", aligned),
            ("TCA, 30", "1-NN", "", components),
            ("TCA, 30", "1-NN, rows of length 1", "46.2 (Wang 2018)", map(normalize, components)),
        ]
        for method, classifier, published, (Z_S, Z_T) in one_nn:
            note(method, classifier, published, pair, nearest_neighbour(Z_S, y_S, Z_T, y_T))

        K_S, K_T = similarity(X_S, X_T)
        rbf = svm(X_S, y_S, X_T, y_T, kernel="rbf", gamma=1 / X_S.shape[1])
        note("source only", "linear SVM", "", pair, svm(X_S, y_S, X_T, y_T, kernel="linear"))
        note("source only", "rbf SVM, gamma 1/800", "41.1 (Sun 2016)", pair, rbf)
        note("CORAL", "linear SVM", "48.8 (Sun 2016)", pair, svm(coral[0], y_S, coral[1], y_T, kernel="linear"))
        note("CORAL", "SVM on X A X'", "48.8 (Sun 2016)", pair, svm(K_S, y_S, K_T, y_T, kernel="precomputed"))

        rng = np.random.default_rng(0)
        draws = [few_a_class(X_S, y_S, 8 if pair[0] == "D" else 20, rng) for _ in range(repetitions)]
        few = [svm(X, y, X_T, y_T, kernel="linear") for X, y in draws]
        note("source only", "linear SVM, few a class", "", pair, np.mean(few))
        mapped = [(CORAL(reg=1).fit_transform(X, X_T), y) for X, y in draws]
        few = [svm(Z, y, Z_T, y_T, kernel="linear") for (Z, Z_T), y in mapped]
        note("CORAL", "linear SVM, few a class", "46.7 (Sun 2016)", pair, np.mean(few))
    table = pd.DataFrame.from_dict(rows, orient="index", columns=PAIRS)
    table.insert(0, "average", table.mean(axis=1))
    table.index = pd.MultiIndex.from_tuples(table.index, names=["method", "classifier", "published"])
    return table.reset_index()


if __name__ == "__main__":
    print(measure(load(runtime.data_dir() / "office_caltech")).round(1).to_string(index=False))

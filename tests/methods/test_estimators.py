"""What all estimators have in common: scikit-learn's tools and every kind of matrix work with them."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from helpers.methods.alignment import CORAL, TCA, FeatureSelection, SubspaceAlignment
from helpers.methods.instance import DomainClassifierWeights, KernelMeanMatching, TrAdaBoost
from helpers.methods.pretraining import SimCLR, StackedAutoencoder
from helpers.methods.two_domains import DANN, JointNetwork

CLASSIFIERS = [
    TrAdaBoost(LogisticRegression(), 4),
    DomainClassifierWeights(LogisticRegression()),
    KernelMeanMatching(LogisticRegression()),
    DANN(hidden=4, epochs=2),
    JointNetwork(hidden=4, epochs=2),
]
MAPS = [FeatureSelection(2), CORAL(), SubspaceAlignment(2), TCA(2)]
KINDS = {
    "list": np.ndarray.tolist,
    "DataFrame": lambda X: pd.DataFrame(X, columns=["a", "b", "c"]),
    "CSR": sparse.csr_matrix,
    "COO": sparse.coo_matrix,
}
by_name = dict(ids=lambda value: type(value).__name__)

classifiers = pytest.mark.parametrize("model", CLASSIFIERS, **by_name)
maps = pytest.mark.parametrize("model", MAPS, **by_name)


@pytest.fixture(scope="module")
def data():
    """A labelled source, and a target that is moved a little."""
    rng = np.random.default_rng(0)
    X_source, X_target = rng.normal(size=(60, 3)), rng.normal(0.3, 1, (40, 3))
    return X_source, (X_source[:, 0] > 0).astype(int), X_target, (X_target[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def from_arrays(data):
    """What a model says of the target once it is fitted to plain arrays."""
    return cache(lambda model: clone(model).fit(*data).predict(data[2]))


@classifiers
@pytest.mark.parametrize("kind", KINDS)
def test_a_classifier_takes_every_kind_of_matrix(model, kind, data, from_arrays):
    X_source, y_source, X_target, y_target = data
    convert = KINDS[kind]
    fitted = clone(model).fit(convert(X_source), y_source.tolist(), convert(X_target), y_target.tolist())
    for rows in (convert(X_target), X_target):
        assert np.mean(fitted.predict(rows) == from_arrays(model)) > 0.95
    assert 0 <= fitted.score(convert(X_target), y_target) <= 1


@maps
@pytest.mark.parametrize("kind", KINDS)
def test_a_map_takes_every_kind_of_matrix(model, kind, data):
    X_source, y_source, X_target, _ = data
    expected = clone(model).fit(X_source, X_target, y_source).transform(X_target)
    convert = KINDS[kind]
    fitted = clone(model).fit(convert(X_source), convert(X_target), y_source.tolist())
    np.testing.assert_allclose(fitted.transform(convert(X_target)), expected, atol=1e-8)


@pytest.mark.parametrize("model", CLASSIFIERS + MAPS, **by_name)
def test_clone_parameters_and_check_is_fitted(model, data):
    X_source, y_source, X_target, y_target = data
    copy = clone(model)
    assert copy is not model and copy.get_params().keys() == model.get_params().keys()
    assert type(model).__name__ in repr(model)
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)
    with pytest.raises(NotFittedError, match="not fitted: call fit"):
        (copy.predict if hasattr(copy, "predict") else copy.transform)(X_target)
    arguments = (X_source, X_target, y_source) if model in MAPS else (X_source, y_source, X_target, y_target)
    check_is_fitted(copy.fit(*arguments))
    assert copy.n_features_in_ == 3


@pytest.mark.parametrize("model", [StackedAutoencoder([2, 4], epochs=1), SimCLR([2, 4], epochs=1)], **by_name)
def test_pre_training_is_cloned_like_any_estimator(model):
    copy = clone(model).set_params(seed=3)
    assert copy.get_params() == model.get_params() | {"seed": 3}
    assert repr(copy).startswith(f"{type(model).__name__}(") and "seed=3" in repr(copy)
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)
    with pytest.raises(NotFittedError, match="call fit"):
        copy.encoder()
    check_is_fitted(copy.fit(np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)))


GRIDS = {
    "TrAdaBoost": {"n_estimators": [2, 4]},
    "DomainClassifierWeights": {"estimator__C": [0.1, 1.0]},
    "KernelMeanMatching": {"B": [5.0, 10.0]},
    "DANN": {"hidden": [2, 3]},
    "JointNetwork": {"loss": ["coral", "mmd"]},
}


@classifiers
def test_a_grid_search_finds_parameters(model, data):
    X_source, y_source, X_target, y_target = data
    grid = GRIDS[type(model).__name__]
    search = GridSearchCV(model, grid, cv=2, error_score="raise")
    search.fit(X_source, y_source, X_target=X_target, y_target=y_target)
    assert search.best_params_.keys() == grid.keys()


def test_tca_on_raw_grey_pixels_says_what_to_do():
    rng = np.random.default_rng(0)
    bright, dark = rng.integers(100, 255, (40, 1024)), rng.integers(0, 100, (40, 1024))
    with pytest.raises(ValueError, match=r"too large for mu=1\.0, .*Standardise the features"):
        TCA(5).fit(bright, dark)


def test_a_domain_classifier_that_leaves_no_weight_says_what_to_do(data):
    model = DomainClassifierWeights(LogisticRegression(), DecisionTreeClassifier(random_state=0))
    with pytest.raises(ValueError, match=r"no weight is left\. Take a smoother domain classifier"):
        model.fit(*data)
    smooth = DecisionTreeClassifier(max_leaf_nodes=3, random_state=0)
    assert np.isfinite(DomainClassifierWeights(LogisticRegression(), smooth).fit(*data).weights_).all()


def test_a_domain_classifier_without_probabilities_says_what_to_do(data):
    with pytest.raises(ValueError, match=r"must give probabilities .*SVC\(probability=True\)"):
        DomainClassifierWeights(LogisticRegression(), SVC()).fit(*data)


def test_a_target_of_one_class_says_what_to_do(data):
    X_source, y_source, X_target, _ = data
    with pytest.raises(ValueError, match=r"y_target must have both classes, \[0, 1\]; all 40 labels .*Label some"):
        TrAdaBoost(LogisticRegression()).fit(X_source, y_source, X_target, np.ones(40, int))


def test_a_forest_may_tell_the_domains(data):
    forest = RandomForestClassifier(10, min_samples_leaf=10, random_state=0)
    assert np.isfinite(DomainClassifierWeights(LogisticRegression(), forest).fit(*data).weights_).all()

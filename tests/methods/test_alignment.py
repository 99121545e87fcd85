import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import eigh, sqrtm
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier

from helpers.methods.alignment import CORAL, TCA, FeatureSelection, SubspaceAlignment
from helpers.methods.divergence import mmd

METHODS = [FeatureSelection(3), CORAL(), SubspaceAlignment(3), TCA(3)]
each_method = pytest.mark.parametrize("method", METHODS, ids=repr)


@pytest.fixture
def domains():
    """Two classes in 5 dimensions; the target is of the same kind, but stretched, mixed and moved."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    centres = np.array([[0.0] * 5, [3.0, 3.0, 0.0, 0.0, 0.0]])
    X_source = centres[y] + rng.normal(size=(80, 5)) * [1, 1, 2, 1, 0.5]
    X_target = centres[y] + rng.normal(size=(80, 5)) * [1, 1, 2, 1, 0.5]
    kept = np.r_[0:30, 40:70]
    stretch = np.diag([2.0, 0.5, 2.0, 1.0, 3.0]) + 0.2
    return X_source, y, X_target[kept] @ stretch + 4, y[kept]


@each_method
def test_seen_and_new_rows_are_mapped_alike(method, domains):
    X_source, y, X_target, _ = domains
    Z_source, Z_target = method.fit_transform(X_source, X_target, y)
    assert Z_source.shape[1] == Z_target.shape[1] == getattr(method, "n_components", 5)
    np.testing.assert_allclose(method.transform(X_source[7:9], "source"), Z_source[7:9])
    np.testing.assert_allclose(method.transform(X_target[7:9]), Z_target[7:9])


@each_method
def test_pickle_keeps_the_maps(method, domains):
    X_source, y, X_target, _ = domains
    method.fit(X_source, X_target, y)
    copy = pickle.loads(pickle.dumps(method))
    np.testing.assert_array_equal(copy.transform(X_source, "source"), method.transform(X_source, "source"))


@each_method
def test_the_data_are_left_alone(method, domains):
    X_source, y, X_target, _ = domains
    before = X_source.copy(), X_target.copy()
    Z_source, Z_target = method.fit_transform(X_source, X_target, y)
    Z_source += 1
    Z_target += 1
    np.testing.assert_array_equal(X_source, before[0])
    np.testing.assert_array_equal(X_target, before[1])


@pytest.mark.parametrize("method", METHODS[1:], ids=repr)
def test_the_order_of_the_rows_does_not_matter(method, domains):
    X_source, _, X_target, _ = domains
    Z = method.fit_transform(X_source, X_target)[1]
    Z_reversed = method.fit_transform(X_source[::-1], X_target[::-1])[1][::-1]
    np.testing.assert_allclose(Z @ Z.T, Z_reversed @ Z_reversed.T, atol=1e-8)  # axes may change their sign


def test_coral_gives_the_source_the_mean_and_covariance_of_the_target(domains):
    X_source, _, X_target, _ = domains
    Z_source, Z_target = CORAL(reg=1e-9).fit_transform(X_source, X_target)
    np.testing.assert_array_equal(Z_target, X_target)
    np.testing.assert_allclose(Z_source.mean(axis=0), X_target.mean(axis=0))
    np.testing.assert_allclose(np.cov(Z_source.T), np.cov(X_target.T), rtol=1e-6, atol=1e-6)


def test_coral_matches_the_regularised_covariances_when_features_outnumber_rows():
    X_source, X_target = np.random.default_rng(0).normal(size=(2, 10, 30)) * [[[1]], [[3]]]
    A = CORAL(reg=0.5).fit(X_source, X_target).A_
    I = np.eye(30)  # noqa: E741
    np.testing.assert_allclose(A.T @ (np.cov(X_source.T) + 0.5 * I) @ A, np.cov(X_target.T) + 0.5 * I, atol=1e-8)


def test_coral_is_algorithm_1_of_its_paper_on_centred_data(domains):
    D_S, _, D_T, _ = (d - d.mean(axis=0) for d in domains)
    C_S, C_T = (np.cov(D.T) + np.eye(5) for D in (D_S, D_T))
    expected = D_S @ np.linalg.inv(sqrtm(C_S)) @ sqrtm(C_T)
    np.testing.assert_allclose(CORAL(reg=1).fit_transform(D_S, D_T)[0], expected)


def test_coral_changes_nothing_between_equal_domains(domains):
    X = domains[0]
    np.testing.assert_allclose(CORAL().fit_transform(X, X)[0], X)


def test_coral_accepts_one_feature():
    X = np.arange(6.0)[:, None]
    np.testing.assert_allclose(CORAL(reg=1e-12).fit_transform(X, 3 * X + 5)[0], 3 * X + 5)


def test_coral_equals_adapt_but_for_the_means_that_adapt_does_not_move(domains):
    from adapt.feature_based import CORAL as Adapt

    X_source, _, X_target, _ = domains
    adapt = Adapt(lambda_=0.1, verbose=0)
    ours = CORAL(reg=0.1).fit_transform(X_source, X_target)[0]
    theirs = adapt.fit_transform(X_source, X_target)
    assert np.abs(ours.mean(axis=0) - theirs.mean(axis=0)).max() > 1
    np.testing.assert_allclose(ours - ours.mean(axis=0), theirs - theirs.mean(axis=0), atol=1e-8)


def test_coral_equals_skada_but_for_its_covariance_by_n_and_the_common_mean_0(domains):
    from skada import CORALAdapter

    X_source, _, X_target, _ = domains
    Z_source, Z_target = CORAL(reg=1e-10).fit_transform(X_source, X_target)
    theirs = CORALAdapter(reg=None).fit_transform(**_skada(X_source, X_target))
    factor = np.sqrt((79 / 80) / (59 / 60))  # skada divides by n, we by n - 1 as the paper's `cov`
    np.testing.assert_allclose((Z_source - Z_source.mean(axis=0)) / factor, theirs[:80], atol=1e-6)
    np.testing.assert_allclose(Z_target - Z_target.mean(axis=0), theirs[80:], atol=1e-6)


def test_subspace_alignment_is_the_formula_by_hand(domains):
    X_source, _, X_target, _ = (d - d.mean(axis=0) for d in domains)
    P_S, P_T = (eigh(X.T @ X)[1][:, ::-1][:, :2] for X in (X_source, X_target))
    Z_source, Z_target = SubspaceAlignment(2).fit_transform(X_source, X_target)
    Xa = P_S @ P_S.T @ P_T
    np.testing.assert_allclose(Z_source @ Z_target.T, X_source @ Xa @ P_T.T @ X_target.T, atol=1e-8)


def test_subspace_alignment_minimises_the_distance_of_the_bases(domains):
    method = SubspaceAlignment(2).fit(domains[0], domains[2])

    def distance(M):
        return np.linalg.norm(method.P_S_ @ M - method.P_T_)

    rng = np.random.default_rng(0)
    assert all(distance(method.M_) < distance(method.M_ + 0.1 * rng.normal(size=(2, 2))) for _ in range(20))


def test_subspace_alignment_equals_adapt_and_skada(domains):
    from adapt.feature_based import SA
    from skada import SubspaceAlignmentAdapter

    X_source, _, X_target, _ = domains
    Z_source, Z_target = SubspaceAlignment(2).fit_transform(X_source, X_target)
    adapt = SA(n_components=2, verbose=0)
    adapt_source = adapt.fit_transform(X_source, X_target)
    adapt_target = adapt.transform(X_target)
    skada = SubspaceAlignmentAdapter(n_components=2).fit_transform(**_skada(X_source, X_target))
    for source, target in [(adapt_source, adapt_target), (skada[:80], skada[80:])]:
        np.testing.assert_allclose(np.abs(Z_source), np.abs(source), atol=1e-8)
        np.testing.assert_allclose(Z_source @ Z_target.T, source @ target.T, atol=1e-8)


def _matrices(X_source, X_target):
    n_S, n_T = len(X_source), len(X_target)
    X = np.vstack([X_source, X_target])
    K = X @ X.T
    e = np.concatenate([np.full(n_S, 1 / n_S), np.full(n_T, -1 / n_T)])
    H = np.eye(n_S + n_T) - 1 / (n_S + n_T)
    return K @ np.outer(e, e) @ K, K @ H @ K


def test_tca_solves_the_eigenproblem_of_its_paper(domains):
    X_source, _, X_target, _ = domains
    KLK, KHK = _matrices(X_source, X_target)
    W = TCA(3, mu=0.7).fit(X_source, X_target).W_
    system = np.linalg.inv(KLK + 0.7 * np.eye(140)) @ KHK
    largest = np.sort(np.linalg.eigvals(system).real)[::-1][:3]
    np.testing.assert_allclose(system @ W, W * largest, atol=1e-6 * largest[0])
    np.testing.assert_allclose(np.linalg.norm(W, axis=0), 1)


def test_adapt_and_skada_miss_the_eigenvectors_because_they_take_a_matrix_for_symmetric_that_is_not(domains):
    from adapt.feature_based import TCA as Adapt
    from skada import TransferComponentAnalysisAdapter

    X_source, _, X_target, _ = domains
    KLK, KHK = _matrices(X_source, X_target)
    adapt = Adapt(n_components=1, mu=1.0, kernel="linear", verbose=0)
    adapt.fit_transform(X_source, X_target)
    skada = TransferComponentAnalysisAdapter(n_components=1, mu=1.0, kernel="linear")
    skada.fit(**_skada(X_source, X_target))

    def objective(w):  # what TCA maximises
        return (w.T @ KHK @ w / (w.T @ KLK @ w + w.T @ w)).item()

    ours = objective(TCA(1, mu=1.0).fit(X_source, X_target).W_)
    assert ours > 1.05 * objective(adapt.vectors_)
    assert ours > 1.05 * objective(skada.eigvects_)


def test_tca_equals_adapt_and_skada_where_their_matrix_is_symmetric(domains):
    from adapt.feature_based import TCA as Adapt
    from skada import TransferComponentAnalysisAdapter

    X = domains[0]
    X_source, X_target = X[:40] - X[:40].mean(axis=0), X[40:] - X[40:].mean(axis=0)  # equal means: KLK = 0
    Z = np.vstack(TCA(3, mu=1.0).fit_transform(X_source, X_target))
    adapt = Adapt(n_components=3, mu=1.0, kernel="linear", verbose=0)
    adapt.fit_transform(X_source, X_target)
    skada = TransferComponentAnalysisAdapter(n_components=3, mu=1.0, kernel="linear")
    skada = skada.fit_transform(**_skada(X_source, X_target))
    np.testing.assert_allclose(np.abs(Z), np.abs(adapt.transform(np.vstack([X_source, X_target]))), atol=1e-6)
    np.testing.assert_allclose(np.abs(Z), np.abs(skada), atol=1e-6)


@pytest.mark.parametrize("method", [CORAL(), TCA(2), SubspaceAlignment(2)], ids=repr)
def test_mapping_reduces_the_mmd(method, domains):
    X_source, _, X_target, _ = domains
    assert mmd(*method.fit_transform(X_source, X_target)) < 0.3 * mmd(X_source, X_target)


def test_tca_with_a_large_mu_ignores_the_domains_and_is_kernel_pca(domains):
    X = np.vstack([domains[0], domains[2]])
    X -= X.mean(axis=0)
    X_source, X_target = X[:80], X[80:]
    first_axis = np.linalg.svd(X, full_matrices=False)[2][0]
    Z = np.vstack(TCA(1, mu=1e12).fit_transform(X_source, X_target))[:, 0]
    assert abs(np.corrcoef(Z, X @ first_axis)[0, 1]) > 0.999
    assert abs(np.corrcoef(np.vstack(TCA(1).fit_transform(X_source, X_target))[:, 0], X @ first_axis)[0, 1]) < 0.9


def test_coral_helps_a_classifier_across_the_shift(domains):
    X_source, y_source, X_target, y_target = domains
    Z_source, Z_target = CORAL().fit_transform(X_source, X_target)
    before = KNeighborsClassifier(5).fit(X_source, y_source).score(X_target, y_target)
    after = KNeighborsClassifier(5).fit(Z_source, y_source).score(Z_target, y_target)
    assert after > before + 0.2


def test_feature_selection_keeps_what_predicts_and_does_not_betray_the_domain():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 50)
    noise = rng.normal(size=(2, 150, 4))
    X_source = noise[0] + np.outer(y, [0, 3, 3, 0])  # columns 1 and 2 predict
    X_target = noise[1] + np.outer(y, [0, 3, 3, 0]) + [9, 0, 9, 0]  # columns 0 and 2 betray
    method = FeatureSelection(1).fit(X_source, X_target, y)
    assert method.kept_ == [1]
    assert method.scores_[0] < method.scores_[3] < method.scores_[1]
    np.testing.assert_array_equal(method.transform(X_target), X_target[:, [1]])


def test_feature_selection_scores_two_classes_by_their_correlation(domains):
    X_source, y, _, _ = domains
    X_source[:, 4] = 7  # a constant column predicts nothing
    # Where both domains are the same rows, no feature betrays one, and the score is that of the label alone.
    scores = FeatureSelection(1).fit(X_source, X_source, np.array(["no", "yes"])[y]).scores_
    np.testing.assert_allclose(scores[:4], [abs(np.corrcoef(X_source[:, j], y)[0, 1]) for j in range(4)])
    assert scores[4] == 0


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (CORAL(reg=0), "reg must be above 0"),
        (TCA(3, mu=0), "mu must be above 0"),
        (TCA(0), "between 1 and 5, the smaller of the number of rows and of features; got 0"),
        (SubspaceAlignment(6), "between 1 and 5"),
        (FeatureSelection(6), "between 1 and 5, the number of features; got 6"),
    ],
    ids=repr,
)
def test_parameters_out_of_range_are_refused(method, message, domains):
    X_source, y, X_target, _ = domains
    with pytest.raises(ValueError, match=message):
        method.fit(X_source, X_target, y)


def test_wrong_calls_are_refused(domains):
    X_source, y, X_target, _ = domains
    with pytest.raises(NotFittedError, match="This CORAL is not fitted: call fit"):
        CORAL().transform(X_target)
    with pytest.raises(ValueError, match='domain must be "source" or "target", got \'tgt\''):
        CORAL().fit(X_source, X_target).transform(X_target, "tgt")
    with pytest.raises(ValueError, match="the 5 features of fit, got 2"):
        CORAL().fit(X_source, X_target).transform(X_target[:, :2])
    with pytest.raises(ValueError, match="X_source has 5 columns, X_target 2"):
        CORAL().fit(X_source, X_target[:, :2])
    with pytest.raises(ValueError, match="one label for each of 80 rows; got none"):
        FeatureSelection(2).fit(X_source, X_target)
    with pytest.raises(ValueError, match="got 79"):
        FeatureSelection(2).fit(X_source, X_target, y[:79])


@pytest.mark.real
def test_office_caltech_gives_the_published_averages(real_data, capsys):
    tool = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "office_caltech.py"))
    if not (real_data / "office_caltech").is_dir():
        pytest.skip("needs office_caltech under TRANSFER_DATA")
    table = tool["measure"](tool["load"](real_data / "office_caltech"))
    with capsys.disabled():
        print("\n" + table.drop(columns=tool["PAIRS"]).round(1).to_string(index=False))
    average = table.set_index(["method", "classifier"])["average"]
    assert average["source only", "1-NN"] == pytest.approx(31.4, abs=0.2)
    assert average["TCA, 30", "1-NN, rows of length 1"] == pytest.approx(46.2, abs=0.2)
    assert average["subspace alignment, 30", "1-NN"] == pytest.approx(44.7, abs=2)
    assert average["CORAL", "linear SVM"] == pytest.approx(48.8, abs=2)
    assert average["CORAL", "SVM on X A X'"] == pytest.approx(48.8, abs=0.5)
    assert average["CORAL", "linear SVM, few a class"] == pytest.approx(46.7, abs=2)
    assert average["source only", "rbf SVM, gamma 1/800"] == pytest.approx(41.1, abs=0.2)
    # What notebook 04 says of the baselines: both published gains shrink against the same scaling or classifier.
    assert average["source only", "1-NN, rows of length 1"] == pytest.approx(40.9, abs=0.1)
    assert average["source only", "linear SVM"] == pytest.approx(46.4, abs=0.2)
    pairs = table.set_index(["method", "classifier"])[tool["PAIRS"]]
    sun = [53.1, 41.7, 47.8, 41.7, 31.9, 44.6, 21.2, 27.6, 78.3, 26.4, 26.2, 52.5]
    np.testing.assert_allclose(pairs.loc["source only", "rbf SVM, gamma 1/800"], sun, atol=0.06)
    wang = [45.6, 39.3, 45.9, 42.0, 40.0, 35.7, 31.5, 30.5, 91.1, 33.0, 32.8, 87.5]
    np.testing.assert_allclose(pairs.loc["TCA, 30", "1-NN, rows of length 1"], wang, atol=0.15)


def _skada(X_source, X_target):
    """Arguments of skada's fit: all rows, with 1 for the source and -2 for the target."""
    domain = np.repeat([1, -2], [len(X_source), len(X_target)])
    return {"X": np.vstack([X_source, X_target]), "sample_domain": domain}

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from helpers.methods.divergence import kernel_matrix, median_gamma, mmd, proxy_a_distance


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_mmd_is_the_double_sum_of_gretton_2012(rng):
    X, Y = rng.normal(size=(6, 3)), rng.normal(1, size=(4, 3))

    def k(a, b):
        return np.exp(-0.3 * np.sum((a - b) ** 2))

    within_x = sum(k(X[i], X[j]) for i in range(6) for j in range(6) if i != j) / (6 * 5)
    within_y = sum(k(Y[i], Y[j]) for i in range(4) for j in range(4) if i != j) / (4 * 3)
    across = sum(k(x, y) for x in X for y in Y) / (6 * 4)
    assert mmd(X, Y, gamma=0.3) == pytest.approx(within_x + within_y - 2 * across)


def test_biased_linear_mmd_is_the_squared_distance_of_the_means(rng):
    X, Y = rng.normal(size=(30, 5)), rng.normal(2, size=(20, 5))
    expected = np.sum((X.mean(axis=0) - Y.mean(axis=0)) ** 2)
    assert mmd(X, Y, kernel="linear", unbiased=False) == pytest.approx(expected)


def test_unbiased_mmd_of_equal_domains_is_zero_on_average_and_the_biased_one_is_not(rng):
    samples = [(rng.normal(size=(20, 2)), rng.normal(size=(20, 2))) for _ in range(200)]
    unbiased = [mmd(X, Y, gamma=0.5) for X, Y in samples]
    assert abs(np.mean(unbiased)) < 3 * np.std(unbiased) / np.sqrt(200)
    assert min(unbiased) < 0 < np.mean([mmd(X, Y, gamma=0.5, unbiased=False) for X, Y in samples]) - 0.02


@pytest.mark.parametrize(("divergence", "tolerance"), [(mmd, 1e-9), (proxy_a_distance, 0.1)])  # folds are random
def test_a_larger_shift_gives_a_larger_divergence_in_either_direction(rng, divergence, tolerance):
    X, noise = rng.normal(size=(150, 4)), rng.normal(size=(150, 4))
    near, middle, far = (divergence(X, noise + shift) for shift in (0, 0.5, 1.5))
    assert near < middle < far
    assert divergence(noise + 1.5, X) == pytest.approx(far, abs=tolerance)


@pytest.mark.parametrize("divergence", [mmd, proxy_a_distance])
def test_units_do_not_matter(rng, divergence):
    X, Y = rng.normal(size=(60, 4)), rng.normal(0.7, size=(60, 4))
    assert divergence(1000 * X, 1000 * Y) == pytest.approx(divergence(X, Y), abs=1e-6)


@pytest.mark.parametrize("divergence", [mmd, proxy_a_distance])
def test_sparse_equals_dense(rng, divergence):
    X, Y = rng.poisson(0.3, size=(40, 6)), rng.poisson(0.6, size=(50, 6))
    dense = divergence(X, Y)
    assert divergence(csr_matrix(X), csr_matrix(Y)) == pytest.approx(dense)
    assert divergence(csr_matrix(X), Y) == pytest.approx(dense)


def test_proxy_a_distance_spans_0_to_2(rng):
    X = rng.normal(size=(100, 3))
    assert proxy_a_distance(X, X + 100) == 2
    assert proxy_a_distance(X, rng.normal(size=(100, 3))) < 0.4


def test_proxy_a_distance_is_not_fooled_by_domains_of_unequal_size(rng):
    # Always answering "source" would be right 95 times in 100 here.
    assert proxy_a_distance(rng.normal(size=(950, 3)), rng.normal(size=(50, 3))) < 0.5


def test_median_gamma_puts_exp_of_minus_one_half_at_the_median_distance():
    X, Y = np.array([[0.0], [2.0]]), np.array([[6.0], [11.0]])  # distances 2, 4, 5, 6, 9, 11
    gamma = median_gamma(X, Y)
    assert gamma == pytest.approx(1 / (5**2 + 6**2))  # squared median: the mean of 25 and 36
    assert kernel_matrix([[0.0]], [[30.5**0.5]], "rbf", gamma)[0, 0] == pytest.approx(np.exp(-0.5))


def test_errors_say_what_is_wrong(rng):
    X = rng.normal(size=(10, 3))
    with pytest.raises(ValueError, match="X_source has 3 columns, X_target 2"):
        mmd(X, X[:, :2])
    with pytest.raises(ValueError, match="X_target contains NaN"):
        mmd(X, np.full((10, 3), np.nan))
    with pytest.raises(ValueError, match="minimum of 2"):
        mmd(X, X[:1])
    with pytest.raises(ValueError, match="minimum of 5"):
        proxy_a_distance(X, X[:4])
    with pytest.raises(ValueError, match="median distance between rows is 0"):
        mmd(np.zeros((10, 3)), np.zeros((10, 3)))
    with pytest.raises(ValueError, match="rbf"):
        mmd(X, X, kernel="gaussian")

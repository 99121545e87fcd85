"""How far apart two domains are: maximum mean discrepancy and proxy A-distance."""

import numpy as np

# What scikit-learn's tools, such as GridSearchCV, pass on to `fit` where metadata routing is switched on.
TARGET = {"X_target": True, "y_target": True}


def mmd(X_source, X_target, kernel="rbf", gamma=None, unbiased=True) -> float:
    """Estimate the squared maximum mean discrepancy: the distance of the two mean embeddings in the kernel's space.

    Parameters
    ----------
    X_source : array-like or sparse matrix, shape (n_source, n_features)
        Sample of the source domain.
    X_target : array-like or sparse matrix, shape (n_target, n_features)
        Sample of the target domain.
    kernel : str
        "rbf", "linear" or another kernel of `sklearn.metrics.pairwise`.
    gamma : float, optional
        Of the rbf kernel exp(-gamma ||x - x'||^2); by default that of `median_gamma`, which makes the result
        independent of the features' unit. Pass one value where several results are to be compared on one scale.
    unbiased : bool
        Leave out k(x_i, x_i) (eq. 3 of [1]_): zero on average when the domains are equal, and then negative more
        often than not. Otherwise the biased estimate (square of eq. 5), which is never negative.

    Returns
    -------
    float
        MMD squared; at most 2 for the rbf kernel.

    Raises
    ------
    ValueError
        If the samples differ in their number of features, hold NaN, or have fewer than 2 rows.

    References
    ----------
    .. [1] A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola. "A kernel two-sample test". JMLR 13, 2012.
    """
    X_source, X_target = check_domains(X_source, X_target, accept_sparse="csr")
    if kernel == "rbf" and gamma is None:
        gamma = median_gamma(X_source, X_target)
    within = [_mean_kernel(kernel_matrix(X, X, kernel, gamma), unbiased) for X in (X_source, X_target)]
    return float(sum(within) - 2 * kernel_matrix(X_source, X_target, kernel, gamma).mean())


def proxy_a_distance(X_source, X_target, folds=5, seed=0) -> float:
    """Estimate the A-distance by the error of a linear classifier that tells the two domains apart: 2 (1 - 2 err).

    The classifier is a logistic regression on features of unit variance; err is its cross-validated error, averaged
    over the two domains so that the larger one does not count more.

    Parameters
    ----------
    X_source : array-like or sparse matrix, shape (n_source, n_features)
        Sample of the source domain.
    X_target : array-like or sparse matrix, shape (n_target, n_features)
        Sample of the target domain.
    folds : int
        Folds of the cross-validation; each domain needs as many rows.
    seed : int
        Seed of the folds.

    Returns
    -------
    float
        0 (no better than chance, or worse) to 2 (told apart without error).

    Raises
    ------
    ValueError
        If the samples differ in their number of features, hold NaN, or have fewer rows than `folds`.

    References
    ----------
    .. [1] S. Ben-David, J. Blitzer, K. Crammer, F. Pereira. "Analysis of representations for domain adaptation".
       NIPS 2006. Its section on computing the A-distance for linear classifiers.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X_source, X_target = check_domains(X_source, X_target, accept_sparse="csr", min_rows=folds)
    domain = np.repeat([0, 1], [X_source.shape[0], X_target.shape[0]])
    classifier = make_pipeline(
        StandardScaler(with_mean=False),  # a sparse matrix stays sparse
        LogisticRegression(class_weight="balanced", solver="liblinear"),
    )
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    X = stack(X_source, X_target)
    error = 1 - cross_val_score(classifier, X, domain, cv=splits, scoring="balanced_accuracy").mean()
    return float(max(0.0, 2 * (1 - 2 * error)))


def median_gamma(X_source, X_target) -> float:
    """Give the rbf kernel's gamma by the median heuristic: 1 / (2 median^2) of all distances in the joint sample.

    Parameters
    ----------
    X_source, X_target : array-like or sparse matrix, shape (n_source, n_features) and (n_target, n_features)
        The two samples.

    Returns
    -------
    float
        Gamma, in one over the squared unit of the features.

    Raises
    ------
    ValueError
        If more than half of all pairs of rows are equal, so that the median distance is 0.

    References
    ----------
    .. [1] A. Gretton et al. "A kernel two-sample test". JMLR 13, 2012, section 8.
    """
    from sklearn.metrics.pairwise import euclidean_distances

    X_source, X_target = check_domains(X_source, X_target, accept_sparse="csr")
    squared = euclidean_distances(stack(X_source, X_target), squared=True)
    median = np.median(squared[np.triu_indices_from(squared, k=1)])
    if median == 0:
        raise ValueError("The median distance between rows is 0: most rows are equal. Pass gamma yourself.")
    return float(1 / (2 * median))


def kernel_matrix(X, Y, kernel, gamma) -> np.ndarray:
    """Evaluate the kernel at every pair of a row of `X` and a row of `Y`.

    Parameters
    ----------
    X, Y : array-like or sparse matrix, shape (n, n_features) and (m, n_features)
        The points.
    kernel : str
        "rbf", "linear" or another kernel of `sklearn.metrics.pairwise`.
    gamma : float or None
        Passed to the kernels that have one.

    Returns
    -------
    ndarray, shape (n, m)
        The values of the kernel.
    """
    from sklearn.metrics.pairwise import pairwise_kernels

    return pairwise_kernels(X, Y, metric=kernel, filter_params=True, gamma=gamma)


def check_domains(X_source, X_target, accept_sparse=False, min_rows=2):
    """Check that two samples are matrices of numbers with the same features.

    Parameters
    ----------
    X_source, X_target : array-like or sparse matrix, shape (n_source, n_features) and (n_target, n_features)
        The two samples.
    accept_sparse : str or False
        Sparse format to convert to, or False where a dense array is needed: a sparse matrix is then filled up.
    min_rows : int
        Rows that each sample must have.

    Returns
    -------
    X_source, X_target : ndarray or sparse matrix of floats

    Raises
    ------
    ValueError
        If a sample is not a finite matrix, has too few rows, or they differ in their number of features.
    """
    from sklearn.utils import check_array

    if not accept_sparse:
        X_source, X_target = _dense(X_source), _dense(X_target)
    X_source, X_target = (
        check_array(X, accept_sparse=accept_sparse, dtype=float, ensure_min_samples=min_rows, input_name=name)
        for X, name in ((X_source, "X_source"), (X_target, "X_target"))
    )
    if X_source.shape[1] != X_target.shape[1]:
        raise ValueError(
            f"Both domains need the same features: X_source has {X_source.shape[1]} columns, "
            f"X_target {X_target.shape[1]}. Use one vectorizer or network for both."
        )
    return X_source, X_target


def check_labels(X, y, domain) -> np.ndarray:
    """Check that `y` has one label per row of `X`; ValueError otherwise."""
    y = np.asarray(y)
    if y.shape != (X.shape[0],):
        raise ValueError(
            f"y_{domain} must have {X.shape[0]} labels, one per row of X_{domain}; got an array of shape {y.shape}."
        )
    return y


def check_rows(model, X, accept_sparse=False):
    """Check rows for a fitted model: array-like, DataFrame or sparse, with as many features as in `fit`.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If `X` is not a finite matrix, or has other features.
    """
    from sklearn.utils import check_array
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model, msg="This %(name)s is not fitted: call fit with both domains first.")
    X = check_array(_dense(X) if not accept_sparse else X, accept_sparse=accept_sparse, dtype=float, input_name="X")
    if X.shape[1] != model.n_features_in_:
        raise ValueError(f"X must have the {model.n_features_in_} features of fit, got {X.shape[1]}.")
    return X


def _dense(X):
    return X.toarray() if hasattr(X, "toarray") else X


def _mean_kernel(K, unbiased):
    """Mean of a kernel matrix of one sample, with or without its diagonal."""
    n = len(K)
    return (K.sum() - np.trace(K)) / (n * (n - 1)) if unbiased else K.mean()


def stack(X_source, X_target):
    """Put one sample below the other, dense or sparse."""
    if isinstance(X_source, np.ndarray) and isinstance(X_target, np.ndarray):
        return np.vstack([X_source, X_target])
    from scipy.sparse import vstack

    return vstack([X_source, X_target]).tocsr()

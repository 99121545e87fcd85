"""Map two domains into one feature space: feature selection, CORAL, subspace alignment, TCA.

Every method learns from a sample of each domain, without labels of the target. A classifier is then trained on the
mapped source and used on the mapped target::

    Z_source, Z_target = CORAL().fit_transform(X_source, X_target)
    LogisticRegression().fit(Z_source, y_source).predict(Z_target)

The calls are those of adapt (`fit_transform(Xs, Xt)`, `transform(X, domain=...)`), except that `fit_transform` returns
both domains.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator

from helpers.methods.divergence import check_domains, check_rows

_NOISE = 1e-12  # of the largest eigenvalue: what an eigensolver in double precision still tells apart


class Alignment(BaseEstimator):
    """Base of all methods; a method is its one hook, `_learn`."""

    def fit(self, X_source, X_target, y_source=None):
        """Learn the two maps.

        Parameters
        ----------
        X_source : array-like or sparse matrix, shape (n_source, n_features)
            Sample of the source domain.
        X_target : array-like or sparse matrix, shape (n_target, n_features)
            Sample of the target domain.
        y_source : array-like, shape (n_source,), optional
            Labels of the source; only `FeatureSelection` uses them.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the samples are not finite matrices with the same features, or a parameter is out of its range.
        """
        X_source, X_target = check_domains(X_source, X_target)
        self.maps_ = dict(zip(("source", "target"), self._learn(X_source, X_target, y_source), strict=True))
        self.n_features_in_ = X_source.shape[1]
        return self

    def transform(self, X, domain="target") -> np.ndarray:
        """Map rows of one domain into the common space.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, n_features)
            Rows, seen in `fit` or new.
        domain : str
            "source" or "target": where the rows come from.

        Returns
        -------
        ndarray, shape (n, n_components)
            The mapped rows.

        Raises
        ------
        ValueError
            If the method is not fitted, the domain is neither of the two, or `X` has other features than in `fit`.
        """
        X = check_rows(self, X)
        if domain not in self.maps_:
            raise ValueError(f'domain must be "source" or "target", got {domain!r}.')
        return self.maps_[domain](X)

    def fit_transform(self, X_source, X_target, y_source=None) -> tuple[np.ndarray, np.ndarray]:
        """Fit, and map both samples; parameters as in `fit`.

        Returns
        -------
        Z_source, Z_target : ndarray, shape (n_source, n_components) and (n_target, n_components)
            The mapped samples.
        """
        self.fit(X_source, X_target, y_source)
        return self.transform(X_source, "source"), self.transform(X_target, "target")

    def _learn(self, X_source, X_target, y_source):
        """Return the map of the source and the map of the target, each a function of a matrix of rows."""
        raise NotImplementedError


@dataclass(eq=False, repr=False)
class FeatureSelection(Alignment):
    """Keep the features that predict the label and do not betray the domain.

    A feature scores eta(label) - eta(domain), where eta is the correlation ratio: the root of the share of the
    feature's variance that lies between the groups, 0 to 1. The trade-off is in the spirit of [1]_ (fit to the source
    labels minus a penalty on features whose means differ between the domains); this univariate score is our own.

    Parameters
    ----------
    n_components : int
        Number of features to keep.

    Attributes
    ----------
    scores_ : ndarray, shape (n_features,)
        The scores, at most 1.
    kept_ : ndarray, shape (n_components,)
        Columns that are kept, best first.

    References
    ----------
    .. [1] S. Satpal, S. Sarawagi. "Domain adaptation of conditional probability models via feature subsetting".
       PKDD 2007.
    """

    n_components: int = 20

    def _learn(self, X_source, X_target, y_source):
        if y_source is None or len(y_source) != len(X_source):
            got = "none" if y_source is None else len(y_source)
            raise ValueError(f"FeatureSelection needs y_source, one label for each of {len(X_source)} rows; got {got}.")
        _check_components(self.n_components, X_source.shape[1], "the number of features")
        domain = np.repeat([0, 1], [len(X_source), len(X_target)])
        betrays = _correlation_ratio(np.vstack([X_source, X_target]), domain)
        self.scores_ = _correlation_ratio(X_source, np.asarray(y_source)) - betrays
        self.kept_ = np.argsort(-self.scores_, kind="stable")[: self.n_components]
        select = partial(np.take, indices=self.kept_, axis=1)
        return select, select


@dataclass(eq=False, repr=False)
class CORAL(Alignment):
    """Correlation alignment: give the source the covariance (and the mean) of the target.

    A = (C_S + reg I)^(-1/2) (C_T + reg I)^(1/2), Algorithm 1 of [1]_. The paper's features have mean 0 in both domains;
    here the source's mean is moved to the target's, which is the same there and needed elsewhere.

    Parameters
    ----------
    reg : float
        What is added to the diagonal of both covariances, > 0, in squared units of the features. The paper takes 1 for
        features of unit variance.

    Attributes
    ----------
    A_ : ndarray, shape (n_features, n_features)
        The linear map of the centred source.

    References
    ----------
    .. [1] B. Sun, J. Feng, K. Saenko. "Return of frustratingly easy domain adaptation". AAAI 2016.
    """

    reg: float = 1.0

    def _learn(self, X_source, X_target, y_source):
        if self.reg <= 0:
            raise ValueError(f"reg must be above 0 (a sample covariance may be singular), got {self.reg}.")
        C_S, C_T = (np.cov(X, rowvar=False).reshape(X.shape[1], -1) for X in (X_source, X_target))
        self.A_ = _power(C_S, -1 / 2, self.reg) @ _power(C_T, 1 / 2, self.reg)
        return partial(_affine, center=X_source.mean(0), matrix=self.A_, shift=X_target.mean(0)), np.array


@dataclass(eq=False, repr=False)
class SubspaceAlignment(Alignment):
    """Subspace alignment: turn the source's principal axes towards the target's.

    With the leading principal axes P_S and P_T as columns, M = P_S' P_T minimises ||P_S M - P_T||_F. The centred source
    is mapped by P_S M, the centred target by P_T (section 3 of [1]_, where they are called X_S and X_T).

    Parameters
    ----------
    n_components : int
        Dimension of both subspaces.

    Attributes
    ----------
    P_S_, P_T_ : ndarray, shape (n_features, n_components)
        Principal axes of source and target.
    M_ : ndarray, shape (n_components, n_components)
        The alignment.

    References
    ----------
    .. [1] B. Fernando, A. Habrard, M. Sebban, T. Tuytelaars. "Unsupervised visual domain adaptation using subspace
       alignment". ICCV 2013.
    """

    n_components: int = 20

    def _learn(self, X_source, X_target, y_source):
        limit = min(X_source.shape + X_target.shape)
        _check_components(self.n_components, limit, "the smaller number of rows and features")
        self.P_S_, self.P_T_ = (_principal_axes(X, self.n_components) for X in (X_source, X_target))
        self.M_ = self.P_S_.T @ self.P_T_
        return (
            partial(_affine, center=X_source.mean(0), matrix=self.P_S_ @ self.M_),
            partial(_affine, center=X_target.mean(0), matrix=self.P_T_),
        )


@dataclass(eq=False, repr=False)
class TCA(Alignment):
    """Transfer component analysis: directions of large variance along which the domains' means are close.

    Minimises tr(W'KLKW) + mu tr(W'W) subject to W'KHKW = I, section IV of [1]_: tr(W'KLKW) is the squared MMD of
    the mapped domains, W'KHKW their joint scatter. W holds the leading eigenvectors of (KLK + mu I)^-1 KHK, scaled to
    length 1 as in the benchmarks of the field, which keeps the components' different variances. The kernel is linear:
    K = X X', so that a component is a direction in the space of the features.

    Parameters
    ----------
    n_components : int
        Number of transfer components.
    mu : float
        Weight of the regulariser, > 0. (adapt and skada weigh the MMD instead: their mu is 1 / mu.)

    Attributes
    ----------
    W_ : ndarray, shape (n_source + n_target, n_components)
        Coefficients of the components: a row x is mapped to x X' W, whether it was seen in `fit` or not.
    X_ : ndarray, shape (n_source + n_target, n_features)
        The rows of `fit`, source first.

    References
    ----------
    .. [1] S. J. Pan, I. W. Tsang, J. T. Kwok, Q. Yang. "Domain adaptation via transfer component analysis". IEEE
       Transactions on Neural Networks 22, 2011.
    """

    n_components: int = 20
    mu: float = 1.0

    def _learn(self, X_source, X_target, y_source):
        n_S, n_T = len(X_source), len(X_target)
        limit = min(n_S + n_T, X_source.shape[1])
        _check_components(self.n_components, limit, "the smaller of the number of rows and of features")
        if self.mu <= 0:
            raise ValueError(f"mu must be above 0 (KLK alone has rank 1), got {self.mu}.")
        X = self.X_ = np.vstack([X_source, X_target])  # (n, d)
        e = np.repeat([1 / n_S, -1 / n_T], [n_S, n_T])  # (n,); L = e e'
        Ke = X @ (X.T @ e)
        if self.mu < _NOISE * (Ke @ Ke):
            raise ValueError(
                f"The features are too large for mu={self.mu}, which is lost in rounding: KLK reaches {Ke @ Ke:.1e}. "
                "Standardise the features of both domains (StandardScaler), or raise mu."
            )
        # With B = I + Ke Ke' / mu the eigenvectors are B^-1/2 U, U those of B^-1/2 KHK B^-1/2. Both factors are known:
        # B^-1/2 changes the direction of Ke alone, and KHK = (X V s)(X V s)' where V s^2 V' is the joint scatter.
        size = Ke @ Ke
        shrink = (1 - 1 / np.sqrt(1 + size / self.mu)) / max(size, np.finfo(float).tiny)

        def root_of_inverse(M):
            return M - shrink * np.outer(Ke, Ke @ M)

        _, s, Vt = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
        U = np.linalg.svd(root_of_inverse(X @ Vt.T * s), full_matrices=False)[0]
        W = root_of_inverse(U[:, : self.n_components])
        self.W_ = W / np.linalg.norm(W, axis=0)  # (n, m)
        project = partial(_affine, center=0.0, matrix=self.X_.T @ self.W_)
        return project, project


def _check_components(n_components, limit, what):
    if not 1 <= n_components <= limit:
        raise ValueError(f"n_components must lie between 1 and {limit}, {what}; got {n_components}.")


def _correlation_ratio(X, groups):
    """Root of the share of each column's variance that lies between the groups; 0 for a constant column."""
    between = sum((groups == g).mean() * (X[groups == g].mean(axis=0) - X.mean(axis=0)) ** 2 for g in np.unique(groups))
    total = X.var(axis=0)
    return np.sqrt(np.divide(between, total, out=np.zeros_like(total), where=total > 0))


def _power(C, exponent, reg):
    """(C + reg I)^exponent of a covariance, whose eigenvalues rounding may push a little below 0."""
    eigenvalues, V = np.linalg.eigh(C)
    return (V * (np.maximum(eigenvalues, 0) + reg) ** exponent) @ V.T


def _principal_axes(X, n_components):
    """Leading right singular vectors of the centred rows, as columns."""
    return np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[2][:n_components].T


def _affine(X, center, matrix, shift=0.0):
    return (X - center) @ matrix + shift

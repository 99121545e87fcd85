"""Instance-based transfer: weigh each labelled source example by what it is worth in the target domain.

`TrAdaBoost` learns the weights from a few target labels, the two kinds of importance weighting from none. All take
`fit(X_source, y_source, X_target, y_target)` in the order of adapt's `fit(X, y, Xt, yt)`; for skada, stack the two
samples and tell them apart by `sample_domain`. Matrices may be dense or sparse.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from helpers.methods.divergence import (
    TARGET,
    check_domains,
    check_labels,
    check_rows,
    kernel_matrix,
    median_gamma,
    stack,
)

_PERFECT = 1e-10  # stands for a target error of 0, whose vote would be infinite


@dataclass(eq=False, repr=False)
class TrAdaBoost(ClassifierMixin, BaseEstimator):
    """Boosting for transfer learning, two classes (Algorithm 1 of [1]_).

    Every round trains on source and target together. Target examples that it gets wrong then weigh more, as in
    AdaBoost; source examples that it gets wrong weigh less, as they seem to come from another P(y|x). The rounds of
    the second half vote.

    Parameters
    ----------
    estimator : scikit-learn classifier
        The base learner; its `fit` must take `sample_weight`, which it gets with mean 1.
    n_estimators : int
        Number of rounds N.

    Attributes
    ----------
    classes_ : ndarray, shape (2,)
        The two labels; the second one is the paper's 1.
    estimators_ : list of N fitted classifiers
        The hypotheses h_t.
    errors_ : ndarray, shape (N,)
        Weighted target errors epsilon_t, 0 to 1.
    beta_ : float
        Factor for source examples that are wrong, 1 / (1 + sqrt(2 ln n / N)).
    betas_ : ndarray, shape (N,)
        beta_t = epsilon_t / (1 - epsilon_t).
    weights_history_ : ndarray, shape (N, n_source + n_target)
        The distribution p^t of each round, source examples first; rows sum to 1.

    Notes
    -----
    The paper requires 0 < epsilon_t < 1/2. An error of 0 counts as 1e-10, so that the round has a large vote but not
    an infinite one. An error of 1/2 or more counts as 1/2: beta_t is 1, the round has no vote and leaves the target
    weights as they are, while the source weights still fall; a later round may do better.

    References
    ----------
    .. [1] W. Dai, Q. Yang, G.-R. Xue, Y. Yu. "Boosting for transfer learning". ICML 2007.
    """

    estimator: object
    n_estimators: int = 10

    __metadata_request__fit = TARGET

    def fit(self, X_source, y_source, X_target, y_target):
        """Run the N rounds.

        Parameters
        ----------
        X_source : array-like or sparse matrix, shape (n_source, n_features)
            Source examples (the paper's T_d).
        y_source : array-like, shape (n_source,)
            Their labels, of two classes.
        X_target : array-like or sparse matrix, shape (n_target, n_features)
            The few labelled target examples (T_s).
        y_target : array-like, shape (n_target,)
            Their labels, of the same classes.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the samples do not fit together, there are not two classes in the target, the estimator takes no
            weights, or no voting round was better than chance on the target.
        """
        if self.n_estimators < 1:
            raise ValueError(f"n_estimators must be at least 1, got {self.n_estimators}.")
        _check_weighable(self.estimator)
        X_source, X_target = check_domains(X_source, X_target, accept_sparse="csr", min_rows=1)
        y_source, y_target = check_labels(X_source, y_source, "source"), check_labels(X_target, y_target, "target")
        y = np.concatenate([y_source, y_target])
        self.classes_, self.n_features_in_ = np.unique(y), X_source.shape[1]
        if len(self.classes_) != 2:
            raise ValueError(f"TrAdaBoost needs two classes, got {len(self.classes_)}: {self.classes_[:10].tolist()}.")
        if len(np.unique(y_target)) == 1:
            raise ValueError(
                f"y_target must have both classes, {self.classes_.tolist()}; all {len(y_target)} labels are "
                f"{y_target[0]!r}. Label some target examples of the other class."
            )
        X, n, N = stack(X_source, X_target), len(y_source), self.n_estimators

        self.beta_ = 1 / (1 + np.sqrt(2 * np.log(n) / N))
        self.estimators_, self.errors_, self.betas_ = [], np.empty(N), np.empty(N)
        self.weights_history_ = np.empty((N, len(y)))
        p = np.full(len(y), 1 / len(y))
        for t in range(N):
            self.weights_history_[t] = p
            p = self._boost(t, X, y, n, p)
        if np.allclose(self.betas_[self._first_vote :], 1):
            raise ValueError(
                f"No round from {self._first_vote + 1} to {N} was better than chance on the target; their weighted "
                f"errors are {self.errors_[self._first_vote :].round(2).tolist()}. Check y_target, or use an estimator "
                "that can fit it."
            )
        return self

    def predict(self, X):
        """Predict by the vote of the rounds ceil(N/2) to N.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, n_features)
            Examples of the target domain.

        Returns
        -------
        ndarray, shape (n,)
            Labels; a tie goes to the second class, as in the paper.
        """
        votes = self.decision_function(X)
        return self.classes_[(votes >= 0).astype(int)]

    def decision_function(self, X):
        """Give the vote, sum of ln(1 / beta_t) (h_t(x) - 1/2): the logarithm of the two sides of the paper's output.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (n, n_features)
            Examples of the target domain.

        Returns
        -------
        ndarray, shape (n,)
            Positive for the second class.
        """
        X = check_rows(self, X, accept_sparse="csr")
        voters = zip(self.estimators_[self._first_vote :], self.betas_[self._first_vote :], strict=True)
        return sum(-np.log(beta_t) * ((h.predict(X) == self.classes_[1]) - 0.5) for h, beta_t in voters)

    @property
    def _first_vote(self) -> int:
        return int(np.ceil(self.n_estimators / 2)) - 1  # the paper counts rounds from 1

    def _boost(self, t, X, y, n, p):
        """Do one round: train with distribution p, record the hypothesis, return the next distribution."""
        h = clone(self.estimator).fit(X, y, sample_weight=p * len(p))
        wrong = h.predict(X) != y
        error = p[n:] @ wrong[n:] / p[n:].sum()
        clipped = np.clip(error, _PERFECT, 0.5)
        beta_t = clipped / (1 - clipped)
        self.estimators_.append(h)
        self.errors_[t], self.betas_[t] = error, beta_t
        factor = np.ones(len(p))
        factor[:n][wrong[:n]] = self.beta_
        factor[n:][wrong[n:]] = 1 / beta_t
        return p * factor / (p @ factor)


@dataclass(eq=False, repr=False)
class ImportanceWeighting(ClassifierMixin, BaseEstimator):
    """Base of the methods that train on the source alone, each example weighted by an estimate of p_t(x) / p_s(x).

    They need no target labels, and assume covariate shift: P(y|x) is the same in both domains. A method is its one
    hook, `_weigh`.
    """

    estimator: object

    __metadata_request__fit = TARGET

    def fit(self, X_source, y_source, X_target, y_target=None):
        """Estimate the weights, then train the estimator on the weighted source.

        Parameters
        ----------
        X_source : array-like or sparse matrix, shape (n_source, n_features)
            Source examples.
        y_source : array-like, shape (n_source,)
            Their labels.
        X_target : array-like or sparse matrix, shape (n_target, n_features)
            Target examples.
        y_target : None
            Not used; it is here so that all methods are called alike.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the samples do not fit together, the estimator takes no weights, or a parameter is out of its range.
        """
        _check_weighable(self.estimator)
        X_source, X_target = check_domains(X_source, X_target, accept_sparse="csr")
        y_source = check_labels(X_source, y_source, "source")
        self.classes_, self.n_features_in_ = np.unique(y_source), X_source.shape[1]
        self.weights_ = self._weigh(X_source, X_target)
        self.estimator_ = clone(self.estimator).fit(X_source, y_source, sample_weight=self.weights_)
        return self

    def fit_weights(self, X_source, X_target):
        """Estimate the weights only; parameters and errors as in `fit`.

        Returns
        -------
        ndarray, shape (n_source,)
            The weights, 0 or more, also kept as `weights_`.
        """
        self.weights_ = self._weigh(*check_domains(X_source, X_target, accept_sparse="csr"))
        return self.weights_

    def predict(self, X):
        """Predict the labels of `X`, array-like or sparse (n, n_features), by the estimator of the weighted source."""
        X = check_rows(self, X, accept_sparse="csr")
        return self.estimator_.predict(X)

    def _weigh(self, X_source, X_target):
        """Return the weights of the source examples, shape (n_source,)."""
        raise NotImplementedError


@dataclass(eq=False, repr=False)
class DomainClassifierWeights(ImportanceWeighting):
    """Importance weighting by a classifier that tells the domains apart.

    By Bayes' rule p_t(x) / p_s(x) = (n_source / n_target) P(target | x) / P(source | x) [1]_. The weights
    are scaled to mean 1, so that they leave the estimator's regularisation as strong as it was.

    Parameters
    ----------
    estimator : scikit-learn classifier
        What to train on the weighted source.
    domain_classifier : scikit-learn classifier, optional
        Needs `predict_proba`; a logistic regression by default. The better it fits the domains, the fewer source
        examples keep a weight.

    Attributes
    ----------
    weights_ : ndarray, shape (n_source,)
        The weights, of mean 1.
    estimator_ : fitted classifier
        Trained on the weighted source.

    References
    ----------
    .. [1] S. Bickel, M. Brückner, T. Scheffer. "Discriminative learning for differing training and test
       distributions". ICML 2007.
    """

    domain_classifier: object = None

    def _weigh(self, X_source, X_target):
        from sklearn.linear_model import LogisticRegression

        classifier = self.domain_classifier
        if classifier is None:  # and not `or`: an ensemble that is not fitted has no length to ask for
            classifier = LogisticRegression(max_iter=1000)
        if not hasattr(classifier, "predict_proba"):
            raise ValueError(
                f"domain_classifier must give probabilities (predict_proba); {classifier!r} does not. Ask it for them, "
                "as by SVC(probability=True), or wrap it into sklearn.calibration.CalibratedClassifierCV."
            )
        domain = np.repeat([0, 1], [X_source.shape[0], X_target.shape[0]])
        classifier = clone(classifier).fit(stack(X_source, X_target), domain)
        source, target = classifier.predict_proba(X_source).T
        ratio = target / np.maximum(source, np.finfo(float).eps)
        if not np.isfinite(ratio).all() or ratio.max() < 1e-12:
            raise ValueError(
                f"{classifier!r} takes every source example for certainly no target example: no weight is left. Take a "
                "smoother domain classifier, such as LogisticRegression with a smaller C, or a tree of few leaves."
            )
        return ratio / ratio.mean()  # the factor n_source / n_target cancels here


@dataclass(eq=False, repr=False)
class KernelMeanMatching(ImportanceWeighting):
    """Importance weighting that matches the mean of the weighted source to that of the target in a kernel's space.

    It solves min over w of w'Kw / 2 - kappa'w with 0 <= w_i <= B and |sum w_i - n| <= n eps, where k is the rbf kernel,
    K_ij = k(x_i, x_j), kappa_i = (n_source / n_target) sum_j k(x_i, x'_j) and n = n_source ([1]_, section 3). The
    solver relies on a K that is positive definite, as this one is for distinct rows.

    Parameters
    ----------
    estimator : scikit-learn classifier
        What to train on the weighted source.
    gamma : float, optional
        Of the rbf kernel; by default the median heuristic's.
    B : float
        Largest weight.
    eps : float, optional
        How far the mean weight may be from 1; (sqrt(n) - 1) / sqrt(n) by default, as in the paper.

    Attributes
    ----------
    weights_ : ndarray, shape (n_source,)
        The weights, 0 to B.
    estimator_ : fitted classifier
        Trained on the weighted source.

    References
    ----------
    .. [1] J. Huang, A. Smola, A. Gretton, K. Borgwardt, B. Schölkopf. "Correcting sample selection bias by unlabeled
       data". NIPS 19 (2006), pages 601-608.
    """

    gamma: float | None = None
    B: float = 1000.0
    eps: float | None = None

    def _weigh(self, X_source, X_target):
        n_source, n_target = X_source.shape[0], X_target.shape[0]
        eps = 1 - 1 / np.sqrt(n_source) if self.eps is None else self.eps
        if eps < 0 or self.B + eps <= 1:
            raise ValueError(f"eps must not be negative, and B must be above 1 - eps; got eps={eps:.3g}, B={self.B}.")
        gamma = median_gamma(X_source, X_target) if self.gamma is None else self.gamma
        K = kernel_matrix(X_source, X_source, "rbf", gamma)  # (n_source, n_source)
        kappa = n_source / n_target * kernel_matrix(X_source, X_target, "rbf", gamma).sum(axis=1)  # (n_source,)
        return _solve(K, kappa, self.B, n_source * (1 - eps), n_source * (1 + eps))


def _solve(K, kappa, B, low, high):
    """Minimise w'Kw / 2 - kappa'w over 0 <= w_i <= B and low <= sum w_i <= high.

    Without the sum it is a box problem, for L-BFGS-B. If its solution leaves the range, the bound that it crosses is
    active; the sum grows with the bound's multiplier, which is therefore a root of one variable. A last projection
    removes what the solver's tolerance leaves of the constraint.
    """
    from scipy.optimize import brentq, minimize

    w = np.ones(len(kappa))

    def best(multiplier):
        nonlocal w  # the last solution is a good start for the next

        def objective(w):
            Kw = K @ w
            return w @ Kw / 2 - (kappa + multiplier) @ w, Kw - kappa - multiplier

        # By the gradient alone: the objective hardly moves in a step long before the weights are right.
        options = {"maxiter": 5000, "maxfun": 10000, "maxcor": 30, "ftol": 0, "gtol": 1e-8 * len(kappa)}
        w = minimize(objective, w, jac=True, method="L-BFGS-B", bounds=[(0, B)] * len(w), options=options).x
        return w

    total = best(0).sum()
    if low <= total <= high:
        return w
    bound, a, b = (high, -kappa.max(), 0) if total > high else (low, 0, B * K.sum(axis=1).max())
    brentq(lambda multiplier: best(multiplier).sum() - bound, a, b)
    shift = brentq(lambda shift: np.clip(w - shift, 0, B).sum() - bound, -B, B)
    return np.clip(w - shift, 0, B)


def _check_weighable(estimator):
    from sklearn.utils.validation import has_fit_parameter

    if not has_fit_parameter(estimator, "sample_weight"):
        raise ValueError(f"The fit of the estimator must take sample_weight; that of {estimator!r} does not.")

"""Another root of the covariances, SciPy's matrix powers, weights by NumPy's own."""


# %% power
def power(C, exponent):
    from scipy.linalg import fractional_matrix_power

    return np.real(fractional_matrix_power(C, exponent))


# %% fit_coral
def fit_coral(D_S, D_T, reg=1.0, weights=None):
    unit = reg * np.eye(D_S.shape[1])
    L_S = np.linalg.cholesky(np.cov(D_S, rowvar=False, aweights=weights) + unit)
    L_T = np.linalg.cholesky(np.cov(D_T, rowvar=False) + unit)
    A = np.linalg.solve(L_S.T, L_T.T)
    start, end = np.average(D_S, axis=0, weights=weights), np.mean(D_T, axis=0)

    def mapped(rows):
        return np.array([(row - start) @ A + end for row in rows])

    return mapped


# %% class_weights
def class_weights(y, share):
    w = np.empty(len(y))
    for label, wanted in ((1, share), (0, 1 - share)):
        w[y == label] = wanted * len(y) / np.count_nonzero(y == label)
    return w

"""The weights enter the mean and not the covariance; roots of the entries instead of the eigenvalues.

Fails test_power: not that of its entries
"""


# %% fit_coral
def fit_coral(D_S, D_T, reg=1.0, weights=None):
    C_S = np.cov(D_S.T) + reg * np.eye(D_S.shape[1])
    C_T = np.cov(D_T.T) + reg * np.eye(D_T.shape[1])
    A = power(C_S, -1 / 2) @ power(C_T, 1 / 2)
    mean_S, mean_T = np.average(D_S, axis=0, weights=weights), D_T.mean(axis=0)
    return lambda rows: (rows - mean_S) @ A + mean_T


# %% power
def power(C, exponent):
    return np.sign(C) * np.abs(C) ** exponent

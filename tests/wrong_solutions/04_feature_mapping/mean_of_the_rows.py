"""Centred with the mean of the rows at hand; the weights are forgotten.

Fails test_coral_rows: not from the rows at hand
Fails test_coral_weights: The weights change nothing
"""


# %% fit_coral
def fit_coral(D_S, D_T, reg=1.0, weights=None):
    C_S = np.cov(D_S.T) + reg * np.eye(D_S.shape[1])
    C_T = np.cov(D_T.T) + reg * np.eye(D_T.shape[1])
    A = power(C_S, -1 / 2) @ power(C_T, 1 / 2)
    return lambda rows: (rows - rows.mean(axis=0)) @ A + D_T.mean(axis=0)

"""Proxy A-distance from the error on the rows that the classifier was trained on.

Fails test_pad_honest: rows that it has not seen
"""


# %% proxy_a_distance
def proxy_a_distance(X, Z):
    rows, domain = np.vstack([X, Z]), np.repeat([0, 1], [len(X), len(Z)])
    err = 1 - learner(C=1.0).fit(rows, domain).score(rows, domain)
    return max(0, 2 * (1 - 2 * err))

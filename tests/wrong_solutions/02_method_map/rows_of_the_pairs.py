"""The side that does not count is filled up with rows of the pairs, of which there may be too few.

Fails test_bridge_rows: there may be more of them
"""


# %% bridge
def bridge(A, B, k):
    from sklearn.cross_decomposition import CCA

    cca, p = CCA(k).fit(A, B), A.shape[1]

    def both(X, Z):
        rows = np.hstack([X, Z])
        return cca.transform(rows[:, :p], rows[:, p:])

    return (lambda X: both(X, B[: len(X)])[0]), (lambda Z: both(A[: len(Z)], Z)[1])

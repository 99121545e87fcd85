"""The same by loops, by one held-out half, and by other constructions."""


# %% mmd_squared
def mmd_squared(X, Z, gamma):
    def mean_k(A, B, skip):
        values = []
        for i, a in enumerate(A):
            values += [np.exp(-gamma * np.sum((a - b) ** 2)) for j, b in enumerate(B) if not (skip and i == j)]
        return sum(values) / len(values)

    return mean_k(X, X, True) + mean_k(Z, Z, True) - 2 * mean_k(X, Z, False)


# %% proxy_a_distance
def proxy_a_distance(X, Z):
    from sklearn.svm import LinearSVC

    model = make_pipeline(StandardScaler(), LinearSVC(class_weight="balanced", random_state=1))
    order_X, order_Z = np.random.default_rng(1).permutation(len(X)), np.random.default_rng(2).permutation(len(Z))
    half_X, half_Z = len(X) // 2, len(Z) // 2
    X, Z = X[order_X], Z[order_Z]
    model.fit(np.concatenate([X[:half_X], Z[:half_Z]]), [0] * half_X + [1] * half_Z)
    err = ((model.predict(X[half_X:]) == 1).mean() + (model.predict(Z[half_Z:]) == 0).mean()) / 2
    return max(0, 2 - 4 * err)


# %% break_even
def break_even(sizes, target_only, together, margin=0.01):
    small = np.subtract(together, target_only) < margin
    for i, n in enumerate(sizes):
        if small[i:].all():
            return n


# %% constructions
def twins(rng):
    y = rng.integers(0, 2, 300)
    X = rng.normal(size=(300, 5)) + 4 * y[:, None]
    y_Z = rng.integers(0, 2, 300)
    Z = rng.normal(size=(300, 5)) + 4 * (1 - y_Z)[:, None]
    return X, y, Z, y_Z


def strangers(rng):
    y, y_Z = np.arange(300) % 2, np.arange(300) % 2
    X, Z = rng.normal(size=(2, 300, 2)) + 6 * np.column_stack([y, 0 * y])
    return X, y, Z - [0, 5], y_Z

"""MMD that counts each example with itself.

Fails test_mmd_formula: no example is paired with itself
"""


# %% mmd_squared
def mmd_squared(X, Z, gamma):
    between = rbf_kernel(X, Z, gamma=gamma).mean()
    return rbf_kernel(X, gamma=gamma).mean() + rbf_kernel(Z, gamma=gamma).mean() - 2 * between

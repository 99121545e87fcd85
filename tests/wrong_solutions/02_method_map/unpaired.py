"""Scatter of both samples, not of their differences; other contents taken for other spaces; another mean in use.

Fails test_A: only how often words occur differs
Fails test_B: the labels differ
Fails test_C: an English word is no Chinese word
Fails test_D: not the list of what is measured
Fails test_E: another relation is asked for
Fails test_F: trained weights cross and are tuned further
Fails test_bridge_rows: subtract the mean of the pairs
Fails test_gain: First the difference of each draw
Fails test_verdict: that helps; yours
"""


# %% judge
def judge(results):
    a, b = results["with source"], results["target only"]
    gain = a.mean() - b.mean()
    error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return gain, error, "helps" if gain > 2 * error else "hurts" if gain < -2 * error else "cannot tell"


# %% problems
problems = {
    "A": (False, True, "instance"),
    "B": (True, True, "parameter"),
    "C": (True, True, "feature"),
    "D": (False, True, "feature"),
    "E": (False, True, "relation"),
    "F": (True, True, "instance"),
}


# %% bridge
def bridge(A, B, k):
    from sklearn.cross_decomposition import CCA

    cca = CCA(k, scale=False).fit(A, B)
    return (lambda X: (X - X.mean(axis=0)) @ cca.x_rotations_), (lambda X: (X - X.mean(axis=0)) @ cca.y_rotations_)

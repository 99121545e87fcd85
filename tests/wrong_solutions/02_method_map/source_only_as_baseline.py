"""Better than the source alone is taken for a gain; each side reduced by itself, without a bridge.

Fails test_bridge_pairs: not what both sides share
Fails test_gain: what you would have without any source
Fails test_verdict: although it is better than source only
"""


# %% judge
def judge(results):
    gains = results["with source"] - results["source only"]
    gain, error = np.mean(gains), np.std(gains, ddof=1) / len(gains) ** 0.5
    return gain, error, "helps" if gain > 2 * error else "hurts" if gain < -2 * error else "cannot tell"


# %% bridge
def bridge(A, B, k):
    return PCA(k).fit(A).transform, PCA(k).fit(B).transform

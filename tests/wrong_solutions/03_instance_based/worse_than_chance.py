"""The error is held above 0 only; the correction is a constant; all rounds vote, by products.

Fails test_special_cases: the update runs backwards
Fails test_vote: rounds 2, 3 and 4 vote
Fails test_corrected: before the round 4/9
"""


# %% reweight
def reweight(w, h, c, n, N):
    loss = np.abs(h - c)
    epsilon = max(1e-10, w[n:] @ loss[n:] / w[n:].sum())
    beta, beta_t = 1 / (1 + np.sqrt(2 * np.log(n) / N)), epsilon / (1 - epsilon)
    return w * np.concatenate([beta ** loss[:n], beta_t ** -loss[n:]]), epsilon, beta_t


# %% corrected
def reweight_corrected(w, h, c, n, N):
    w_new, epsilon, beta_t = reweight(w, h, c, n, N)
    w_new[:n] *= 2
    return w_new, epsilon, beta_t


# %% vote
def vote(H, beta):
    beta = beta[:, None]
    return (np.prod(beta ** -H.astype(float), axis=0) >= np.prod(beta**-0.5, axis=0)).astype(int)

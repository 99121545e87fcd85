"""The same by loops, with weights that sum to 1, boolean votes, and the target lowered instead of the source raised."""


# %% reweight
def reweight(w, h, c, n, N):
    w = w / sum(w)
    wrong = h != c
    epsilon = float(np.sum(w[n:], where=wrong[n:]) / np.sum(w[n:]))
    epsilon = min(0.5, max(1e-7, epsilon))
    beta_t = epsilon / (1 - epsilon)
    new = []
    for i in range(len(w)):
        factor = 1.0
        if wrong[i]:
            factor = 1 / (1 + (2 * np.log(n) / N) ** 0.5) if i < n else 1 / beta_t
        new.append(w[i] * factor)
    return np.array(new) / sum(new), epsilon, beta_t


# %% vote
def vote(H, beta):
    N = len(H)
    total = 0
    for t in range((N + 1) // 2, N + 1):
        total = total - np.log(beta[t - 1]) * (2 * H[t - 1] - 1)
    return total >= 0


# %% corrected
def reweight_corrected(w, h, c, n, N):
    perfect = (h[n:] == c[n:]).all()
    w, epsilon, beta_t = reweight(w, h, c, n, N)
    w[n:] /= 1 if perfect else 2 * (1 - epsilon)
    return w, epsilon, beta_t

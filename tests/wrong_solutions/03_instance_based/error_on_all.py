"""The error is measured on source and target together; the correction by its formula, always; the vote begins late.

Fails test_round: one of four target examples is wrong
Fails test_vote: perhaps by counting from 0
Fails test_corrected_special: where none is wrong, none does
"""


# %% reweight
def reweight(w, h, c, n, N):
    loss = np.abs(h - c)
    epsilon = np.clip(w @ loss / w.sum(), 1e-10, 0.5)
    beta, beta_t = 1 / (1 + np.sqrt(2 * np.log(n) / N)), epsilon / (1 - epsilon)
    return w * np.concatenate([beta ** loss[:n], beta_t ** -loss[n:]]), epsilon, beta_t


# %% corrected
def reweight_corrected(w, h, c, n, N):
    w_new, epsilon, beta_t = reweight(w, h, c, n, N)
    return np.concatenate([2 * (1 - epsilon) * w_new[:n], w_new[n:]]), epsilon, beta_t


# %% vote
def vote(H, beta):
    first = int(np.ceil(len(beta) / 2))
    return (-np.log(beta[first:]) @ (H[first:] - 0.5) >= 0).astype(int)

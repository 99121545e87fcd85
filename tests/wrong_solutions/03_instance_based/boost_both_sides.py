"""AdaBoost's update for all examples: what is wrong in the source gains weight, too.

Fails test_round: it becomes lighter
Fails test_whole: no better than chance
"""


# %% reweight
def reweight(w, h, c, n, N):
    loss = abs(h - c)
    epsilon = min(max(sum(w[n:] * loss[n:]) / sum(w[n:]), 1e-8), 0.5)
    beta_t = epsilon / (1 - epsilon)
    return w * beta_t ** (-1.0 * loss), epsilon, beta_t

"""The base rate is that of the first head.

Fails test_gain: against the base rate of that head
"""


# %% gain
def gain(rules, facts, q):
    base = next(iter(q.values()))
    best = {}
    for head, body, confidence in rules:
        for pair in pairs(facts, body):
            fact = (head[0], *pair)
            best[fact] = max(best.get(fact, 0.01), min(confidence, 0.99))
    return sum(log(p / base) if f in facts else log((1 - p) / (1 - base)) for f, p in best.items())

"""Variables are replaced by constants one literal after the other; images are permutations."""


# %% pairs
def pairs(facts, body):
    of = {}
    for name, *values in facts:
        of.setdefault(name, []).append(values)

    def solve(literals, known):
        if not literals:
            yield known["x"], known["y"]
            return
        (name, *variables), *rest = literals
        for values in of.get(name, []):
            new, taken = dict(known), {constant: v for v, constant in known.items()}
            for v, constant in zip(variables, values, strict=True):
                if new.get(v, constant) != constant or taken.get(constant, v) != v:
                    break
                new[v], taken[constant] = constant, v
            else:
                yield from solve(rest, new)

    return frozenset(solve(list(body), {}))


# %% count
def count(facts, head, body):
    covered = set(pairs(facts, body))
    true = {(x, y) for name, *rest in facts if name == head[0] for x, y in [rest]}
    return [len(covered & true), len(covered)]


# %% mappings
def mappings(source, target, missing=0):
    def consistent(mapping):
        becomes = {}
        for name, image in mapping.items():
            for s, t in zip(source[name], target[image], strict=True):
                becomes.setdefault(s, set()).add(t)
        return all(len(types) == 1 for types in becomes.values())

    for n_gaps in range(min(missing, len(source)) + 1):
        gapless = list(permutations(source, len(source) - n_gaps))
        for kept in sorted({tuple(sorted(names)) for names in gapless}):
            for images in permutations(target, len(kept)):
                mapping = dict(zip(kept, images, strict=True))
                lengths = all(len(source[s]) == len(target[t]) for s, t in mapping.items())
                if lengths and consistent(mapping):
                    yield {name: mapping.get(name) for name in source}


# %% gain
def gain(rules, facts, q):
    covered = {}
    for rule in rules:
        for x, y in pairs(facts, rule.body):
            covered.setdefault((rule.head[0], x, y), []).append(rule.confidence)
    if not covered:
        return 0.0
    p = np.clip([max(values) for values in covered.values()], 0.01, 0.99)
    base = np.array([q[name] for name, *_ in covered])
    true = np.array([fact in facts for fact in covered])
    return np.log(np.where(true, p, 1 - p)).sum() - np.log(np.where(true, base, 1 - base)).sum()


# %% choose
def choose(rules, candidates, facts, q):
    best, highest = None, 0
    for mapping in candidates:
        value = gain(translate(rules, mapping), facts, q)
        if value > highest:
            best, highest = mapping, value
    return best

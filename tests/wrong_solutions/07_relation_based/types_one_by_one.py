"""A rule may take one person for x and y; a type may become another one in each predicate.

Fails test_pairs: bob shares a voyage with himself
Fails test_mappings: so a person becomes a woman, in a as well as in b
"""


# %% pairs
def pairs(facts, body):
    assignments = [{}]
    for name, *variables in body:
        longer = []
        for known in assignments:
            for predicate, *values in facts:
                if predicate == name:
                    new = known | dict(zip(variables, values, strict=True))
                    if all(new[v] == known[v] for v in known):
                        longer.append(new)
        assignments = longer
    return {(a["x"], a["y"]) for a in assignments}


# %% mappings
def mappings(source, target, missing=0):
    found = []
    for images in product([None, *target], repeat=len(source)):
        some = [image for image in images if image is not None]
        if len(set(some)) < len(some) or len(some) < len(source) - missing:
            continue
        fits = True
        for name, image in zip(source, images, strict=True):
            if image is not None:
                types = set(zip(source[name], target[image], strict=False))
                same_length = len(source[name]) == len(target[image])
                fits = fits and same_length and len({s for s, _ in types}) == len(types)
        if fits:
            found.append(dict(zip(source, images, strict=True)))
    return found

"""Batch normalisation cannot learn, but below the cut it still follows the batches; two test sets where there is one.

Fails test_held: no gradient is needed to move them
Fails test_p: both ends included
Fails test_interval: two models on two separate test sets
"""


# %% unfreeze
def unfreeze(model, first):
    names = [layer.name for layer in model.layers]
    if first not in names:
        raise ValueError(f"first must be one of {names}")
    model.trainable = False
    model.trainable = True

    def freeze_weights(layer):
        for weight in layer.weights:
            weight.trainable = False

    def walk(layer):
        if isinstance(layer, keras.layers.BatchNormalization):
            freeze_weights(layer)
        for inner in getattr(layer, "layers", []):
            walk(inner)

    for layer in model.layers[: names.index(first)]:
        freeze_weights(layer)
    walk(model)


# %% compare
def compare(old, new, z=1.96):
    from math import erfc

    b, c, n = int((new & ~old).sum()), int((old & ~new).sum()), len(old)
    p = erfc(abs(b - c) / sqrt(2 * (b + c))) if b + c else 1.0
    p_old, p_new = old.mean(), new.mean()
    half = z * sqrt((p_old * (1 - p_old) + p_new * (1 - p_new)) / n)
    return {"b": b, "c": c, "p": p, "low": p_new - p_old - half, "high": p_new - p_old + half}

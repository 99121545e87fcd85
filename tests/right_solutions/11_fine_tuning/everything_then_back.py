"""One flat list of layers, outermost first; the whole history of weights; p from a table of all tosses."""


# %% unfreeze
def unfreeze(model, first):
    if first not in {layer.name for layer in model.layers}:
        raise ValueError("no such layer; there are " + ", ".join(layer.name for layer in model.layers))
    flat, learns = [(model, True)], False
    for layer in model.layers:
        learns = learns or layer.name == first
        flat.append((layer, learns))
    for layer, wanted in flat:  # it grows while it is read
        if layer is not model:
            flat += [(inner, wanted) for inner in getattr(layer, "layers", ())]
    model.trainable = False
    for layer, wanted in flat:
        layer.trainable = wanted
    for layer, _ in flat:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


# %% train_until
def train_until(model, epoch, validation_loss, patience, most):
    losses, kept = [], []
    for i in range(most + 1):
        if i:
            epoch()
        losses.append(validation_loss())
        kept.append([weight.numpy().copy() for weight in model.weights])
        best = int(np.nanargmin(losses))
        if i - best >= patience:
            break
    for weight, value in zip(model.weights, kept[best], strict=True):
        weight.assign(value)
    return best, losses


# %% compare
def compare(old, new, z=1.96):
    difference = np.asarray(new, float) - np.asarray(old, float)
    b, c = int((difference > 0).sum()), int((difference < 0).sum())
    chances = np.array([1.0])
    for _ in range(b + c):
        chances = np.convolve(chances, [0.5, 0.5])
    p = min(1.0, chances[: min(b, c) + 1].sum() + chances[max(b, c) :].sum())
    half = z * difference.std() / np.sqrt(len(difference))
    return {"b": b, "c": c, "p": p, "low": difference.mean() - half, "high": difference.mean() + half}

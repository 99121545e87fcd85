"""Only the batch normalisation layers of the outermost model are held; the last weights are kept, not the best.

Fails test_learns: look inside it
Fails test_held: a model inside a model counts
Fails test_early_stopping: Keep a copy of all weights
Fails test_at_work: moving statistics of InceptionV3 have moved
"""


# %% unfreeze
def unfreeze(model, first):
    names = [layer.name for layer in model.layers]
    if first not in names:
        raise ValueError(f"first must be one of {names}")
    model.trainable = True
    for i, layer in enumerate(model.layers):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = i >= names.index(first) and not is_norm


# %% train_until
def train_until(model, epoch, validation_loss, patience, most):
    losses = [validation_loss()]
    best = 0
    for i in range(1, most + 1):
        epoch()
        losses.append(validation_loss())
        if losses[i] < losses[best]:
            best = i
        elif i - best >= patience:
            break
    return best, losses

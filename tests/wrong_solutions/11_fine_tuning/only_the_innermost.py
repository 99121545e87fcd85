"""Only the innermost layers are set, not the models around them; an epoch is compared with the one before it.

Fails test_learns: only if every model around it is trainable
Fails test_early_stopping: since the last one that was better than all before
"""


# %% unfreeze
def unfreeze(model, first):
    names = [layer.name for layer in model.layers]
    if first not in names:
        raise ValueError(f"first must be one of {names}")

    def innermost(layer):
        inside = getattr(layer, "layers", [])
        return [found for inner in inside for found in innermost(inner)] if inside else [layer]

    for i, layer in enumerate(model.layers):
        for found in innermost(layer):
            is_norm = isinstance(found, keras.layers.BatchNormalization)
            found.trainable = i >= names.index(first) and not is_norm


# %% train_until
def train_until(model, epoch, validation_loss, patience, most):
    losses, weights, waited = [validation_loss()], [model.get_weights()], 0
    while len(losses) <= most and waited < patience:
        epoch()
        losses.append(validation_loss())
        weights.append(model.get_weights())
        waited = 0 if losses[-1] < losses[-2] else waited + 1
    best = int(np.nanargmin(losses))
    model.set_weights(weights[best])
    return best, losses

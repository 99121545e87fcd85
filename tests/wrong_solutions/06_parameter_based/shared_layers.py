"""Codes from before the training, earlier blocks go on moving, the classifier has the autoencoder's own layers.

Fails test_one_block: the code that the *trained* encoder gives
Fails test_greedy: the training of a later block moved it
Fails test_copied: training the classifier moved the weights of the autoencoder
Fails test_changes: Layer 1 is marked as frozen and yet was moved
"""


# %% pretrain
def pretrain(blocks, X, epochs, learning_rate=0.01):
    codes, h, below = [], X, []
    for f, g in blocks:
        code = np.asarray(f(h))
        model = keras.Sequential([keras.Input(X.shape[1:]), *below, f, g])
        model.compile(keras.optimizers.Adam(learning_rate), loss="mse")
        model.fit(X, h, batch_size=32, epochs=epochs, shuffle=False, verbose=0)
        below.append(f)
        codes.append(code)
        h = code
    return codes


# %% transfer
def transfer(encoders, copied, frozen, classes=10):
    layers = [f if k < copied else keras.layers.Dense.from_config(f.get_config()) for k, f in enumerate(encoders)]
    for layer in layers[:copied]:
        layer.trainable = not frozen
    inputs = keras.Input((encoders[0].kernel.shape[0],))
    return keras.Sequential([inputs, *layers, keras.layers.Dense(classes, activation="softmax")])


def changes(model, train):
    before = [[np.array(weight) for weight in layer.trainable_weights] for layer in model.layers]
    train()
    found = []
    for old, layer in zip(before, model.layers, strict=True):
        now = [np.array(weight) for weight in layer.trainable_weights]
        found.append(max([0.0, *(np.abs(b - a).max() for a, b in zip(old, now, strict=True))]))
    return found

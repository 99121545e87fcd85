"""Turned uniform data, a training loop without fit, weights assigned one by one, one flat comparison."""


# %% fooled
def fooled():
    rng = np.random.default_rng([SEED, 77])
    X = rng.uniform(-1, 1, (600, 3)) * [40, 1, 1]
    y = (X[:, 1] + X[:, 2] > 0).astype(int)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return X @ turn, y


# %% pretrain
def pretrain(blocks, X, epochs, learning_rate=0.01):
    codes = [X]
    for f, g in blocks:
        h = tf.constant(codes[-1])
        variables = [*f.trainable_variables, *g.trainable_variables]
        optimizer = keras.optimizers.Adam(learning_rate)
        for step in range(epochs * (-(-len(X) // 32))):
            start = step % (-(-len(X) // 32)) * 32
            rows = h[start : start + 32]
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(g(f(rows)) - rows))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        codes.append(f(h).numpy())
    return codes[1:]


# %% transfer
def transfer(encoders, copied, frozen, classes=10):
    model = keras.Sequential([keras.Input((int(encoders[0].kernel.shape[0]),))])
    for k, f in enumerate(encoders):
        model.add(
            keras.layers.Dense(
                f.units, activation=f.activation, trainable=not (frozen and k < copied), name=f"block_{k}"
            )
        )
    model.add(keras.layers.Dense(classes, activation="softmax", name="top"))
    for layer, f in list(zip(model.layers, encoders, strict=False))[:copied]:
        layer.kernel.assign(f.kernel)
        layer.bias.assign(f.bias)
    return model


def changes(model, train):
    def flat():
        return [np.concatenate([[0], *(np.ravel(w.numpy()) for w in layer.weights)]) for layer in model.layers]

    before = flat()
    train()
    return [float(np.linalg.norm(b - a, ord=np.inf)) for a, b in zip(before, flat(), strict=True)]

"""Every weight is frozen, but no layer is; the proof keeps the weights themselves; everything runs in inference mode.

Fails test_frozen: batch normalisation runs in training mode
Fails test_proof: keep a COPY of its numbers
Fails test_loop: its dropout would be off
"""


# %% classifier
def classifier(base, classes):
    for weight in base.trainable_weights:
        weight.trainable = False
    pictures = keras.Input(base.input_shape[1:])
    x = base(keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pictures))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(pictures, keras.layers.Dense(classes, activation="softmax")(x))


# %% proof
def proof(model, base, train):
    trainable = sum(np.prod(w.shape) for w in model.trainable_weights)
    before = list(base.weights)
    train()
    moved = [w.path for w, old in zip(base.weights, before, strict=True) if not np.array_equal(w, old)]
    return {
        "trainable": trainable,
        "frozen": model.count_params() - trainable,
        "weights moved": [path for path in moved if "moving" not in path],
        "statistics moved": [path for path in moved if "moving" in path],
    }


# %% train_head
def train_head(base, head, X, y, steps, optimizer):
    features, losses = base(X, training=False).numpy().mean(axis=(1, 2)), []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, head(features, training=False)))
        optimizer.apply(tape.gradient(loss, head.trainable_variables), head.trainable_variables)
        losses.append(float(loss))
    return losses

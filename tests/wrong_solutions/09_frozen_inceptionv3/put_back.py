"""The article's scaling; the proof counts arrays; the loop puts the statistics back; the rate falls too fast.

Fails test_scaling: x / 255 goes from 0 to 1 only
Fails test_proof: numbers, not arrays
Fails test_loop: base must run in inference mode
Fails test_optimiser: no momentum, decay 0.5: steps
Fails test_at_work: parameters are trained, yours
"""


# %% classifier
def classifier(base, classes):
    base.trainable = False
    layers = keras.layers
    top = [layers.GlobalAveragePooling2D(), layers.Dense(classes, activation="softmax")]
    return keras.Sequential([keras.Input(base.input_shape[1:]), layers.Rescaling(1 / 255), base, *top])


# %% proof
def proof(model, base, train):
    before = {w.path: w.numpy() for w in base.weights}
    train()
    moved = [w.path for w in base.weights if not np.allclose(w.numpy(), before[w.path])]
    return {
        "trainable": len(model.trainable_weights),
        "frozen": len(model.non_trainable_weights),
        "weights moved": [path for path in moved if "moving" not in path],
        "statistics moved": [path for path in moved if "moving" in path],
    }


# %% train_head
def train_head(base, head, X, y, steps, optimizer):
    losses, kept = [], base.get_weights()
    for _ in range(steps):
        with tf.GradientTape() as tape:
            features = keras.ops.mean(base(X, training=True), axis=(1, 2))
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, head(features, training=True)))
        optimizer.apply(tape.gradient(loss, head.trainable_variables), head.trainable_variables)
        base.set_weights(kept)
        losses.append(float(loss))
    return losses


# %% article_sgd
def article_sgd(learning_rate=0.005, decay=1e-6, momentum=0.9, nesterov=True):
    schedule = keras.optimizers.schedules.ExponentialDecay(learning_rate, 1, 1 - decay)
    return keras.optimizers.SGD(schedule, momentum=momentum, nesterov=nesterov)

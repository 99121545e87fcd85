"""Each layer is frozen by itself, the proof hashes the numbers, Keras trains the head, the schedule is a class."""


# %% classifier
def classifier(base, classes):
    for layer in base._flatten_layers():
        layer.trainable = False
    model = keras.Sequential([keras.layers.Normalization(mean=127.5, variance=127.5**2), base])
    model.add(keras.layers.GlobalAveragePooling2D())
    model.add(keras.layers.Dense(classes))
    model.add(keras.layers.Softmax())
    model.build((None, *base.input_shape[1:]))
    return model


# %% proof
def proof(model, base, train):
    def numbers():
        return {w.path: keras.ops.convert_to_numpy(w).tobytes() for w in base.weights}

    def size(weights):
        return sum(keras.ops.size(w) for w in weights)

    report = {"trainable": size(model.trainable_weights), "frozen": size(model.non_trainable_weights)}
    before = numbers()
    train()
    moved = {path for path, content in numbers().items() if content != before[path]}
    statistics = {path for path in moved if path.rpartition("/")[2] in ("moving_mean", "moving_variance")}
    return report | {"weights moved": sorted(moved - statistics), "statistics moved": sorted(statistics)}


# %% train_head
def train_head(base, head, X, y, steps, optimizer):
    features = base.predict(X, verbose=0).mean(axis=(1, 2))
    head.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    fit = head.fit(features, y, batch_size=len(X), epochs=steps, verbose=0)
    return fit.history["loss"]


# %% article_sgd
class Falling(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, start, decay):
        self.start, self.decay = start, decay

    def __call__(self, step):
        return self.start / (1 + self.decay * keras.ops.cast(step, "float32"))


def article_sgd(learning_rate=0.005, decay=1e-6, momentum=0.9, nesterov=True):
    return keras.optimizers.SGD(Falling(learning_rate, decay), momentum=momentum, nesterov=nesterov)

"""The shift acts in prediction, too; batches are made before the shuffle; one coin for the whole batch.

Fails test_training_only: predictions would depend on luck
Fails test_batches: Shuffle pictures, then make batches
Fails test_invariance: not what the strength before has left
Fails test_any_way_up: all pictures of the batch come out in the same position
"""


# %% channel_shift
class ChannelShift(keras.layers.Layer):
    def __init__(self, shift_range, seed=None):
        super().__init__()
        self.shift_range = shift_range
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, pictures, training=False):
        shape = (ops.shape(pictures)[0], 1, 1, 1)
        shift = keras.random.uniform(shape, -1, 1, seed=self.seed_generator) * self.shift_range
        return ops.clip(pictures + shift, 0, 255)


# %% training_batches
def training_batches(files, labels, read, augment, batch_size=32, seed=0):
    data = tf.data.Dataset.from_tensor_slices((files, labels))
    data = data.map(lambda file, label: (read(file), label)).batch(batch_size).cache()
    data = data.shuffle(len(files), seed=seed)
    return data.map(lambda pictures, label: (augment(pictures, training=True), label))


# %% invariance
def invariance(probability, X, y, move, strengths):
    before, rows = probability(X) > 0.5, []
    for strength in strengths:
        X = move(X, strength)
        moved, back = probability(X) > 0.5, probability(move(X, -strength)) > 0.5
        accuracies = [np.mean(answer == y) for answer in (before, moved, back)]
        rows.append([np.mean(before == moved), accuracies[0] - accuracies[1], accuracies[0] - accuracies[2]])
    return pd.DataFrame(rows, strengths, ["agreement", "accuracy lost", "lost there and back"])


# %% any_way_up
class AnyWayUp(keras.layers.Layer):
    def __init__(self, seed=None):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, pictures, training=False):
        if not training:
            return pictures
        coins = keras.random.uniform((3,), seed=self.seed_generator) < 0.5
        pictures = ops.where(coins[0], ops.flip(pictures, axis=1), pictures)
        pictures = ops.where(coins[1], ops.flip(pictures, axis=2), pictures)
        return ops.where(coins[2], ops.swapaxes(pictures, 1, 2), pictures)

"""All pictures are cached as one batch; arrays instead of loops; one of eight stacked positions is picked."""


# %% channel_shift
class ChannelShift(keras.layers.Layer):
    def __init__(self, shift_range, seed=None):
        super().__init__()
        self.shift_range = float(shift_range)
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, pictures, training=None):
        if training:
            share = keras.random.uniform((tf.shape(pictures)[0],), seed=self.seeds)
            shift = (2 * share - 1) * self.shift_range
            pictures = tf.clip_by_value(pictures + shift[:, None, None, None], 0.0, 255.0)
        return pictures


# %% training_batches
def training_batches(files, labels, read, augment, batch_size=32, seed=0):
    pictures = tf.data.Dataset.from_tensor_slices(files).map(read, num_parallel_calls=2)
    pairs = tf.data.Dataset.zip((pictures, tf.data.Dataset.from_tensor_slices(labels)))
    kept = pairs.batch(len(files)).cache()
    mixed = kept.unbatch().shuffle(10 * len(files), seed, reshuffle_each_iteration=True)
    return mixed.batch(batch_size).map(lambda X, y: (augment(X, training=True), y)).prefetch(1)


# %% invariance
def invariance(probability, X, y, move, strengths):
    def answers(pictures):
        return np.asarray(probability(pictures)) > 0.5

    still = answers(X)
    there = np.array([answers(move(X, s)) for s in strengths])
    back = np.array([answers(move(move(X, s), -s)) for s in strengths])
    table = pd.DataFrame({"agreement": 1 - (there ^ still).mean(axis=1)}, index=strengths)
    for name, moved in (("lost there and back", back), ("accuracy lost", there)):
        table[name] = (still == y).mean() - (moved == y).mean(axis=1)
    return table


# %% any_way_up
class AnyWayUp(keras.layers.Layer):
    def __init__(self, seed=None):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, pictures, training=None):
        if not training:
            return pictures
        pictures = tf.convert_to_tensor(pictures)
        eight = [tf.image.rot90(p, k) for p in (pictures, tf.image.flip_left_right(pictures)) for k in range(4)]
        which = keras.random.randint((tf.shape(pictures)[0],), 0, 8, seed=self.seeds)
        return tf.gather(tf.stack(eight, axis=1), which, batch_dims=1)

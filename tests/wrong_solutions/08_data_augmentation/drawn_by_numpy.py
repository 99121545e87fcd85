"""NumPy draws; agreement is measured with what is true; flips alone.

Fails test_training_only: In a tf.data pipeline the layer stops
Fails test_invariance: agreement is 1.00 here
Fails test_any_way_up: Flips alone give four
"""


# %% channel_shift
class ChannelShift(keras.layers.Layer):
    def __init__(self, shift_range, seed=None):
        super().__init__()
        self.shift_range = shift_range
        self.random = np.random.default_rng(seed)

    def call(self, pictures, training=False):
        if training:
            shift = self.random.uniform(-self.shift_range, self.shift_range, (len(pictures), 1, 1, 1))
            pictures = np.clip(pictures + shift, 0, 255)
        return pictures


# %% invariance
def invariance(probability, X, y, move, strengths):
    table = pd.DataFrame(index=strengths, columns=["agreement", "accuracy lost", "lost there and back"], dtype=float)
    right = (probability(X) > 0.5) == y
    for strength in strengths:
        moved = (probability(move(X, strength)) > 0.5) == y
        back = (probability(move(move(X, strength), -strength)) > 0.5) == y
        table.loc[strength] = moved.mean(), right.mean() - moved.mean(), right.mean() - back.mean()
    return table


# %% any_way_up
class AnyWayUp(keras.layers.Layer):
    def __init__(self, seed=None):
        super().__init__()
        self.flip = keras.layers.RandomFlip("horizontal_and_vertical", seed=seed)

    def call(self, pictures, training=False):
        return self.flip(pictures, training=training)

"""Lambda is a Python number, which a compiled function reads once; all rows in one mean.

Fails test_strength_changes: A Python number is read once
Fails test_loss_value: outvotes the smaller one
Fails test_training: set_strength does not reach the compiled step
"""


# %% reversal
class Reversal(keras.layers.Layer):
    def __init__(self, strength=1.0, **kwargs):
        super().__init__(**kwargs)
        self.strength = strength

    def set_strength(self, value):
        self.strength = value

    def call(self, x):
        return keras.ops.stop_gradient((1 + self.strength) * x) - self.strength * x


# %% dann_loss
def dann_loss(G_f, G_y, G_d, reverse, X_s, y_s, X_t):
    features = G_f(tf.concat([X_s, X_t], axis=0))
    domain = tf.concat([tf.zeros((len(X_s), 1)), tf.ones((len(X_t), 1))], axis=0)
    L_y = keras.losses.sparse_categorical_crossentropy(y_s, G_y(features[: len(X_s)]))
    return tf.reduce_mean(L_y) + tf.reduce_mean(keras.losses.binary_crossentropy(domain, G_d(reverse(features))))

"""The minus sign is in the loss; the values are reversed, too; the schedule starts at one half.

Fails test_layer: must come out as it is
Fails test_schedule: at the start lambda is 0
Fails test_loss_gradients: The domain classifier gets worse
Fails test_training: with ease is expected
"""


# %% schedule
def schedule(p, gamma=10.0, largest=1.0):
    return largest / (1 + np.exp(-gamma * p))


# %% dann_loss
def dann_loss(G_f, G_y, G_d, reverse, X_s, y_s, X_t):
    f_s, f_t = G_f(X_s), G_f(X_t)
    d_s, d_t = G_d(f_s), G_d(f_t)
    L_y = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y_s, G_y(f_s)))
    L_s = tf.reduce_mean(keras.losses.binary_crossentropy(tf.zeros_like(d_s), d_s))
    L_t = tf.reduce_mean(keras.losses.binary_crossentropy(tf.ones_like(d_t), d_t))
    return L_y - (L_s + L_t) / 2


# %% reversal
class Reversal(keras.layers.Layer):
    def __init__(self, strength=1.0, **kwargs):
        super().__init__(**kwargs)
        self.strength = tf.Variable(strength, trainable=False)

    def set_strength(self, value):
        self.strength.assign(value)

    def call(self, x):
        return -self.strength * x

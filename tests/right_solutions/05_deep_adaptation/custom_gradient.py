"""The layer by a custom gradient, the schedule by tanh, one pass for both domains and a weighted mean."""


# %% reversal
class Reversal(keras.layers.Layer):
    def __init__(self, strength=1.0, **kwargs):
        super().__init__(**kwargs)
        self.lam = tf.Variable(float(strength), trainable=False)

    def set_strength(self, value):
        self.lam.assign(value)

    def call(self, x):
        @tf.custom_gradient
        def turned(x):
            return tf.identity(x), lambda upstream: -self.lam * upstream

        return turned(x)


# %% schedule
def schedule(p, gamma=10.0, largest=1.0):
    return largest * np.tanh(gamma * np.asarray(p) / 2)


# %% dann_loss
def dann_loss(G_f, G_y, G_d, reverse, X_s, y_s, X_t):
    n, m = len(X_s), len(X_t)
    features = G_f(tf.concat([X_s, X_t], axis=0))
    domain = np.repeat([[0.0], [1.0]], [n, m], axis=0).astype("float32")
    weights = np.repeat([0.5 / n, 0.5 / m], [n, m]).astype("float32")
    L_d = keras.losses.BinaryCrossentropy(reduction="sum")(domain, G_d(reverse(features)), sample_weight=weights)
    return L_d + keras.losses.SparseCategoricalCrossentropy()(y_s, G_y(features)[:n])

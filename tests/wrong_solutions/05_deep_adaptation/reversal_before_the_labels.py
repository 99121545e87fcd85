"""The reversal stands before both classifiers.

Fails test_loss_gradients: dL_y - lambda dL_d
"""


# %% dann_loss
def dann_loss(G_f, G_y, G_d, reverse, X_s, y_s, X_t):
    f_s, f_t = reverse(G_f(X_s)), reverse(G_f(X_t))
    d_s, d_t = G_d(f_s), G_d(f_t)
    L_y = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y_s, G_y(f_s)))
    L_s = tf.reduce_mean(keras.losses.binary_crossentropy(tf.zeros_like(d_s), d_s))
    L_t = tf.reduce_mean(keras.losses.binary_crossentropy(tf.ones_like(d_t), d_t))
    return L_y + (L_s + L_t) / 2

"""The base is only called in inference mode; a Lambda scales; decay is handed to the optimiser.

Fails test_scaling: A Lambda layer holds Python code
Fails test_frozen: the top has 10 parameters
Fails test_optimiser: the learning rate does not fall
Fails test_at_work: the base has moved
"""


# %% classifier
def classifier(base, classes):
    pictures = keras.Input(base.input_shape[1:])
    scaled = keras.layers.Lambda(lambda x: x / 127.5 - 1)(pictures)
    pooled = keras.layers.GlobalAveragePooling2D()(base(scaled, training=False))
    return keras.Model(pictures, keras.layers.Dense(classes, activation="softmax")(pooled))


# %% article_sgd
def article_sgd(learning_rate=0.005, decay=1e-6, momentum=0.9, nesterov=True):
    return keras.optimizers.SGD(learning_rate, decay=decay, momentum=momentum, nesterov=nesterov)

"""Tell cats from dogs with a frozen InceptionV3: the article's whole job in today's Keras, on one page.

python cats_vs_dogs.py train DATA MODEL.keras             # DATA/{train_set,validation_set}/{cats,dogs}/*.jpg
python cats_vs_dogs.py train DATA MODEL.keras --resume    # goes on with a saved model
python cats_vs_dogs.py predict FOLDER MODEL.keras         # one line a picture: 猫 or 狗

Nothing but Keras is used. Without --weights the ImageNet weights are downloaded (88 MB).
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from keras import layers

SIZE, BATCH = 197, 32  # the article's
NAMES = {"cats": "猫", "dogs": "狗"}


def pictures(folder, labelled=True, shuffle=False):
    """Read a folder in batches: pictures, float32 (batch, 197, 197, 3) in 0..255, and labels one-hot (batch, 2)."""
    return keras.utils.image_dataset_from_directory(
        folder,
        labels="inferred" if labelled else None,
        label_mode="categorical" if labelled else None,
        class_names=list(NAMES) if labelled else None,
        image_size=(SIZE, SIZE),
        batch_size=BATCH,
        shuffle=shuffle,
        seed=0,
        verbose=False,
    )


def augmentation():
    """Build the article's augmentation; the layers act in training alone."""
    return [
        layers.RandomRotation(15 / 360, fill_mode="constant"),
        layers.RandomTranslation(0.02, 0.02, fill_mode="constant"),
        layers.RandomZoom(0.25, 0.25, fill_mode="constant"),
        layers.RandomBrightness(25 / 255, value_range=(0, 255)),  # one number for all channels of a picture
        layers.RandomFlip("horizontal"),
    ]


def frozen_base(weights, cut):
    """Build InceptionV3 without its top, up to the block `cut`, with weights that training leaves as they are."""
    whole = keras.applications.InceptionV3(
        include_top=False, weights="imagenet" if weights is None else None, input_shape=(SIZE, SIZE, 3)
    )
    base = keras.Model(whole.input, whole.get_layer(cut).output, name="inception_v3")
    if weights not in (None, "random"):
        base.load_weights(weights)
    base.trainable = False  # holds the statistics of its batch normalisation, too
    return base


def build(weights=None, cut="mixed10", learning_rate=0.005):
    """Put the article's top on the base, and compile with its optimiser."""
    x = inputs = keras.Input((SIZE, SIZE, 3))
    for layer in augmentation():
        x = layer(x)
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)  # what InceptionV3 was trained on; inside, so nobody can forget it
    x = frozen_base(weights, cut)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(1024, activation="relu")(x)
    model = keras.Model(inputs, layers.Dense(len(NAMES), activation="softmax")(x))
    rate = keras.optimizers.schedules.InverseTimeDecay(learning_rate, decay_steps=1, decay_rate=1e-6)
    sgd = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    model.compile(sgd, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def train(options):
    """Train the top, or go on with a saved model, and save it."""
    keras.utils.set_random_seed(options.seed)
    resume = options.resume and options.model.exists()
    model = keras.saving.load_model(options.model) if resume else build(options.weights, options.cut)
    model.fit(
        pictures(options.folder / "train_set", shuffle=True),
        validation_data=pictures(options.folder / "validation_set"),
        epochs=options.epochs,
        shuffle=False,  # the data set shuffles itself
        verbose=2,
    )
    options.model.parent.mkdir(parents=True, exist_ok=True)
    model.save(options.model)


def predict(options):
    """Print 猫 or 狗 for every picture of a folder, and the accuracy where its sub-folders are the classes."""
    model = keras.saving.load_model(options.model)
    data = pictures(options.folder, labelled=False)
    files = [Path(file).relative_to(options.folder) for file in data.file_paths]
    answers = model.predict(data, verbose=0).argmax(axis=1)
    assert len(answers) == len(files)  # all of them, in their order: the article's ten steps predict ten
    for file, answer in zip(files, answers, strict=True):
        print(file, list(NAMES.values())[answer])
    known = [file.parts[0] in NAMES for file in files]
    if all(known):
        right = np.mean([list(NAMES)[answer] == file.parts[0] for file, answer in zip(files, answers, strict=True)])
        print(f"accuracy {right:.3f} on {len(files)} pictures")


def main(arguments=None):
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, function in {"train": train, "predict": predict}.items():
        command = commands.add_parser(name, help=function.__doc__)
        command.add_argument("folder", type=Path)
        command.add_argument("model", type=Path)
        command.set_defaults(run=function)
        if name == "train":
            command.add_argument("--resume", action="store_true", help="go on with MODEL if it is there")
            command.add_argument("--epochs", type=int, default=10)
            command.add_argument("--seed", type=int, default=0)
            command.add_argument("--weights", help="a weights file that reaches the block of --cut, or 'random'")
            command.add_argument("--cut", default="mixed10", help="last block that is kept, such as mixed8")
    options = parser.parse_args(arguments)
    options.run(options)


if __name__ == "__main__":
    main()

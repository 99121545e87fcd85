"""One data set that is read as it is predicted, the roots by NumPy, the bins by pandas."""


# %% predict_folder
def predict_folder(model, folder, class_names, batch_size=32, csv=None):
    import tensorflow as tf

    size, files = model.input_shape[1], photos.list_files(folder)

    def read(file):
        return photos.load(Path(folder) / file.decode(), size).astype("float32")

    def decode(file):
        return tf.ensure_shape(tf.numpy_function(read, [file], tf.float32), (size, size, 3))

    P = model.predict(tf.data.Dataset.from_tensor_slices(files).map(decode).batch(batch_size))
    table = pd.DataFrame(P, columns=class_names, index=pd.Index(files, name="file"))
    table = pd.DataFrame({"label": table.idxmax(axis=1), "probability": table.max(axis=1)}).reset_index()
    table.insert(2, "label_zh", ["猫" if s == "cats" else "狗" if s == "dogs" else "" for s in table["label"]])
    if csv is not None:
        Path(csv).write_text(table.to_csv(index=False), encoding="utf-8-sig")
    return table


# %% wilson
def wilson(k, n, level=0.95):
    from statistics import NormalDist

    a = NormalDist().inv_cdf(0.5 + level / 2) ** 2 / n
    return tuple(sorted(np.roots([1 + a, -2 * k / n - a, (k / n) ** 2]).real))


# %% ece
def ece(confidence, right, bins=10, low=0.5):
    table = pd.DataFrame({"confidence": confidence, "right": right})
    table["bin"] = np.minimum(np.floor((table["confidence"] - low) / ((1 - low) / bins)), bins - 1)
    total = 0
    for _, part in table.groupby("bin"):
        total += len(part) * abs(part["right"].mean() - part["confidence"].mean())
    return total / len(table)

"""Keras's folder reader with its default, which shuffles; Chinese names of the folders; plain mean over the bins.

Fails test_whole_folder: A data set that shuffles
Fails test_labels_and_csv: what the model SAYS
Fails test_ece: plain mean over the bins
"""


# %% predict_folder
def predict_folder(model, folder, class_names, batch_size=32, csv=None):
    data = keras.utils.image_dataset_from_directory(
        folder, labels=None, image_size=model.input_shape[1:3], batch_size=batch_size, seed=3, verbose=False
    )
    P = model.predict(data, verbose=0)
    files = photos.list_files(folder)
    table = pd.DataFrame({"file": files, "label": np.array(class_names)[P.argmax(axis=1)]})
    table["label_zh"] = ["猫" if file.startswith("cats") else "狗" for file in files]
    table["probability"] = P.max(axis=1)
    if csv:
        table.to_csv(csv)
    return table


# %% ece
def ece(confidence, right, bins=10, low=0.5):
    which = np.digitize(confidence, np.linspace(low, 1, bins + 1)[1:-1])
    return np.mean([abs(right[which == b].mean() - confidence[which == b].mean()) for b in set(which)])

"""All pictures in one array, the CSV without a byte order mark; means over everything instead of the bins.

Fails test_labels_and_csv: must begin with the byte order mark
Fails test_memory: one batch after the other
Fails test_ece: the gaps are 0.47 and 0.33
"""


# %% predict_folder
def predict_folder(model, folder, class_names, batch_size=32, csv=None):
    files = photos.list_files(folder)
    X = photos.load_many([Path(folder) / file for file in files], model.input_shape[1])
    P = model.predict(X, batch_size=batch_size, verbose=0)
    table = pd.DataFrame({"file": files, "label": [class_names[i] for i in P.argmax(axis=1)]})
    table["label_zh"] = table["label"].map({"cats": "猫", "dogs": "狗"}).fillna("")
    table["probability"] = P.max(axis=1)
    if csv:
        table.to_csv(csv, index=False)
    return table


# %% ece
def ece(confidence, right, bins=10, low=0.5):
    return abs(np.mean(right) - np.mean(confidence))

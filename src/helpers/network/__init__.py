"""InceptionV3 and what is put on it: weights, cached features, the classifier, augmentation, a cluster."""

"""What transfers: instances, features, parameters, relations, and the distances between domains."""

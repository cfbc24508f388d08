"""A trained model on whole recordings: to be used, as labels, to be scored."""

"""Where data come from: public data sets and downloads, reviews, drawn animals."""

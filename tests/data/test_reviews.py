"""Embedded reviews behave like real ones; real ones are read as they are."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from helpers.data import reviews

RECORD = """<review>
<rating>
{rating}
</rating>
<title>
{title}
</title>
<review_text>
{text}
</review_text>
</review>
"""
NEGATIVE = RECORD.format(rating="1.0", title="Bad", text="It broke.").encode()


def accuracy(source, target):
    """Accuracy of a bag-of-words logistic regression: across domains, or cross-validated at home."""
    (X_source, X_target), _ = reviews.bag_of_words(source.text, target.text, tfidf=True)
    model = LogisticRegression(max_iter=1000)
    if source is target:
        return cross_val_score(model, X_source, source.label, cv=5).mean()
    return model.fit(X_source, source.label).score(X_target, target.label)


def write_real(folder, positive, negative=NEGATIVE):
    domain = folder / "reviews" / "sorted_data_acl" / "kitchen_&_housewares"
    domain.mkdir(parents=True)
    (domain / "positive.review").write_bytes(positive)
    if negative is not None:
        (domain / "negative.review").write_bytes(negative)


@pytest.mark.parametrize("domain", reviews.DOMAINS)
def test_embedded_reviews_are_distinct_and_balanced(domain):
    table = reviews.load(domain)
    assert table.text.nunique() == len(table) == 2000
    assert table.label.sum() == 1000
    assert set(table.rating[table.label == 1]) == {4, 5}
    assert set(table.rating[table.label == 0]) == {1, 2}


@pytest.mark.parametrize("domain", reviews.DOMAINS)
def test_embedded_reviews_are_clean_sentences(domain):
    for text in reviews.compose(domain, 400).text:
        title, body = text.split("\n")
        assert not set("{}") & set(text)
        assert "  " not in text and body.endswith(".") and body[0].isupper() and title


def test_same_seed_same_reviews():
    assert reviews.compose("dvd", 20).equals(reviews.compose("dvd", 20))
    assert not reviews.compose("dvd", 20).equals(reviews.compose("dvd", 20, seed=1))


def test_embedded_reviews_behave_like_the_real_ones():
    tables = {domain: reviews.load(domain) for domain in reviews.DOMAINS}
    for domain, table in tables.items():
        assert 0.80 <= accuracy(table, table) <= 0.92, domain
    for source, target in [("electronics", "dvd"), ("dvd", "electronics"), ("books", "kitchen")]:
        assert 0.68 <= accuracy(tables[source], tables[target]) <= 0.78, (source, target)
    assert accuracy(tables["electronics"], tables["kitchen"]) > accuracy(tables["electronics"], tables["dvd"]) + 0.05


def test_unpredictable_flips_its_sense():
    def praised(domain):
        table = reviews.load(domain)
        return table.label[table.text.str.contains(r"\bunpredictable\b")].mean()

    assert praised("dvd") > 0.6 > 0.4 > praised("electronics")


def test_real_reviews_are_preferred_and_read_as_they_are(tmp_path):
    positive = RECORD.format(rating="5.0", title="Nice & <b>good</b>", text="Crème brûlée\n\nagain").encode("latin-1")
    assert "embedded" in reviews.source(tmp_path)
    write_real(tmp_path, positive + RECORD.format(rating="4.0", title="Fine", text="Works.").encode())
    assert "real" in reviews.source(tmp_path)
    table = reviews.load("kitchen", tmp_path)
    assert table.text[0] == "Nice & <b>good</b>\nCr\ufffdme br\ufffdl\ufffde\n\nagain"
    assert table.rating.tolist() == [5, 4, 1]
    assert table.label.tolist() == [1, 1, 0]


def test_transfer_data_is_the_default_folder(tmp_path, monkeypatch):
    write_real(tmp_path, RECORD.format(rating="5.0", title="Good", text="Works.").encode())
    monkeypatch.setenv("TRANSFER_DATA", str(tmp_path))
    assert len(reviews.load("kitchen")) == 2


@pytest.mark.parametrize(
    ("positive", "negative", "error", "message"),
    [
        (b"<review><rating>5.0</rating></review>", b"", ValueError, "without <title>"),
        (b"not a review", b"", ValueError, "holds none"),
        (RECORD.format(rating="5.0", title="Good", text="Works.").encode(), None, FileNotFoundError, "negative.review"),
    ],
)
def test_broken_real_data_is_not_replaced_silently(tmp_path, positive, negative, error, message):
    write_real(tmp_path, positive, negative)
    with pytest.raises(error, match=message):
        reviews.load("kitchen", tmp_path)


def test_unknown_domain_and_odd_number_are_named():
    with pytest.raises(ValueError, match="books, dvd, electronics, kitchen; got 'music'"):
        reviews.load("music")
    with pytest.raises(ValueError, match=r"even number.*got 7"):
        reviews.compose("dvd", 7)


def test_of_equally_frequent_words_the_first_in_the_alphabet_are_kept_on_every_processor():
    """NumPy's default sort is not stable, and what it does with ties depends on the processor."""
    words = [a + b + c for a in "bcdfg" for b in "aeiou" for c in "lmnrst"]
    texts = [" ".join(words[::-1]), " ".join(words), "zoom zoom zoom"] * 2
    for tfidf in (False, True):
        (matrix,), kept = reviews.bag_of_words(texts, max_features=101, tfidf=tfidf)
        assert list(kept) == [*sorted(words)[:100], "zoom"]
        assert matrix.shape == (6, 101)


def test_bag_of_words_shares_one_vocabulary():
    (first, second), words = reviews.bag_of_words(["good good plot", "bad plot"], ["good screen", "bad screen"])
    assert words.tolist() == ["bad", "good", "plot", "screen"]
    assert first.toarray().tolist() == [[0, 2, 1, 0], [1, 0, 1, 0]]
    assert second.toarray().tolist() == [[0, 1, 0, 1], [1, 0, 0, 1]]
    (weighted,), _ = reviews.bag_of_words(["good good plot", "bad plot good"], max_features=2, tfidf=True)
    assert np.allclose(weighted.multiply(weighted).sum(axis=1), 1)


@pytest.mark.real
def test_real_reviews_are_complete(real_data):
    for domain in reviews.DOMAINS:
        table = reviews.load(domain, real_data)
        assert table.label.value_counts().to_dict() == {0: 1000, 1: 1000}
        assert ((table.rating > 3) == (table.label == 1)).all()
        assert table.text.str.len().min() > 10


@pytest.mark.real
def test_real_in_domain_and_source_only(real_data, capsys):
    electronics, dvd = reviews.load("electronics", real_data), reviews.load("dvd", real_data)
    home, away = accuracy(dvd, dvd), accuracy(electronics, dvd)
    with capsys.disabled():
        print(f"\nreal reviews, logistic regression: dvd at home {home:.3f}, electronics -> dvd {away:.3f}")
    assert 0.80 <= home <= 0.86
    assert 0.70 <= away <= 0.77

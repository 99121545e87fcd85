"""Search in Chinese: the glossary's terms are words, and a query is cut into words of the index."""

from pathlib import Path

import jieba
import snowballstemmer
from sphinx.application import Sphinx
from sphinx.search.zh import SearchChinese

# Sphinx cuts pages into words with jieba, which a browser does not have, and leaves the query whole. Here the browser
# cuts it, from left to right, each time into the longest word that the index has.
SPLITTER = r"""
function splitQuery(query) {
  const { terms, titleterms } = Search._index ?? { terms: {}, titleterms: {} };
  const known = (word) => Object.hasOwn(terms, word) || Object.hasOwn(titleterms, word);
  const words = [];
  for (const part of query.match(/\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{Letter}\p{Number}_])+/gu) ?? []) {
    if (!/\p{Script=Han}/u.test(part)) { words.push(part); continue; }
    for (let start = 0; start < part.length; ) {
      let end = part.length;
      while (end > start + 1 && !known(part.slice(start, end))) end--;
      const word = part.slice(start, end);
      if (end > start + 1 || known(word)) words.push(word);
      start = end;
    }
  }
  return words;
}
"""


class ChineseSearch(SearchChinese):
    """As Sphinx has it, but that Latin words are stemmed as the browser stems them, and short terms are kept."""

    js_splitter_code = SPLITTER

    def init(self, options: dict[str, str]) -> None:
        """Read the terms, one a line."""
        jieba.setLogLevel("WARNING")
        super().init(options)
        self.stemmer = snowballstemmer.stemmer("porter")
        self.terms = set(Path(options["dict"]).read_text(encoding="utf-8").split())

    def stem(self, word: str) -> str:
        """Stem as language_data.js does: always, by Porter's rules."""
        return self.stemmer.stemWord(word.lower())

    def word_filter(self, stemmed_word: str) -> bool:
        """Keep a single character only if it is a term."""
        return len(stemmed_word) > 1 or stemmed_word in self.terms


def setup(app: Sphinx) -> dict:
    """Put it in the place of Sphinx's own."""
    app.config.html_search_options = {"dict": str(app.srcdir / "terms.txt")}
    app.add_search_language(ChineseSearch)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

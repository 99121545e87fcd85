/* Quote a result where it has the whole query, else where it has a word of it; and from the article alone. */
Search.makeSearchSummary = (html, words) => {
  const article = new DOMParser().parseFromString(html, "text/html").querySelector("article");
  article.querySelectorAll(".headerlink, style").forEach((element) => element.remove());
  const text = article.textContent.replace(/\s+/g, " ");
  const query = new URLSearchParams(location.search).get("q").toLowerCase();
  const places = [query, ...words].map((word) => text.toLowerCase().indexOf(word));
  const start = Math.max((places.find((place) => place >= 0) ?? 0) - 120, 0);
  const summary = document.createElement("p");
  summary.className = "context";
  summary.textContent = (start ? "…" : "") + text.slice(start, start + 240).trim() + "…";
  return summary;
};

/* Sphinx 8.2 has no Chinese for this message. */
if (document.documentElement.lang.startsWith("zh")) {
  Documentation.TRANSLATIONS["Search finished, found one page matching the search query."] =
    ["搜索完成，匹配到 ${resultCount} 页。"];
  Documentation.PLURAL_EXPR = () => 0;
}

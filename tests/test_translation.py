"""The Chinese edition is whole, says the same as the English one, and follows its changes block by block."""

import csv
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import markdown_blocks  # noqa: E402
import translate  # noqa: E402
import translation_faults  # noqa: E402
from translation_faults import TranslationError  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAME = "00_start_here"
TERMS = translation_faults.read_terms(ROOT / translate.LOCALE / "terms.csv")

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


# ---- The edition as it is committed


@each
def test_it_is_translated_without_a_fault(path):
    assert translate.check(ROOT, [path.name[:2]]) == []


def test_building_it_anew_gives_the_committed_files(tmp_path):
    for folder in ("notebooks", "locale"):
        (tmp_path / folder).symlink_to(ROOT / folder, target_is_directory=True)
    translate.build(tmp_path)
    committed = {path.name: path.read_bytes() for path in (ROOT / "notebooks_zh").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "notebooks_zh").iterdir()} == committed
    assert set(committed) == {path.name for path in NOTEBOOKS}


@each
def test_all_but_the_text_is_the_english_notebook_to_the_letter(path):
    english, chinese = (json.loads(file.read_text(encoding="utf-8")) for file in (path, chinese_of(path)))
    for notebook in (english, chinese):
        for cell in notebook["cells"]:
            cell["metadata"].pop("alt", None)
            if cell["cell_type"] == "markdown":
                del cell["source"]
    assert json.dumps(chinese) == json.dumps(english)


def chinese_of(path):
    return ROOT / "notebooks_zh" / path.name


@each
def test_each_question_is_the_one_in_the_chinese_readme(path):
    first = "".join(json.loads(chinese_of(path).read_text(encoding="utf-8"))["cells"][0]["source"])
    readme = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    assert re.findall(r"^\*\*(.+？)\*\*$", first, re.MULTILINE) == re.findall(
        rf"^\| \[{path.stem}\]\(\S+\) \| (.+?) \|", readme, re.MULTILINE
    )


def in_both_readmes(name, folder):
    """What the two READMEs must share: code without comments, links, minutes of the notebooks."""
    text = re.sub(rf"\b{folder}(?=[/\\])", "notebooks", (ROOT / name).read_text(encoding="utf-8"))
    code = re.findall(r"```.*?```|`(?:conda|docker|python) [^`]+`", re.sub(r" *#.*", "", text), re.DOTALL)
    links = {link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("README")}
    return {"code": code, "links": links, "minutes": re.findall(r"^\| \[(\w+)\].* \| ([\d.]+) \|$", text, re.MULTILINE)}


def test_the_chinese_readme_is_in_step_with_the_english_one():
    english, chinese = in_both_readmes("README.md", "notebooks"), in_both_readmes("README.zh-CN.md", "notebooks_zh")
    assert chinese == english
    assert len(english["code"]) == 6 and len(english["minutes"]) == len(NOTEBOOKS)


def test_the_glossary_of_notebook_00_uses_the_terms():
    notebook = translate.read_notebook(ROOT / "notebooks" / f"{NAME}.ipynb")
    (table,) = [msgid for _, msgid in translate.texts(notebook) if msgid.startswith("| English | 中文 |")]
    rows = [row.strip("| ").split(" | ") for row in table.split("\n")[2:]]
    assert len(rows) > 10
    assert [
        fault for english, chinese, _ in rows for fault in translation_faults.of_terms(english, chinese, TERMS)
    ] == []


def test_each_term_stands_once_in_the_list_and_in_both_editions():
    with (ROOT / translate.LOCALE / "terms.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    english = [row["english"] for row in rows]
    assert len(set(english)) == len(english) >= 60
    entries = [entry for path in NOTEBOOKS for entry in translate.read_po(po_of(ROOT, path.stem))]
    for row in rows:
        forms = [row["english"], *filter(None, row["english_forms"].split("|"))]
        assert any(form.lower() in entry.msgid.lower() for form in forms for entry in entries), f"{forms} is not used"
        assert any(row["chinese"] in entry.msgstr for entry in entries), f"{row['chinese']} is not used"


# ---- English changes: a copy of notebook 00 and its translation


def po_of(root, name=NAME):
    return root / translate.LOCALE / f"{name}.po"


@pytest.fixture
def project(tmp_path):
    for folder, name in (("notebooks", f"{NAME}.ipynb"), ("notebooks_zh", f"{NAME}.ipynb"), ("locale/zh_CN", "")):
        (tmp_path / folder).mkdir(parents=True)
        if name:
            shutil.copy(ROOT / folder / name, tmp_path / folder)
    for name in (f"{NAME}.po", "terms.csv"):
        shutil.copy(ROOT / translate.LOCALE / name, tmp_path / translate.LOCALE)
    return tmp_path


def change(root, cell_id, old, new):
    """Change the English text of a cell."""
    path = root / "notebooks" / f"{NAME}.ipynb"
    notebook = translate.read_notebook(path)
    (cell,) = [cell for cell in notebook["cells"] if cell["id"] == cell_id]
    text = "".join(cell["source"])
    assert text.count(old) == 1
    cell["source"] = text.replace(old, new).splitlines(keepends=True)
    path.write_text(translate.notebook_text(notebook), encoding="utf-8")


def shown(root, cell_id):
    """Return the text of a cell of the Chinese notebook."""
    translate.build(root)
    notebook = translate.read_notebook(root / "notebooks_zh" / f"{NAME}.ipynb")
    return "".join(next(cell["source"] for cell in notebook["cells"] if cell["id"] == cell_id))


def test_one_changed_word_is_found_and_concerns_one_block_alone(project):
    assert translate.check(project) == []
    before = {entry.msgid: entry.msgstr for entry in translate.read_po(po_of(project))}
    chinese = shown(project, "try-words")
    change(project, "try-words", "cat or dog?", "cat or fox?")
    assert any("update" in fault for fault in translate.check(project))

    translate.update(project)
    after = translate.read_po(po_of(project))
    (fuzzy,) = [entry for entry in after if entry.fuzzy]
    assert "cat or fox?" in fuzzy.msgid
    assert fuzzy.previous_msgid == fuzzy.msgid.replace("cat or fox?", "cat or dog?")
    assert {entry.msgid: entry.msgstr for entry in after if not entry.fuzzy}.items() <= before.items()
    assert len(after) == len(before)
    heading, paragraph = shown(project, "try-words").split("\n\n")
    assert heading == chinese.split("\n\n")[0]
    assert "cat or fox?" in paragraph
    (fault,) = translate.check(project)
    assert "fuzzy" in fault

    change(project, "try-words", "cat or fox?", "cat or dog?")  # back again, and the translation holds
    translate.update(project)
    assert shown(project, "try-words") == chinese
    assert translate.check(project) == []


def test_english_wrapped_otherwise_changes_nothing(project):
    before = po_of(project).read_bytes()
    change(project, "try-words", "so\nthey are always there", "so they are\nalways there")
    translate.update(project)
    assert po_of(project).read_bytes() == before
    assert translate.check(project) == []


def test_a_new_paragraph_is_shown_in_english_and_a_vanished_one_goes(project, capsys):
    change(project, "three-ways", "First the small network.", "Quite another sentence, about other things.")
    translate.update(project)
    assert "gone with its English text: three-ways" in capsys.readouterr().out
    po = translate.read_po(po_of(project))
    (new,) = [entry for entry in po if not entry.msgstr]
    assert new.msgid == "Quite another sentence, about other things."
    assert "First the small network." not in {entry.msgid for entry in po}
    assert shown(project, "three-ways").endswith(new.msgid)


def test_a_paragraph_cut_in_two_takes_its_translation_once(project):
    change(project, "three-ways", "First the small network.", "First the small network!\n\nFirst, the small network.")
    translate.update(project)
    new = [entry for entry in translate.read_po(po_of(project)) if entry.msgid.startswith("First")]
    assert sorted((bool(entry.msgstr), entry.fuzzy) for entry in new) == [(False, False), (True, True)]


def test_the_same_english_in_other_words_elsewhere_is_a_fault(project):
    change(project, "frozen-words", "Now the large one.", "## Recap\n\nNow the large one.")
    translate.update(project)
    text = po_of(project).read_text(encoding="utf-8")
    assert text.count("## 小结") == 2
    po_of(project).write_text(text.replace("## 小结", "## 总结", 1), encoding="utf-8", newline="\n")
    translate.build(project)
    (fault,) = translate.check(project)
    assert "the same English is said otherwise elsewhere: '## 总结'" in fault


def test_a_cell_with_another_id_keeps_its_translation(project):
    path = project / "notebooks" / f"{NAME}.ipynb"
    chinese = shown(project, "frozen-words")
    path.write_text(path.read_text(encoding="utf-8").replace('"frozen-words"', '"other-id"'), encoding="utf-8")
    translate.update(project)
    assert shown(project, "other-id") == chinese
    assert translate.check(project) == []


def test_a_sentence_translated_elsewhere_is_not_asked_for_again(project):
    change(project, "frozen-words", "Now the large one.", "## Recap\n\nNow the large one.")
    translate.update(project)
    (entry,) = [e for e in translate.read_po(po_of(project)) if (e.msgctxt, e.msgid) == ("frozen-words", "## Recap")]
    assert entry.translated()


def test_the_same_text_twice_in_a_cell_has_one_entry_and_is_translated_twice(project):
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["Same words.\n", "\n", "Same words.\n"]},
        {"cell_type": "code", "id": "b", "metadata": {"alt": "A curve."}, "source": ["Same words."]},
    ]
    notebook = {"cells": cells}
    assert translate.texts(notebook) == [("a", "Same words."), ("b alt", "A curve.")]
    chinese = translate.translated(notebook, {("a", "Same words."): "一样。", ("b alt", "A curve."): "一条曲线。"})
    assert chinese["cells"][0]["source"] == ["一样。\n", "\n", "一样。\n"]
    assert chinese["cells"][1] == cells[1] | {"metadata": {"alt": "一条曲线。"}}
    assert cells[0]["source"][0] == "Same words.\n", "the English notebook is left as it is"


# ---- Plain text for translators


def test_what_todo_writes_fill_reads(project):
    change(project, "frozen-words", "Now the large one.", "Now the larger one.")
    change(project, "three-ways", "First the small network.", "Quite another sentence, about other things.")
    translate.update(project)
    po = translate.read_po(po_of(project))
    text = translate.todo(po)
    assert text.count("@@ ") == 2
    assert "@# Now the large one." in text
    text = text.replace("Quite another sentence, about other things.", "另一句话。")
    text = re.sub(r"^Now the larger one\..*$", "下面看更大的网络。", text, flags=re.MULTILINE)
    assert translate.fill(po, text) == 2
    assert all(entry.translated() for entry in po)
    assert "@" not in "".join(entry.msgstr for entry in po)
    assert translate.todo(po).strip() == ""


def test_fill_refuses_a_mark_that_names_no_text(project):
    po = translate.read_po(po_of(project))
    with pytest.raises(TranslationError, match="No text has the mark '@@ 12345678 try-words'"):
        translate.fill(po, "@@ 12345678 try-words\n什么？\n")


# ---- Files that can't be used


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ('msgctxt "a"\nmsgid "x\nmsgstr ""\n', "00_start_here.po, line 2 is no line of a .po file: 'msgid \"x'"),
        ('msgctxt "a"\nmsgid "x"\nmsgstr "y" z"\n', "00_start_here.po, line 3 is no line of a .po file"),
        ('msgctxt "a"\nmsgstr "y"\nmsgid "x"\n', r"00_start_here.po is no .po file: .*line 2.* Mend that line"),
        ('msgid "x"\nmsgstr ""\n', "the entry 'x' has no msgctxt"),
        ('msgctxt "a"\nmsgid "x"\nmsgstr ""\n\nmsgctxt "a"\nmsgid "x"\nmsgstr "y"\n', "stands there twice"),
    ],
    ids=["open quote", "odd quote", "order", "context", "twice"],
)
def test_a_broken_po_file_gets_a_clear_error(project, broken, message):
    po_of(project).write_text(broken, encoding="utf-8")
    with pytest.raises(TranslationError, match=message):
        translate.check(project)


@pytest.mark.parametrize("name", ["locale/zh_CN/99_gone.po", "notebooks_zh/99_gone.ipynb"])
def test_a_file_without_a_notebook_gets_a_clear_error(project, name):
    (project / name).write_text("{}")
    with pytest.raises(TranslationError, match=r"99_gone.* belongs to no notebook: .* Remove it"):
        translate.build(project)


def test_a_wrong_number_gets_a_clear_error():
    with pytest.raises(TranslationError, match="No notebook has the number '77'; there are 00_start_here"):
        translate.check(ROOT, ["77"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("english,chinese\ntask,任务\n", "lacks the columns .*'strict'"),
        ("english,chinese,english_forms,chinese_forms,strict\n,任务,,,yes\n", "line 2"),
        ("english,chinese,english_forms,chinese_forms,strict\ntask,任务\n", "line 2"),
        ("english,chinese,english_forms,chinese_forms,strict\ntask,任务,,,no\n", "line 2"),
        ("english,chinese,english_forms,chinese_forms,strict\ntask,任务,,,yes,one,more\n", "line 2"),
    ],
)
def test_a_broken_list_of_terms_gets_a_clear_error(tmp_path, text, message):
    path = tmp_path / "terms.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TranslationError, match=message):
        translation_faults.read_terms(path)


def test_check_prints_its_faults_and_says_so_to_make(project, capsys, monkeypatch):
    change(project, "try-words", "cat or dog?", "cat or fox?")
    monkeypatch.setattr(sys, "argv", ["translate.py", "check"])
    with pytest.raises(SystemExit) as ended:
        translate.main(project)
    assert ended.value.code == 1
    assert "run: tools/translate.py update" in capsys.readouterr().out


# ---- Cutting a cell into blocks

HOSTILE = """\
# Title
Text right under it,
wrapped.

- one
  goes on
  - nested, wrapped
    here
- two

  a paragraph in the item

1. first
2. second
   goes on

| a | b |
| --- | --- |
| 1 | $P(Y \\mid X)$ |

> quoted, wrapped
> here
>
> second paragraph

Before a quotation
> of one line
with a second one.

A line that ends here\\
and the next one.

<details><summary>Solution</summary>
In it, wrapped
words.

```python
x = 1

# No heading, and a blank line above
```python
```

~~~
```
~~~

Words.
$$
a

b
$$
More words, with $x$ and
`code`.

$$\\mathrm{MMD}^2 = 0.$$

</details>

| 0.1 | 0.2 |
| --- | --- |

```
files -> features

-> top
```
"""
BLOCKS = [
    "# Title\nText right under it, wrapped.",
    "- one goes on\n  - nested, wrapped here\n- two",
    "  a paragraph in the item",
    "1. first\n2. second goes on",
    "| a | b |\n| --- | --- |\n| 1 | $P(Y \\mid X)$ |",
    "> quoted, wrapped here",
    "> second paragraph",
    "Before a quotation\n> of one line\nwith a second one.",
    "A line that ends here\\\nand the next one.",
    "<details><summary>Solution</summary>\nIn it, wrapped words.",
    "Words.",
    "More words, with $x$ and `code`.",
    "~~~\n```\n~~~",
    "```\nfiles -> features\n\n-> top\n```",
]


def test_a_hostile_cell_is_cut_where_it_should_be():
    keys = [piece.key for piece in markdown_blocks.split(HOSTILE)]
    assert sorted(key for key in keys if key) == sorted(BLOCKS)


@each
def test_the_pieces_put_together_are_the_cell(path):
    sources = ["".join(cell["source"]) for cell in translate.read_notebook(path)["cells"]]
    for source in [*sources, HOSTILE, HOSTILE.rstrip(), "", "\n", "```\nnever closed\n\ntext", "$$\nnever closed"]:
        assert "".join(piece.text for piece in markdown_blocks.split(source)) == source


def test_only_text_is_replaced_in_a_hostile_cell():
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": HOSTILE.splitlines(keepends=True)}
    notebook = {"cells": [cell]}
    upper = {key: key[1].upper() for key in translate.texts(notebook)}
    text = "".join(translate.translated(notebook, upper)["cells"][0]["source"])
    assert "x = 1\n\n# No heading, and a blank line above\n```python\n```" in text
    assert "\n$$\na\n\nb\n$$\n" in text
    assert "  - NESTED, WRAPPED HERE\n- TWO\n\n  A PARAGRAPH" in text
    assert text.count("\n\n") == HOSTILE.count("\n\n")


@pytest.mark.parametrize(
    "text", ["</details>", "<details>", "`code`", "$x$", "---", "| 1 | 2 |", "$$x = y$$", "```python\n# words\n```"]
)
def test_what_holds_nothing_to_translate_has_no_entry(text):
    assert [piece.key for piece in markdown_blocks.split(text)] == [None]


# ---- Faults of a translation


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("**Before you run:** will it be 0.5?", "**运行之前**：会是 0.5 吗？"),
        ("Use `x` and $y$, 95 % of 1,200.", "用 `x` 和 $y$，即 1,200 的 95%。"),
        ("- one [link](a.md)\n- two", "- 一个[链接](a.md)\n- 两个"),
        ("> ## Title\n> text", "> ## 标题\n> 正文"),
        ("| a | b |\n| --- | --- |\n| 1 | c |", "| 甲 | 乙 |\n| --- | --- |\n| 1 | 丙（Pan） |"),
        ("It came in February 2024.", "发表于 2024 年 2 月。"),
        ("- A. Author, *A Task*, ICML 2016.", "- A. Author, *A Task*, ICML 2016."),
        ("- A. Author, *A Frozen Task*, ICML 2016: the task.", "- A. Author, *A Frozen Task*, ICML 2016：任务。"),
        ("Frozen layers and the tasks of a domain.", "冻结的层，域的任务。"),
        ("- A. Author. Frozen. ICML 2016.\n- A task.", "- A. Author. Frozen. ICML 2016.\n- 任务。"),
        ("3 * 4 is twelve", "3 * 4 等于十二"),
    ],
)
def test_a_good_translation_has_no_fault(english, chinese):
    assert translation_faults.of_text(english, chinese, TERMS) == []


@pytest.mark.parametrize(
    ("english", "chinese", "fault"),
    [
        ("One.", "One.", "no Chinese"),
        ("Use `x`.", "用 `y`。", "code missing: `x`"),
        ("Use `x`.", "用 x。", "code missing: `x`"),
        ("Take $x$.", "取 $y$。", "formula not in English: $y$"),
        ("See [it](a.md).", "见[它](b.md)。", "link missing: a.md"),
        ("<details><summary>Answer</summary>", "<details>答案</summary>", "html tag missing: <summary>"),
        ("See [it](#Recap).", "见[它](#Recap)。", "leads to a heading"),
        ("It has 0.951.", "有 0.915。", "number missing: 0.951"),
        ("It has 1,200.", "有 1200。", "number missing: 1,200"),
        ("It has many.", "有 12 个。", "number not in English: 12"),
        ("## Title", "# 标题", "line 1 must begin with '## '"),
        ("- one\n- two", "- 一", "wanted 2 lines as in English, got 1"),
        ("- one\n- two", "- 一\n* 二", "line 2 must begin with '- '"),
        ("> one", "一", "line 1 must begin with '> '"),
        ("| a | b |", "| 甲 |", "line 1 must have 2 cells, it has 1"),
        ("One.", "一。 ", "ends with a space"),
        ("**Verdict:** right.", "**结论：**对。", "asterisks would be shown"),
        ("One, two.", "一,二。", "half-width punctuation"),
        ("One. Two", "一.二", "half-width punctuation"),
        ("One (two)", "一 (二)", "half-width punctuation"),
        ("One (Pan).", "一(Pan)。", "half-width punctuation"),
        ("Is it?", "是吗?", "half-width punctuation"),
        ('Say "one".', '说"一"。', "half-width punctuation"),
        ("Use `x`, then go.", "用 `x`, 再走。", "half-width punctuation"),
        ("The CNN sees.", "用CNN看。", "no space between"),
        ("Use `x` now.", "现在用`x`。", "no space between"),
        ("All of it.", "全部 都是。", "a space between Chinese"),
        ("One, two.", "一， 二。", "a space beside"),
        ("95 % of it.", "其中的 95 %。", "a space before %"),
        ("The CNN sees.", "用 ＣＮＮ 看。", "full-width letter"),
        ("The target domain is new.", "目标领域是新的。", "'target domain' must be 目标域"),
        ("Fine-tuned weights.", "精调过的权重。", "'fine-tuning' must be 微调"),
    ],
)
def test_a_bad_translation_has_its_fault(english, chinese, fault):
    found = translation_faults.of_text(english, chinese, TERMS)
    assert any(fault in one for one in found), found


def test_a_term_in_code_or_in_a_longer_word_does_not_count():
    assert translation_faults.of_terms("See `domain`, the multitasking.", "见 `domain`，多线程。", TERMS) == []

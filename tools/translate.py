"""Make the Chinese edition: English notebooks, translations in .po files, Chinese notebooks.

python tools/translate.py update [03 ...]    # notebooks/*.ipynb -> locale/zh_CN/*.po; changed English becomes fuzzy
python tools/translate.py build [03 ...]     # both -> notebooks_zh/*.ipynb; what is not translated stays English
python tools/translate.py check [03 ...]     # list the faults; exit status 1 if there are any
python tools/translate.py todo 03 > 03.txt   # what is to be translated, as plain text
python tools/translate.py fill 03 03.txt     # put the translated text into the .po file

locale/zh_CN/README.md says how to work with them.
"""

import argparse
import copy
import difflib
import hashlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import polib

import translation_faults
from markdown_blocks import split
from translation_faults import TranslationError

ROOT = Path(__file__).resolve().parents[1]
LOCALE = Path("locale") / "zh_CN"
HEADER = {
    "Project-Id-Version": "Transfer learning, by running it",
    "Language": "zh_CN",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
}
PO_LINE = re.compile(r'\s*(#.*|((msgctxt|msgid|msgstr)\s+)?"([^"\\]|\\.)*"\s*)?')
SIMILAR = {True: 0.5, False: 0.8}  # in the same cell, in another one: how much alike an old and a changed text must be


# ---- Notebooks


def read_notebook(path: Path) -> dict:
    """Read a notebook as it is, without any change of its form."""
    return json.loads(path.read_text(encoding="utf-8"))


def notebook_text(notebook: dict) -> str:
    """Write a notebook as all of them are committed."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def texts(notebook: dict) -> list[tuple[str, str]]:
    """List what is to be translated in a notebook, in order: (msgctxt, msgid), each once."""
    found = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            keys = (piece.key for piece in split("".join(cell["source"])))
            found |= {(cell["id"], key): None for key in keys if key is not None}
        elif cell["metadata"].get("alt"):
            found[f"{cell['id']} alt", cell["metadata"]["alt"]] = None
    return list(found)


def translated(notebook: dict, chinese: dict[tuple[str, str], str]) -> dict:
    """Copy a notebook with its text and alt texts in Chinese, where there is Chinese for them.

    Parameters
    ----------
    notebook : dict
        The English notebook; it is left as it is.
    chinese : dict
        (msgctxt, msgid) -> msgstr.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            pieces = split("".join(cell["source"]))
            source = "".join(
                chinese[cell["id"], piece.key] + piece.text[len(piece.body) :]
                if (cell["id"], piece.key) in chinese
                else piece.text
                for piece in pieces
            )
            cell["source"] = source.splitlines(keepends=True)
        elif alt := chinese.get((f"{cell['id']} alt", cell["metadata"].get("alt"))):
            cell["metadata"]["alt"] = alt
    return notebook


# ---- Translations


def read_po(path: Path) -> polib.POFile:
    """Read a .po file; an empty one if there is none.

    Raises
    ------
    TranslationError
        If it can't be read, or an entry has no msgctxt, or two have the same msgctxt and msgid.
    """
    if not path.exists():
        return polib.POFile(wrapwidth=0)
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not PO_LINE.fullmatch(line):  # polib leaves out an entry whose quotes are not closed, and says nothing
            raise TranslationError(f"{path.name}, line {number} is no line of a .po file: {line!r}. Mend it.")
    try:
        po = polib.pofile(str(path), wrapwidth=0, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise TranslationError(f"{path.name} is no .po file: {error}. Mend that line or restore the file.") from error
    seen = set()
    for entry in po:
        key = entry.msgctxt, entry.msgid
        if not entry.msgctxt:
            raise TranslationError(
                f"{path.name}: the entry {entry.msgid[:50]!r} has no msgctxt, wanted is a cell's id."
            )
        if key in seen and not entry.obsolete:
            raise TranslationError(f"{path.name}: the entry {key} stands there twice; keep one of them.")
        seen.add(key)
    return po


def merged(old: polib.POFile, wanted: list[tuple[str, str]], memory: dict[str, str]) -> polib.POFile:
    """Bring translations up to the English text.

    What is still there keeps its translation. A changed text takes the translation of the one it comes from, and is
    fuzzy. What has vanished goes.

    Parameters
    ----------
    old : polib.POFile
        The translations so far.
    wanted : list of (str, str)
        (msgctxt, msgid) of the notebook as it is now.
    memory : dict
        msgid -> msgstr of all translations at hand: the same words elsewhere need not be translated again.
    """
    known = {(entry.msgctxt, entry.msgid): entry for entry in old if not entry.obsolete}
    lost = [entry for key, entry in known.items() if key not in set(wanted) and entry.msgstr]
    new = polib.POFile(wrapwidth=0)
    new.metadata, new.header = HEADER, "The text of one notebook; README.md says how to translate it."
    for key in wanted:
        entry = known.get(key) or polib.POEntry(msgctxt=key[0], msgid=key[1])
        if not entry.msgstr and entry.msgid in memory:
            entry.msgstr = memory[entry.msgid]
        elif not entry.msgstr and (source := _source(entry, lost)):
            lost.remove(source)
            _take(entry, source)
        new.append(entry)
    return new


def _source(entry: polib.POEntry, lost: list[polib.POEntry]) -> polib.POEntry | None:
    """Find the vanished entry that a new one comes from: the one most like it."""

    def likeness(other):
        return difflib.SequenceMatcher(None, other.msgid, entry.msgid, autojunk=False).ratio()

    rated = [(likeness(other), other.msgctxt == entry.msgctxt, other) for other in lost]
    rated = [(ratio, same, other) for ratio, same, other in rated if ratio >= SIMILAR[same]]
    return max(rated, key=lambda row: row[:2])[2] if rated else None


def _take(entry: polib.POEntry, source: polib.POEntry) -> None:
    """Take over a translation, marked as fuzzy unless the English is again what it was made for."""
    entry.msgstr, entry.tcomment = source.msgstr, source.tcomment
    made_for = source.previous_msgid if source.fuzzy and source.previous_msgid else source.msgid
    if made_for != entry.msgid:
        entry.flags = ["fuzzy"]
        entry.previous_msgctxt, entry.previous_msgid = source.msgctxt, made_for


def po_text(po: polib.POFile) -> str:
    """Write a .po file as all of them are committed."""
    return str(po).rstrip("\n") + "\n"


def finished(po: polib.POFile) -> dict[tuple[str, str], str]:
    """Return the translations that may be shown: (msgctxt, msgid) -> msgstr, neither empty nor fuzzy."""
    return {(entry.msgctxt, entry.msgid): entry.msgstr for entry in po if entry.translated()}


# ---- The whole edition


def editions(root: Path, numbers: list[str] = ()) -> list[tuple[Path, Path, Path]]:
    """List the English notebook, its translations and the Chinese notebook, for all or for some numbers.

    Raises
    ------
    TranslationError
        If a number names no notebook, or a .po file or a Chinese notebook belongs to none.
    """
    english = sorted((root / "notebooks").glob("*.ipynb"))
    names = {path.stem for path in english}
    for path in [*(root / LOCALE).glob("*.po"), *(root / "notebooks_zh").glob("*.ipynb")]:
        if path.stem not in names:
            raise TranslationError(
                f"{path} belongs to no notebook: there is no notebooks/{path.stem}.ipynb. Remove it."
            )
    for number in numbers:
        if not any(name.startswith(f"{number}_") for name in names):
            raise TranslationError(f"No notebook has the number {number!r}; there are {', '.join(sorted(names))}.")
    chosen = [path for path in english if not numbers or path.name[:2] in numbers]
    return [(path, root / LOCALE / f"{path.stem}.po", root / "notebooks_zh" / path.name) for path in chosen]


def memory_of(pos: Iterable[polib.POFile]) -> dict[str, str]:
    """Return all translations by their English text; where there are several, the first one."""
    memory = {}
    for po in pos:
        for (_, msgid), msgstr in finished(po).items():
            memory.setdefault(msgid, msgstr)
    return memory


def updated(root: Path) -> dict[Path, polib.POFile]:
    """Bring all translations up to the English notebooks, in memory."""
    files = {po_path: (read_notebook(path), read_po(po_path)) for path, po_path, _ in editions(root)}
    memory = memory_of(po for _, po in files.values())
    return {path: merged(po, texts(notebook), memory) for path, (notebook, po) in files.items()}


def update(root: Path, numbers: list[str] = ()) -> None:
    """Write the .po files anew from the English notebooks, and say what is to be done."""
    current = updated(root)
    for _, path, _ in editions(root, numbers):
        before, po = read_po(path), current[path]
        gone = [e for e in before if e.msgstr and e.msgstr not in {entry.msgstr for entry in po}]
        for entry in gone:
            print(f"{path.name}: gone with its English text: {entry.msgctxt}: {entry.msgstr[:60]!r}")
        write(path, po_text(po))
        fuzzy = sum(entry.fuzzy for entry in po)
        print(f"{path.name:32s} {len(po):3d} texts, {len(finished(po)):3d} translated, {fuzzy:2d} fuzzy")


def build(root: Path, numbers: list[str] = ()) -> None:
    """Write the Chinese notebooks."""
    for path, po_path, chinese_path in editions(root, numbers):
        write(chinese_path, notebook_text(translated(read_notebook(path), finished(read_po(po_path)))))


def write(path: Path, text: str) -> None:
    """Write a file, but leave alone one that says the same already."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def check(root: Path, numbers: list[str] = ()) -> list[str]:
    """List the faults of the edition, of all notebooks or of some.

    Returns
    -------
    list of str
        One line for each fault: where it is and what it is.
    """
    terms = translation_faults.read_terms(root / LOCALE / "terms.csv")
    current = updated(root)
    said = memory_of(current.values())
    faults = []
    for path, po_path, chinese_path in editions(root, numbers):
        if not po_path.exists() or po_path.read_text(encoding="utf-8") != po_text(current[po_path]):
            faults.append(f"{po_path.name}: not what its English notebook asks for; run: tools/translate.py update")
        po = read_po(po_path)
        for entry in po:
            found = translation_faults.of_entry(entry, terms)
            if entry.translated() and entry.msgstr != said.get(entry.msgid, entry.msgstr):
                found.append(f"the same English is said otherwise elsewhere: {said[entry.msgid][:30]!r}")
            faults += [f"{po_path.name}: {entry.msgctxt}: {fault} | {entry.msgid[:50]!r}" for fault in found]
        wanted = notebook_text(translated(read_notebook(path), finished(po)))
        if not chinese_path.exists() or chinese_path.read_text(encoding="utf-8") != wanted:
            faults.append(f"notebooks_zh/{chinese_path.name}: out of date; run: tools/translate.py build")
    return faults


# ---- Plain text for translators


def mark(entry: polib.POEntry) -> str:
    """Name an entry in the plain text: it changes with the cell and with the English words."""
    digest = hashlib.sha256(f"{entry.msgctxt}\n{entry.msgid}".encode()).hexdigest()[:8]
    return f"@@ {digest} {entry.msgctxt}"


def todo(po: polib.POFile) -> str:
    """Write what is to be translated as plain text: a mark, then the English text; old translations as comments."""
    parts = []
    for entry in po:
        if entry.fuzzy:
            old = "\n".join(
                f"@# {line}" for line in (entry.previous_msgid or "").split("\n") + entry.msgstr.split("\n")
            )
            parts.append(f"{mark(entry)}\n{old}\n{entry.msgid}")
        elif not entry.msgstr:
            parts.append(f"{mark(entry)}\n{entry.msgid}")
    return "\n\n".join(parts) + "\n"


def fill(po: polib.POFile, text: str) -> int:
    """Take the translations of a plain text into the entries that its marks name; return how many.

    Raises
    ------
    TranslationError
        If a mark names no entry: its English text has changed, or the mark was altered.
    """
    entries = {mark(entry): entry for entry in po}
    parts = re.split(r"^(@@ \S.*)$", text, flags=re.MULTILINE)[1:]
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name.rstrip() not in entries:
            raise TranslationError(f"No text has the mark {name!r}: its English has changed. Run update, then todo.")
        entry = entries[name.rstrip()]
        entry.msgstr = re.sub(r"^@#.*\n", "", body, flags=re.MULTILINE).strip("\n")
        entry.flags = [flag for flag in entry.flags if flag != "fuzzy"]
        entry.previous_msgctxt = entry.previous_msgid = None
    return len(parts) // 2


def main(root: Path = ROOT) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["update", "build", "check", "todo", "fill"])
    parser.add_argument("arguments", nargs="*", help="numbers of notebooks; for fill, a number and a text file")
    options = parser.parse_args()
    try:
        run(options.command, options.arguments, root)
    except TranslationError as error:
        sys.exit(str(error))


def run(command: str, arguments: list[str], root: Path) -> None:
    """Run one command."""
    if command == "update":
        update(root, arguments)
    elif command == "build":
        build(root, arguments)
    elif command == "check":
        faults = check(root, arguments)
        print(*faults, sep="\n")
        sys.exit(bool(faults))
    else:
        wanted = 1 if command == "todo" else 2
        if len(arguments) != wanted:
            raise TranslationError(f"{command} takes the number of a notebook{', and a file' * (wanted - 1)}.")
        ((_, po_path, _),) = editions(root, arguments[:1])
        po = read_po(po_path)
        if command == "todo":
            return print(todo(po), end="")
        print(f"{po_path.name}: {fill(po, Path(arguments[1]).read_text(encoding='utf-8'))} texts taken")
        write(po_path, po_text(po))


if __name__ == "__main__":
    main()

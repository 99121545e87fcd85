"""Break things on purpose, many times, and count what is lost: what `make faults` runs.

python tools/faults.py                     # every fault, 20 tries each where a process is killed
python tools/faults.py features archives   # some of them
python tools/faults.py --tries 5

A process is killed (kill -9) at a random moment; then the same work is done again and compared with that of a run which
nobody disturbed. Loss: an exception, another result, or something that was finished and is gone. The table is left in
build/faults/table.md. It needs a system with kill -9; the rows of Ray need `make cluster`.
"""

import argparse
import contextlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import numpy as np  # noqa: E402

from helpers import runtime  # noqa: E402

runtime.setup(tensorflow=True)

from helpers.data import downloads, drawn  # noqa: E402
from helpers.network import backbones, bottleneck, classifier  # noqa: E402
from helpers.pictures import inspection, photos  # noqa: E402
from local_server import CONTENT, SHA256, Server  # noqa: E402

PICTURES = 40  # of each class
BEGIN = """
import sys; from pathlib import Path
import numpy as np
from helpers import runtime; runtime.setup(tensorflow=True)
"""
BASE = 'from helpers.network import backbones, bottleneck; base = backbones.inception_v3(75, "random", "mixed0")\n'
TRAINING = """
import keras
from helpers.network import classifier
rng = np.random.default_rng(0)
X, y = rng.normal(size=(4000, 64)).astype("float32"), np.eye(2, dtype="float32")[rng.integers(0, 2, 4000)]
runtime.seed(0)
top = classifier.top(64, 2, 256)
classifier.compile_sgd(top)
"""


def start(code: str, *arguments: object, limit: int | None = None) -> subprocess.Popen:
    """Start a process that runs the code; it prints READY before what is to be disturbed."""
    if limit is not None:  # a disk that is full after so many bytes
        code = (
            "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n{code}"
        )
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def finish(code: str, *arguments: object) -> None:
    """Run the code to its end; say what stopped it."""
    ended = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(f"ended with {ended.returncode}: {' | '.join(ended.stderr.splitlines()[-3:])}")


def kill_at_random(process: subprocess.Popen, longest: float, rng: random.Random) -> bool:
    """Wait for READY and a random time up to `longest` seconds, then kill -9; tell whether it was still at work."""
    for line in process.stdout:
        if line.strip() == "READY":
            break
    time.sleep(rng.uniform(0, longest))
    alive = process.poll() is None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive


def quiet(function: Callable, *arguments, **named):
    """Call a function with its lines off the screen."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return function(*arguments, **named)


class Campaign:
    """What all faults share: pictures, a base, reference results, and the table."""

    def __init__(self, tries: int, folder: Path, seed: int):
        self.tries, self.folder, self.rng = tries, folder, random.Random(seed)
        self.rows = []
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        drawn.write_folder(folder / "pictures", PICTURES, 1, 1, size=80)
        self.train = folder / "pictures" / "train_set"
        self.base = backbones.inception_v3(75, "random", "mixed0")
        self.reference = np.array(self.features(folder / "reference").X)

    def features(self, cache: Path) -> bottleneck.Features:
        """Compute the features of all pictures, or what is missing of them."""
        return bottleneck.features(self.base, self.train, cache=cache, progress=False)

    def count(self, what: str, trial: Callable[[int], bool], tries: int | None = None) -> None:
        """Run trials, each of which tells whether the disturbance hit, and raises or returns None where it lost."""
        n, losses, hits = tries or self.tries, [], 0
        for i in range(n):
            try:
                hits += bool(quiet(trial, i))
            except Exception as error:
                losses.append(f"{type(error).__name__}: {error}")
        self.rows.append((what, n, hits, len(losses)))
        print(f"{what}: {n} tries, {hits} hit, {len(losses)} lost", *losses[:3], sep="\n    ", flush=True)

    def fresh(self, name: str, i: int) -> Path:
        """Give an empty folder for one try."""
        path = self.folder / name / str(i)
        path.mkdir(parents=True)
        return path


def download(campaign: Campaign) -> None:
    """Kill a download, then finish it."""
    server = Server()
    server.delay = 0.03  # half a second in all
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["NO_PROXY"] = "127.0.0.1"
    os.environ.pop("TRANSFER_OFFLINE", None)
    code = (
        "import sys; from pathlib import Path; from helpers.data import downloads; print('READY', flush=True);"
        f"downloads.download({server.url()!r}, Path(sys.argv[1]), checksum={SHA256!r}, progress=False)"
    )

    def trial(i):
        path = campaign.fresh("download", i) / "file.bin"
        hit = kill_at_random(start(code, path), 0.6, campaign.rng)
        assert not path.exists() or path.read_bytes() == CONTENT, "half a file under the name of the whole"
        downloads.download(server.url(), path, checksum=SHA256, progress=False)
        assert path.read_bytes() == CONTENT
        return hit

    def full(i):
        path = campaign.fresh("download_full", i) / "file.bin"
        assert start(code, path, limit=campaign.rng.randrange(1, len(CONTENT))).wait() != 0
        assert not path.exists()
        downloads.download(server.url(), path, checksum=SHA256, progress=False)
        assert path.read_bytes() == CONTENT
        return True

    campaign.count("download killed", trial)
    campaign.count("download, disk full", full)
    server.shutdown()


def features(campaign: Campaign) -> None:
    """Kill the computing of features, then finish it; let processes share a cache; fill the disk."""
    code = (
        f"{BEGIN}{BASE}from helpers.network import bottleneck as b; b._BLOCK = 8\n"
        "b.features(base, Path(sys.argv[1]), cache=Path(sys.argv[3]), progress=False)\n"  # compiles
        "print('READY', flush=True)\n"
        "b.features(base, Path(sys.argv[1]), cache=Path(sys.argv[2]), progress=False)\n"
    )

    def same(cache):
        found = np.array(campaign.features(cache).X)
        np.testing.assert_allclose(found, campaign.reference, rtol=1e-4, atol=1e-5)

    def trial(i):
        cache = campaign.fresh("features", i)
        hit = kill_at_random(start(code, campaign.train, cache / "a", cache / "warm"), 1.5, campaign.rng)
        same(cache / "a")
        return hit

    def full(i):
        cache = campaign.fresh("features_full", i)
        size = campaign.reference.nbytes
        ended = start(code, campaign.train, cache / "a", cache / "a", limit=campaign.rng.randrange(1, size)).wait()
        assert ended != 0
        same(cache / "a")
        return True

    def together(n):
        def trial(i):
            cache = campaign.fresh(f"together_{n}", i)
            processes = [start(code, campaign.train, cache / "a", cache / "a") for _ in range(n)]
            assert [process.wait() for process in processes] == [0] * n
            same(cache / "a")
            return True

        return trial

    campaign.count("features killed", trial)
    campaign.count("features, disk full", full, max(1, campaign.tries // 4))
    for n in (2, 4):
        campaign.count(f"{n} processes on one cache of features", together(n), max(1, campaign.tries // 10))


def training(campaign: Campaign) -> None:
    """Kill a training, then let it go on: the weights must be those of an unbroken one."""
    code = (
        f"{BEGIN}{TRAINING}"
        "print('READY', flush=True)\n"
        "classifier.train(top, (X, y), epochs=6, checkpoints=Path(sys.argv[1]) / 'run', progress=False)\n"
        "np.savez(Path(sys.argv[1]) / 'weights.npz', *top.get_weights())\n"
    )

    def weights(folder):
        finish(code, folder)
        with np.load(folder / "weights.npz") as arrays:
            return [arrays[name] for name in arrays]

    unbroken = weights(campaign.fresh("training", "reference"))

    def trial(i):
        folder = campaign.fresh("training", i)
        hit = kill_at_random(start(code, folder), 3.0, campaign.rng)
        for ours, theirs in zip(weights(folder), unbroken, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        return hit

    campaign.count("training killed, then resumed", trial)


def saving(campaign: Campaign) -> None:
    """Kill a process that saves one model over another: what is there must be one of the two, whole."""
    code = (
        f"{BEGIN}{TRAINING}"
        "model = keras.Sequential([keras.Input((64,)), top])\n"
        "path, i = Path(sys.argv[1]) / 'model.keras', 0\n"
        "while True:\n"
        "    top.set_weights([np.full_like(w, i % 2) for w in top.get_weights()])\n"
        "    classifier.save(model, path, ['cats', 'dogs'])\n"
        "    if i == 0: print('READY', flush=True)\n"
        "    i += 1\n"
    )

    def whole(path):
        model, names = classifier.load(path)
        values = {float(value) for weight in model.get_weights() for value in np.unique(weight)}
        assert names == ["cats", "dogs"] and values in ({0.0}, {1.0}), values

    def trial(i):
        folder = campaign.fresh("saving", i)
        hit = kill_at_random(start(code, folder), 1.0, campaign.rng)
        whole(folder / "model.keras")
        return hit

    def full(i):
        folder = campaign.fresh("saving_full", i)
        kill_at_random(start(code, folder), 0.3, campaign.rng)
        size = (folder / "model.keras").stat().st_size
        assert start(code, folder, limit=campaign.rng.randrange(1, size)).wait() != 0
        whole(folder / "model.keras")
        return True

    campaign.count("saving killed", trial)
    campaign.count("saving, disk full", full, max(1, campaign.tries // 4))


def ray(campaign: Campaign) -> None:
    """Kill an extraction on a Ray cluster with all its workers, then finish it."""
    try:
        import ray as _ray  # noqa: F401
    except ImportError:
        print("Ray is not installed (make cluster): its row is left out")
        return
    code = (
        f"{BEGIN}{BASE}"
        "from helpers.network import cluster\n"
        "cluster.connect(cores=3)\n"
        "print('READY', flush=True)\n"
        "found = cluster.features(base, Path(sys.argv[1]), Path(sys.argv[2]), actors=1, chunk=16, progress=False)\n"
        "np.save(Path(sys.argv[2]) / 'features.npy', found.X)\n"
    )

    def workers(mark):
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    yield int(entry.name)

    def sweep(mark):
        for pid in workers(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def trial(i):
        folder = campaign.fresh("ray", i)
        os.environ["TRANSFER_FAULTS"] = str(folder)  # the workers inherit it, and are found by it
        mark = f"TRANSFER_FAULTS={folder}\0".encode()
        hit = kill_at_random(start(code, campaign.train, folder), 15.0, campaign.rng)
        sweep(mark)
        finish(code, campaign.train, folder)
        sweep(mark)
        np.testing.assert_allclose(np.load(folder / "features.npy"), campaign.reference, rtol=1e-3, atol=1e-4)
        return hit

    campaign.count("extraction on Ray killed", trial)
    os.environ.pop("TRANSFER_FAULTS", None)


def folders(campaign: Campaign) -> None:
    """Put everything that has ever stopped something into one folder: each file is accounted for, nothing stops."""
    hostile = campaign.folder / "hostile"
    shutil.copytree(campaign.train, hostile / "animals" / "train_set")
    root = hostile / "animals" / "train_set"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    good = next((root / "cats").glob("*.jpg")).read_bytes()
    from PIL import Image

    bad = {
        "empty.jpg": b"",
        "text.jpg": b"<html>404 Not Found</html>",
        "cut.jpg": good[: len(good) // 2],
        "eps.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
        "zip.png": b"PK\x03\x04" + bytes(64),
        "h5.png": b"\x89HDF\r\n\x1a\n" + bytes(64),
    }
    for name, content in bad.items():
        (root / "cats" / name).write_bytes(content)
    Image.fromarray(np.full((64, 64), 900, np.uint16)).save(root / "cats" / "deep.png")
    Image.new("1", (20_000, 20_000)).save(root / "cats" / "bomb.png")
    os.mkfifo(root / "cats" / "pipe.jpg")
    (root / "cats" / "loop").symlink_to(root, target_is_directory=True)
    (root / "cats" / "dangling.jpg").symlink_to(root / "nowhere.jpg")
    for name in ("$RECYCLE.BIN", "__MACOSX", "@eaDir", "lost+found", "System Volume Information", ".Trash"):
        (root / name).mkdir()
        Image.fromarray(noise).save(root / name / "a.jpg")
    (root / "dogs" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(good)
    not_pictures = [*bad, "deep.png", "bomb.png", "pipe.jpg", "dangling.jpg"]

    def accounted(i):
        table = inspection.survey(root).set_index("file")
        assert (table["status"] == "usable").sum() == 2 * PICTURES + 1, table["status"].value_counts()
        assert (table.loc[[f"cats/{name}" for name in not_pictures], "status"] != "usable").all()
        assert photos.class_names(root) == ["cats", "dogs"]
        return True

    loaded = [name for name in not_pictures if name != "pipe.jpg"]  # only the survey has to pass by a pipe

    def refused(i):
        try:
            photos.load(root / "cats" / loaded[i], 32)
        except (ValueError, FileNotFoundError):
            return True
        raise AssertionError(f"{loaded[i]} was taken for a picture")

    campaign.count("a hostile folder surveyed", accounted, 1)
    campaign.count("files that are no pictures loaded", refused, len(loaded))


def archives(campaign: Campaign) -> None:
    """Unpack archives that try to write outside their folder."""
    names = ["../evil", "a/../../evil", "/evil", "C:\\evil", "\\\\host\\evil", "..\\evil", "a\\..\\..\\evil"]
    links = [
        (tarfile.SYMTYPE, "../outside"),
        (tarfile.LNKTYPE, "../outside"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ]

    def attack(make, i):
        folder = campaign.fresh("archives", len(campaign.rows) * 100 + i)
        archive = folder / "attack"
        make(archive, i)
        before = {path for path in campaign.folder.rglob("*") if "archives" not in path.parts}
        try:
            downloads.unpack(archive, folder / "unpacked")
        except downloads.WrongContents:
            pass
        else:
            raise AssertionError("it was unpacked")
        assert {path.name for path in folder.iterdir()} <= {"attack", "unpacked.lock"}
        assert {path for path in campaign.folder.rglob("*") if "archives" not in path.parts} == before
        assert not list(folder.parent.glob("*evil*")) and not Path("/evil").exists()
        return True

    def as_zip(path, i):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(names[i], b"evil")

    def as_tar(path, i):
        info = tarfile.TarInfo(names[i])
        info.size = 4
        with tarfile.open(path, "w:gz") as file:
            file.addfile(info, io.BytesIO(b"evil"))

    def as_link(path, i):
        info = tarfile.TarInfo("link")
        info.type, info.linkname = links[i]
        with tarfile.open(path, "w:gz") as file:
            file.addfile(info)

    campaign.count("zip archives that try to escape", lambda i: attack(as_zip, i), len(names))
    campaign.count("tar archives that try to escape", lambda i: attack(as_tar, i), len(names))
    campaign.count("tar archives with links and devices", lambda i: attack(as_link, i), len(links))


FAULTS = {function.__name__: function for function in (archives, folders, download, saving, training, features, ray)}


def main() -> int:
    """Run what the command line asks for; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *FAULTS], help="kinds of faults; all without any")
    parser.add_argument("--tries", type=int, default=20, help="kills of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    folder = runtime.build_dir() / "faults"
    campaign = quiet(Campaign, options.tries, folder, options.seed)
    for name in options.names or FAULTS:
        FAULTS[name](campaign)
    total = [sum(row[i] for row in campaign.rows) for i in (1, 2, 3)]
    lines = [("fault", "tries", "hit while at work", "losses"), ("---",) * 4, *campaign.rows, ("all", *total)]
    text = "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)
    (folder / "table.md").write_text(text, encoding="utf-8")
    print(f"\n{text}")
    return int(total[2] > 0)


if __name__ == "__main__":
    sys.exit(main())

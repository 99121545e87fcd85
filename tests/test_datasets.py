"""Downloads from a local server that misbehaves on demand; hostile archives; layouts of miniature data sets."""

import dataclasses
import hashlib
import io
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import datasets, drawn_animals, photos, runtime

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@dataclasses.dataclass
class Usage:
    free: int


class Server(ThreadingHTTPServer):
    """Serves `files`; the attributes make it misbehave."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/file.bin": CONTENT}
        self.ranges = True  # honours Range
        self.etag = '"1"'
        self.cut = []  # drop the connection after so many bytes: one entry for each request
        self.status = []  # answer with this status instead: one entry for each request
        self.delay = 0.0  # seconds before each 64 KiB
        self.requests = []  # (Range header or None, bytes sent)

    def url(self, path="/file.bin"):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is what some tests are about


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        content, wanted = server.files.get(self.path), self.headers.get("Range")
        status = server.status.pop(0) if server.status else 200 if content is not None else 404
        if status != 200:
            server.requests.append((wanted, 0))
            return self.send_error(status)
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range") == server.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            server.requests.append((wanted, 0))
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if server.cut:
            body = body[: server.cut.pop(0)]
        server.requests.append((wanted, len(body)))
        for i in range(0, len(body), 2**16):
            time.sleep(server.delay)
            self.wfile.write(body[i : i + 2**16])
            self.wfile.flush()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("TRANSFER_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(datasets, "_PAUSE", 0.01)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "downloads" / "file.bin"


def leftovers(path):
    return sorted(p.name for p in path.parent.iterdir() if p.suffix != ".lock" and p != path)


class TestDownload:
    def test_whole_file(self, server, path):
        assert datasets.download(server.url(), path, size=len(CONTENT), checksum=SHA256) == path
        assert path.read_bytes() == CONTENT
        assert leftovers(path) == []

    def test_file_at_hand_is_not_downloaded_again(self, server, path):
        datasets.download(server.url(), path, checksum=SHA256)
        datasets.download(server.url(), path, checksum=SHA256)
        assert len(server.requests) == 1

    def test_wrong_file_in_its_place_is_replaced(self, server, path):
        path.parent.mkdir()
        path.write_bytes(b"something else")
        datasets.download(server.url(), path, checksum=SHA256)
        assert path.read_bytes() == CONTENT

    def test_dropped_connection_continues_where_it_broke(self, server, path):
        server.cut = [300_000, 300_000]
        datasets.download(server.url(), path, size=len(CONTENT), checksum=SHA256)
        assert path.read_bytes() == CONTENT
        assert [wanted is None for wanted, _ in server.requests] == [True, False, False]
        sent = sum(n for _, n in server.requests)
        assert sent <= len(CONTENT) + 2 * datasets._BLOCK  # nothing twice but the blocks that broke

    def test_killed_half_way_then_resumed(self, server, path):
        server.delay = 0.1
        code = f"from helpers import datasets; datasets.download({server.url()!r}, {str(path)!r}, progress=False)"
        process = subprocess.Popen([sys.executable, "-c", code])
        part = path.with_name("file.bin.part")
        deadline = time.monotonic() + 10
        while not (part.exists() and part.stat().st_size > 200_000):
            assert time.monotonic() < deadline, "the download did not start"
            time.sleep(0.02)
        process.kill()
        process.wait()
        have = part.stat().st_size
        assert not path.exists()
        assert have < len(CONTENT)

        server.delay = 0
        datasets.download(server.url(), path, checksum=SHA256)
        assert path.read_bytes() == CONTENT
        assert server.requests[-1] == (f"bytes={have}-", len(CONTENT) - have)

    def test_interrupt_keeps_the_part(self, server, path, monkeypatch):
        class Bar:
            """A progress bar during whose first update the reader interrupts the kernel."""

            def __init__(self, **kwargs):
                pass

            def __enter__(self):
                return self

            def __exit__(self, *args):
                pass

            def update(self, n):
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("tqdm.auto.tqdm", Bar)
            with pytest.raises(KeyboardInterrupt):
                datasets.download(server.url(), path)
        assert leftovers(path) == ["file.bin.part", "file.bin.part.validator"]
        datasets.download(server.url(), path, checksum=SHA256)
        assert server.requests[-1][1] < len(CONTENT)

    def test_stopped_after_the_last_byte(self, server, path):
        path.parent.mkdir()
        path.with_name("file.bin.part").write_bytes(CONTENT)
        path.with_name("file.bin.part.validator").write_text(server.etag)
        datasets.download(server.url(), path, checksum=SHA256)
        assert server.requests == [(f"bytes={len(CONTENT)}-", 0)]

    def test_part_longer_than_the_file_is_dropped(self, server, path):
        path.parent.mkdir()
        path.with_name("file.bin.part").write_bytes(CONTENT + b"more")
        path.with_name("file.bin.part.validator").write_text(server.etag)
        datasets.download(server.url(), path, checksum=SHA256)
        assert path.read_bytes() == CONTENT

    def test_server_without_range_starts_over(self, server, path):
        server.ranges, server.cut = False, [300_000]
        datasets.download(server.url(), path, checksum=SHA256)
        assert path.read_bytes() == CONTENT
        assert server.requests[-1][1] == len(CONTENT)

    @pytest.mark.parametrize("etag", ["", 'W/"1"'])
    def test_without_a_version_to_compare_starts_over(self, server, path, etag):
        server.etag, server.cut = etag, [300_000]
        datasets.download(server.url(), path, checksum=SHA256)
        assert [wanted for wanted, _ in server.requests] == [None, None]

    def test_file_changed_on_the_server_meanwhile(self, server, path):
        server.cut = [300_000]
        with pytest.raises(ConnectionError):
            datasets.download(server.url(), path, attempts=1)
        server.files["/file.bin"], server.etag = CONTENT[::-1], '"2"'
        datasets.download(server.url(), path)
        assert path.read_bytes() == CONTENT[::-1]

    def test_gives_up_and_says_what_is_kept(self, server, path):
        server.cut = [100_000] * 2
        with pytest.raises(ConnectionError, match=r"gave up after 2 attempts, [1-9][\d,]* bytes are kept"):
            datasets.download(server.url(), path, attempts=2)
        assert not path.exists()

    def test_busy_server_is_asked_again(self, server, path):
        server.status = [503, 429]
        datasets.download(server.url(), path, checksum=SHA256)
        assert len(server.requests) == 3

    def test_missing_file_is_not_asked_for_again(self, server, path):
        with pytest.raises(OSError, match=r"404.*nothing\.bin.*data/README\.md"):
            datasets.download(server.url("/nothing.bin"), path)
        assert len(server.requests) == 1

    def test_slow_server_times_out(self, server, path):
        server.delay = 1
        with pytest.raises(ConnectionError, match="timed out"):
            datasets.download(server.url(), path, timeout=(1, 0.1), attempts=2)

    def test_no_server(self, server, path):
        with pytest.raises(ConnectionError, match="refused"):
            datasets.download("http://127.0.0.1:1/file.bin", path, attempts=1)

    def test_altered_file_is_removed(self, server, path):
        server.files["/file.bin"] = b"x" + CONTENT[1:]
        with pytest.raises(ValueError, match=f"wanted {SHA256}, got sha256:"):
            datasets.download(server.url(), path, size=len(CONTENT), checksum=SHA256)
        assert not path.exists()
        assert leftovers(path) == []

    def test_md5(self, server, path):
        datasets.download(server.url(), path, checksum="md5:" + hashlib.md5(CONTENT).hexdigest())
        path.unlink()
        with pytest.raises(ValueError, match="got md5:"):
            datasets.download(server.url(), path, checksum="md5:" + "0" * 32)

    def test_file_of_another_size_is_refused_before_it_comes(self, server, path):
        server.files["/file.bin"] = b"<html>Please log in</html>"
        with pytest.raises(ValueError, match="wanted 1,048,576 bytes, the server offers 26"):
            datasets.download(server.url(), path, size=len(CONTENT))
        assert not path.exists()

    def test_full_disk_is_told_before_the_download(self, server, path, monkeypatch):
        monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(free=1000))
        with pytest.raises(OSError, match="TRANSFER_DATA"):
            datasets.download(server.url(), path)

    def test_offline(self, server, path, monkeypatch):
        monkeypatch.setenv("TRANSFER_OFFLINE", "1")
        with pytest.raises(datasets.OfflineError, match="TRANSFER_OFFLINE"):
            datasets.download(server.url(), path)
        assert server.requests == []
        path.write_bytes(CONTENT)
        assert datasets.download(server.url(), path, checksum=SHA256) == path

    def test_two_processes_at_once(self, server, path):
        server.delay = 0.02
        code = (
            "from helpers import datasets;"
            f"datasets.download({server.url()!r}, {str(path)!r}, checksum={SHA256!r}, progress=False)"
        )
        processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
        assert [process.wait(timeout=15) for process in processes] == [0, 0]
        assert path.read_bytes() == CONTENT
        assert len(server.requests) == 1


def write_tar(path, *members):
    """Tar of members given as TarInfo, or as (name, content)."""
    with tarfile.open(path, "w:gz") as file:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                file.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                file.addfile(info, io.BytesIO(member[1]))


def tar_entry(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def write_zip(path, *members):
    """Zip of members given as (name or ZipInfo, content)."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members:
            file.writestr(name, content)


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


class TestUnpack:
    @pytest.mark.parametrize("write", [write_zip, write_tar])
    def test_files_and_folders(self, tmp_path, write):
        write(tmp_path / "archive", ("a/b.txt", b"one"), ("c.txt", b"two"))
        folder = datasets.unpack(tmp_path / "archive", tmp_path / "out")
        assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.txt")} == {
            "a/b.txt": b"one",
            "c.txt": b"two",
        }

    @pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt", "/evil.txt", "..\\evil.txt", "C:/evil.txt"])
    @pytest.mark.parametrize("write", [write_zip, write_tar])
    def test_member_outside_the_folder(self, tmp_path, write, name):
        write(tmp_path / "archive", ("good.txt", b"good"), (name, b"evil"))
        self.refused(tmp_path, "outside its folder")

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
    def test_tar_with_more_than_files(self, tmp_path, kind):
        write_tar(tmp_path / "archive", ("good.txt", b"good"), tar_entry("evil", kind, "/etc/passwd"))
        self.refused(tmp_path, "link or device")

    def test_zip_with_a_link(self, tmp_path):
        write_zip(tmp_path / "archive", ("good.txt", b"good"), (zip_link("evil"), b"/etc/passwd"))
        self.refused(tmp_path, "link or device")

    @pytest.mark.parametrize("write", [write_zip, write_tar])
    def test_bomb(self, tmp_path, write, monkeypatch):
        monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(free=1000))
        write(tmp_path / "archive", ("zeros", bytes(2000)))
        self.refused(tmp_path, "Make room", OSError)

    @pytest.mark.parametrize("write", [write_zip, write_tar])
    def test_altered_archive(self, tmp_path, write):
        content = np.random.default_rng(0).bytes(100_000)
        write(tmp_path / "archive", ("noise", content))
        whole = (tmp_path / "archive").read_bytes()
        (tmp_path / "archive").write_bytes(whole[:50_000] + b"altered" + whole[50_007:])
        self.refused(tmp_path, "broken")

    def test_truncated_tar(self, tmp_path):
        write_tar(tmp_path / "archive", ("noise", np.random.default_rng(0).bytes(100_000)))
        whole = (tmp_path / "archive").read_bytes()
        (tmp_path / "archive").write_bytes(whole[:60_000])
        self.refused(tmp_path, "broken")

    def test_no_archive(self, tmp_path):
        (tmp_path / "archive").write_bytes(b"<html>Please log in</html>")
        self.refused(tmp_path, "neither a zip nor a tar")

    def test_folder_that_exists_is_left_alone(self, tmp_path):
        write_zip(tmp_path / "archive", ("a.txt", b"new"))
        (tmp_path / "out").mkdir()
        with pytest.raises(FileExistsError):
            datasets.unpack(tmp_path / "archive", tmp_path / "out")

    def test_leftovers_of_a_killed_run_are_not_taken_over(self, tmp_path):
        write_zip(tmp_path / "archive", ("a.txt", b"new"))
        (tmp_path / ".out.partial").mkdir()
        (tmp_path / ".out.partial" / "half.txt").write_text("half")
        folder = datasets.unpack(tmp_path / "archive", tmp_path / "out")
        assert [p.name for p in folder.iterdir()] == ["a.txt"]
        assert not (tmp_path / ".out.partial").exists()

    @staticmethod
    def refused(tmp_path, message, error=ValueError):
        with pytest.raises(error, match=message):
            datasets.unpack(tmp_path / "archive", tmp_path / "out")
        assert {p.name for p in tmp_path.iterdir() if p.suffix != ".lock"} == {"archive"}


def jpeg(seed):
    file = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


def full_archive(path):
    """40 pictures, two of them broken, and what else the full archive holds."""
    members = [(f"PetImages/{label}/{i}.jpg", jpeg(i)) for label in ("Cat", "Dog") for i in range(20)]
    members[3] = (members[3][0], b"")
    members[25] = (members[25][0], members[25][1][:300])
    write_zip(path, *members, ("PetImages/Cat/Thumbs.db", b"x"), ("CDLA-Permissive-2.0.pdf", b"x"))


def small_archive(path):
    """24 pictures for training, 12 for validation."""
    names = [f"train/{label}s/{label}.{i}.jpg" for label in ("cat", "dog") for i in range(12)]
    names += [f"validation/{label}s/{label}.{i}.jpg" for label in ("cat", "dog") for i in range(100, 106)]
    members = [(f"cats_and_dogs_filtered/{name}", jpeg(i)) for i, name in enumerate(names)]
    write_zip(path, *members, ("cats_and_dogs_filtered/vectorize.py", b"x"))


def reviews_archive(path, n=2):
    files = [
        (f"sorted_data_acl/{domain}/{label}.review", b"<review>\nGood.\n</review>\n" * n)
        for domain in ("books", "dvd", "electronics", "kitchen_&_housewares")
        for label in ("positive", "negative")
    ]
    write_tar(path, *files, ("sorted_data_acl/stopwords", b"the\n"))


MINIATURES = {
    "cats_vs_dogs": (full_archive, 40),
    "cats_vs_dogs_small": (small_archive, 36),
    "amazon_reviews": (reviews_archive, 16),
}


@pytest.fixture
def miniatures(server, tmp_path, monkeypatch):
    """Replace the registered archives by small ones on the local server."""
    for name, (write, items) in MINIATURES.items():
        file = tmp_path / "archive"
        write(file)
        content = server.files[f"/{name}"] = file.read_bytes()
        entry = dataclasses.replace(
            datasets.REGISTRY[name], url=server.url(f"/{name}"), size=len(content), checksum=None, items=items
        )
        monkeypatch.setitem(datasets.REGISTRY, name, entry)
    return server


def files_of(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def downloads_of(folder):
    return [p.name for p in (folder / "downloads").iterdir() if p.suffix != ".lock"]


class TestFetch:
    def test_full_set(self, miniatures, capsys):
        folder = datasets.fetch("cats_vs_dogs")
        assert folder == runtime.data_dir() / "cats_vs_dogs"
        counts = photos.Pictures(folder, "").counts
        assert list(counts.columns) == ["cats", "dogs"]
        assert counts.sum(axis="columns").tolist() == [32, 3, 3]
        reasons = pd.read_csv(folder / "set_aside" / "reasons.csv")
        assert sorted(reasons["file"]) == ["cats/3.jpg", "dogs/5.jpg"]
        assert {"set_aside/cats/3.jpg", "set_aside/dogs/5.jpg"} < set(files_of(folder))
        assert "2 broken pictures set aside" in capsys.readouterr().out
        assert downloads_of(folder.parent) == []

    def test_small_set(self, miniatures):
        counts = photos.Pictures(datasets.fetch("cats_vs_dogs_small"), "").counts
        assert counts.to_numpy().tolist() == [[12, 12], [3, 3], [3, 3]]

    @pytest.mark.parametrize("name", MINIATURES)
    def test_same_result_everywhere(self, miniatures, tmp_path, name):
        one, two = (datasets.fetch(name, tmp_path / place) for place in ("one", "two"))
        assert files_of(one) == files_of(two)

    def test_reviews(self, miniatures):
        folder = datasets.fetch("amazon_reviews")
        assert folder == runtime.data_dir() / "reviews" / "sorted_data_acl"
        assert (folder / "kitchen_&_housewares" / "negative.review").is_file()

    def test_weights(self, server, monkeypatch):
        entry = datasets.REGISTRY["inception_v3_weights"]
        monkeypatch.setitem(
            datasets.REGISTRY,
            entry.name,
            dataclasses.replace(entry, url=server.url(), size=len(CONTENT), checksum=SHA256),
        )
        assert datasets.fetch(entry.name).read_bytes() == CONTENT
        assert runtime.weights_file() == runtime.data_dir() / entry.becomes
        assert downloads_of(runtime.data_dir()) == []

    def test_nothing_to_do(self, miniatures):
        datasets.fetch("amazon_reviews")
        datasets.fetch("amazon_reviews")
        assert len(miniatures.requests) == 1

    def test_archive_copied_by_hand_needs_no_network(self, miniatures, monkeypatch):
        monkeypatch.setenv("TRANSFER_OFFLINE", "1")
        entry = datasets.REGISTRY["cats_vs_dogs_small"]
        with pytest.raises(datasets.OfflineError):
            datasets.fetch(entry.name)
        archive = runtime.data_dir() / "downloads" / entry.file_name
        archive.write_bytes(miniatures.files[f"/{entry.name}"])
        assert datasets.fetch(entry.name).is_dir()
        assert miniatures.requests == []

    def test_killed_before_the_layout_is_in_place(self, miniatures):
        """A run that dies between unpacking and renaming leaves its archive; the next run needs no second download."""
        name = "cats_vs_dogs"
        datasets.download(
            datasets.REGISTRY[name].url, runtime.data_dir() / "downloads" / datasets.REGISTRY[name].file_name
        )
        code = (
            "import os, sys, dataclasses; from pathlib import Path; from helpers import datasets;"
            "Path.replace = lambda self, target, replace=Path.replace:"
            " os._exit(9) if Path(target).name == 'cats_vs_dogs' else replace(self, target);"
            "datasets.REGISTRY['cats_vs_dogs'] ="
            f" dataclasses.replace(datasets.REGISTRY['cats_vs_dogs'], size={len(miniatures.files['/' + name])},"
            " checksum=None, items=40);"
            "datasets.fetch('cats_vs_dogs')"
        )
        killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert killed.returncode == 9, killed.stderr.decode()
        data = runtime.data_dir()
        assert not (data / "cats_vs_dogs").exists()
        assert (data / "downloads" / ".cats_vs_dogs" / "ready").is_dir()

        counts = photos.Pictures(datasets.fetch(name), "").counts
        assert counts.sum(axis="columns").tolist() == [32, 3, 3]
        assert len(miniatures.requests) == 1
        assert downloads_of(data) == []

    @pytest.mark.parametrize("name", MINIATURES)
    def test_too_few_items(self, miniatures, monkeypatch, name):
        monkeypatch.setitem(datasets.REGISTRY, name, dataclasses.replace(datasets.REGISTRY[name], items=80))
        with pytest.raises(ValueError, match="wanted"):
            datasets.fetch(name)
        assert not (runtime.data_dir() / datasets.REGISTRY[name].becomes).exists()
        assert downloads_of(runtime.data_dir()) == []

    def test_another_archive(self, miniatures, monkeypatch):
        entry = datasets.REGISTRY["cats_vs_dogs"]
        other = dataclasses.replace(entry, url=miniatures.url("/amazon_reviews"), size=None)
        monkeypatch.setitem(datasets.REGISTRY, entry.name, other)
        with pytest.raises(ValueError, match="PetImages"):
            datasets.fetch("cats_vs_dogs")

    def test_without_an_address(self):
        with pytest.raises(FileNotFoundError, match=r"office_caltech.*data/README\.md"):
            datasets.fetch("office_caltech")

    def test_unknown_name(self):
        with pytest.raises(ValueError, match=r"'cats_vs_dogs_small'.*got 'cats'"):
            datasets.fetch("cats")


class TestAtHand:
    def test_nothing(self):
        table = datasets.at_hand()
        assert list(table["name"]) == list(datasets.REGISTRY)
        assert set(table["at hand"]) == {"no"}
        assert set(table["items"]) == {""}

    def test_counts(self, miniatures):
        for name in MINIATURES:
            datasets.fetch(name)
        table = datasets.at_hand().set_index("name")
        assert table.loc[list(MINIATURES), "items"].tolist() == ["38", "36", "16"]
        assert table.loc["office_caltech", "at hand"] == "no"


class TestCatsVsDogs:
    def test_full_set_comes_first(self, miniatures):
        datasets.fetch("cats_vs_dogs_small")
        datasets.fetch("cats_vs_dogs")
        pictures = datasets.cats_vs_dogs()
        assert pictures.root == runtime.data_dir() / "cats_vs_dogs"
        expected = "Pictures: 38 photographs of cats and dogs from cats_vs_dogs (train 32, validation 3, test 3)"
        assert pictures.source == expected

    def test_small_set_is_downloaded_visibly(self, miniatures, capsys):
        pictures = datasets.cats_vs_dogs()
        assert pictures.root == runtime.data_dir() / "cats_vs_dogs_small"
        assert pictures.class_names == ["cats", "dogs"]
        assert "Downloading" in capsys.readouterr().out

    @pytest.mark.parametrize("failure", [KeyboardInterrupt(), ConnectionError("no route"), ValueError("altered")])
    def test_failed_download_says_so_and_draws(self, server, drawing, monkeypatch, capsys, failure):
        def fail(name):
            raise failure

        monkeypatch.setattr(datasets, "fetch", fail)
        pictures = datasets.cats_vs_dogs()
        assert pictures.source.startswith("Pictures: drawn animals (no photographs at hand): ")
        assert (str(failure) or "interrupted") in capsys.readouterr().out

    def test_offline_draws_without_asking_the_network(self, drawing, monkeypatch):
        monkeypatch.setattr("requests.get", lambda *args, **kwargs: pytest.fail("asked the network"))
        pictures = datasets.cats_vs_dogs(seed=3)
        assert pictures.root.is_relative_to(runtime.build_dir())
        assert pictures.class_names == ["cats", "dogs"]
        assert drawing == [3]


@pytest.fixture
def drawing(monkeypatch):
    """Draw two pictures per class and set instead of hundreds; gives the seeds that were asked for."""
    seeds, write_folder = [], drawn_animals.write_folder

    def few(folder, seed):
        seeds.append(seed)
        return write_folder(folder, n_train=2, n_validation=2, n_test=2, seed=seed)

    monkeypatch.setattr(drawn_animals, "write_folder", few)
    return seeds


def test_registry_is_complete():
    for name, dataset in datasets.REGISTRY.items():
        assert name == dataset.name
        assert dataset.licence
        assert dataset.citation
        assert dataset.url or dataset.advice
        assert not dataset.checksum or dataset.checksum.split(":")[0] in {"sha256", "md5"}


def test_registered_weights_are_those_of_keras():
    """Keras's own source names the address and the MD5 of its file."""
    from importlib.util import find_spec
    from pathlib import Path

    source = Path(find_spec("keras").submodule_search_locations[0], "src/applications/inception_v3.py").read_text()
    entry = datasets.REGISTRY["inception_v3_weights"]
    assert entry.file_name in source
    assert entry.checksum.removeprefix("md5:") in source


@pytest.mark.real
def test_real_data_is_counted(real_data):
    table = datasets.at_hand().set_index("name")
    assert table.loc["office_caltech", "items"] == "2,533"
    assert table.loc["amazon_reviews", "items"] == "8,000"
    pictures = datasets.cats_vs_dogs()
    assert pictures.class_names == ["cats", "dogs"]
    assert "photographs" in pictures.source

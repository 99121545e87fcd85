"""Downloads from a local server that misbehaves on demand; hostile archives."""

import contextlib
import dataclasses
import hashlib
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest

from helpers.data import downloads
from local_server import CONTENT, SHA256, write_tar, write_zip


@dataclasses.dataclass
class Usage:
    free: int


@pytest.fixture
def path(tmp_path):
    return tmp_path / "downloads" / "file.bin"


def leftovers(path):
    return sorted(p.name for p in path.parent.iterdir() if p.suffix != ".lock" and p != path)


class TestDownload:
    def test_whole_file(self, server, path):
        assert downloads.download(server.url(), path, size=len(CONTENT), checksum=SHA256) == path
        assert path.read_bytes() == CONTENT
        assert leftovers(path) == []

    def test_file_at_hand_is_not_downloaded_again(self, server, path):
        downloads.download(server.url(), path, checksum=SHA256)
        downloads.download(server.url(), path, checksum=SHA256)
        assert len(server.requests) == 1

    def test_wrong_file_in_its_place_is_replaced(self, server, path):
        path.parent.mkdir()
        path.write_bytes(b"something else")
        downloads.download(server.url(), path, checksum=SHA256)
        assert path.read_bytes() == CONTENT

    def test_dropped_connection_continues_where_it_broke(self, server, path):
        server.cut = [300_000, 300_000]
        downloads.download(server.url(), path, size=len(CONTENT), checksum=SHA256)
        assert path.read_bytes() == CONTENT
        assert [wanted is None for wanted, _ in server.requests] == [True, False, False]
        sent = sum(n for _, n in server.requests)
        assert sent <= len(CONTENT) + 2 * downloads._BLOCK  # nothing twice but the blocks that broke

    def test_killed_half_way_then_resumed(self, server, path):
        server.delay = 0.1
        code = (
            f"from helpers.data import downloads; downloads.download({server.url()!r}, {str(path)!r}, progress=False)"
        )
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
        downloads.download(server.url(), path, checksum=SHA256)
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
                downloads.download(server.url(), path)
        assert leftovers(path) == ["file.bin.part", "file.bin.part.validator"]
        downloads.download(server.url(), path, checksum=SHA256)
        assert server.requests[-1][1] < len(CONTENT)

    def test_stopped_after_the_last_byte(self, server, path):
        path.parent.mkdir()
        path.with_name("file.bin.part").write_bytes(CONTENT)
        path.with_name("file.bin.part.validator").write_text(server.etag)
        downloads.download(server.url(), path, checksum=SHA256)
        assert server.requests == [(f"bytes={len(CONTENT)}-", 0)]

    def test_part_longer_than_the_file_is_dropped(self, server, path):
        path.parent.mkdir()
        path.with_name("file.bin.part").write_bytes(CONTENT + b"more")
        path.with_name("file.bin.part.validator").write_text(server.etag)
        downloads.download(server.url(), path, checksum=SHA256)
        assert path.read_bytes() == CONTENT

    def test_server_without_range_starts_over(self, server, path):
        server.ranges, server.cut = False, [300_000]
        downloads.download(server.url(), path, checksum=SHA256)
        assert path.read_bytes() == CONTENT
        assert server.requests[-1][1] == len(CONTENT)

    @pytest.mark.parametrize("etag", ["", 'W/"1"'])
    def test_without_a_version_to_compare_starts_over(self, server, path, etag):
        server.etag, server.cut = etag, [300_000]
        downloads.download(server.url(), path, checksum=SHA256)
        assert [wanted for wanted, _ in server.requests] == [None, None]

    def test_file_changed_on_the_server_meanwhile(self, server, path):
        server.cut = [300_000]
        with pytest.raises(ConnectionError):
            downloads.download(server.url(), path, attempts=1)
        server.files["/file.bin"], server.etag = CONTENT[::-1], '"2"'
        downloads.download(server.url(), path)
        assert path.read_bytes() == CONTENT[::-1]

    def test_gives_up_and_says_what_is_kept(self, server, path):
        server.cut = [100_000] * 2
        with pytest.raises(ConnectionError, match=r"gave up after 2 attempts, [1-9][\d,]* bytes are kept"):
            downloads.download(server.url(), path, attempts=2)
        assert not path.exists()

    def test_busy_server_is_asked_again(self, server, path):
        server.status = [503, 429]
        downloads.download(server.url(), path, checksum=SHA256)
        assert len(server.requests) == 3

    def test_missing_file_is_not_asked_for_again(self, server, path):
        with pytest.raises(OSError, match=r"404.*nothing\.bin.*data/README\.md"):
            downloads.download(server.url("/nothing.bin"), path)
        assert len(server.requests) == 1

    def test_slow_server_times_out(self, server, path):
        server.delay = 1
        with pytest.raises(ConnectionError, match="timed out"):
            downloads.download(server.url(), path, timeout=(1, 0.1), attempts=2)

    def test_no_server(self, server, path):
        with pytest.raises(ConnectionError, match="refused"):
            downloads.download("http://127.0.0.1:1/file.bin", path, attempts=1)

    def test_altered_file_is_removed(self, server, path):
        server.files["/file.bin"] = b"x" + CONTENT[1:]
        with pytest.raises(ValueError, match=f"wanted {SHA256}, got sha256:"):
            downloads.download(server.url(), path, size=len(CONTENT), checksum=SHA256)
        assert not path.exists()
        assert leftovers(path) == []

    def test_md5(self, server, path):
        downloads.download(server.url(), path, checksum="md5:" + hashlib.md5(CONTENT).hexdigest())
        path.unlink()
        with pytest.raises(ValueError, match="got md5:"):
            downloads.download(server.url(), path, checksum="md5:" + "0" * 32)

    def test_file_of_another_size_is_refused_before_it_comes(self, server, path):
        server.files["/file.bin"] = b"<html>Please log in</html>"
        with pytest.raises(ValueError, match="wanted 1,048,576 bytes, the server offers 26"):
            downloads.download(server.url(), path, size=len(CONTENT))
        assert not path.exists()

    def test_full_disk_is_told_before_the_download(self, server, path, monkeypatch):
        monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(free=1000))
        with pytest.raises(OSError, match="TRANSFER_DATA"):
            downloads.download(server.url(), path)

    def test_offline(self, server, path, monkeypatch):
        monkeypatch.setenv("TRANSFER_OFFLINE", "1")
        with pytest.raises(downloads.OfflineError, match="TRANSFER_OFFLINE"):
            downloads.download(server.url(), path)
        assert server.requests == []
        path.write_bytes(CONTENT)
        assert downloads.download(server.url(), path, checksum=SHA256) == path

    def test_offline_the_fault_of_a_damaged_copy_is_named(self, server, path, monkeypatch):
        monkeypatch.setenv("TRANSFER_OFFLINE", "1")
        path.parent.mkdir()
        path.write_bytes(CONTENT[:1000])
        with pytest.raises(
            downloads.OfflineError, match=r"file\.bin is not the file wanted: .*1,048,576 bytes, got 1,000"
        ):
            downloads.download(server.url(), path, size=len(CONTENT))
        with pytest.raises(downloads.OfflineError, match=f"wanted {SHA256}, got sha256:"):
            downloads.download(server.url(), path, checksum=SHA256)
        assert path.read_bytes() == CONTENT[:1000]

    def test_two_processes_at_once(self, server, path):
        server.delay = 0.02
        code = (
            "from helpers.data import downloads;"
            f"downloads.download({server.url()!r}, {str(path)!r}, checksum={SHA256!r}, progress=False)"
        )
        processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
        assert [process.wait(timeout=15) for process in processes] == [0, 0]
        assert path.read_bytes() == CONTENT
        assert len(server.requests) == 1


def tar_entry(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


class TestUnpack:
    @pytest.mark.parametrize("write", [write_zip, write_tar])
    def test_files_and_folders(self, tmp_path, write):
        write(tmp_path / "archive", ("a/b.txt", b"one"), ("c.txt", b"two"))
        folder = downloads.unpack(tmp_path / "archive", tmp_path / "out")
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
            downloads.unpack(tmp_path / "archive", tmp_path / "out")

    def test_leftovers_of_a_killed_run_are_not_taken_over(self, tmp_path):
        write_zip(tmp_path / "archive", ("a.txt", b"new"))
        (tmp_path / ".out.partial").mkdir()
        (tmp_path / ".out.partial" / "half.txt").write_text("half")
        folder = downloads.unpack(tmp_path / "archive", tmp_path / "out")
        assert [p.name for p in folder.iterdir()] == ["a.txt"]
        assert not (tmp_path / ".out.partial").exists()

    @staticmethod
    def refused(tmp_path, message, error=ValueError):
        with pytest.raises(error, match=message):
            downloads.unpack(tmp_path / "archive", tmp_path / "out")
        assert {p.name for p in tmp_path.iterdir() if p.suffix != ".lock"} == {"archive"}


# ------------------------------------------------------------------------------ faults that were seen, and their kind


def test_a_limit_for_everything_together_ends_it_and_keeps_what_came(server, path):
    server.delay = 0.1  # 16 blocks
    start = time.monotonic()
    with pytest.raises(
        ConnectionError, match=r"gave up after 1 attempts, [1-9][\d,]* bytes are kept.*time for it is over"
    ):
        downloads.download(server.url(), path, limit=0.5, progress=False)
    assert time.monotonic() - start < 5
    server.delay = 0
    assert downloads.download(server.url(), path, checksum=SHA256, progress=False).read_bytes() == CONTENT
    assert server.requests[-1][0].startswith("bytes=")


def test_the_limit_holds_for_a_server_that_answers_nothing(server, path):
    server.silence = 5.0
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=r"gave up after 1 attempts.*"):
        downloads.download(server.url(), path, limit=0.5, progress=False)
    assert time.monotonic() - start < 4


def test_a_file_of_the_readers_is_renamed_and_not_overwritten(server, path, capsys):
    path.parent.mkdir(parents=True, exist_ok=True)
    for own in (b"mine", b"mine, too"):
        path.write_bytes(own)
        assert downloads.download(server.url(), path, checksum=SHA256, progress=False).read_bytes() == CONTENT
    assert path.with_name(f"{path.name}.not_wanted").read_bytes() == b"mine"
    assert path.with_name(f"{path.name}.not_wanted_2").read_bytes() == b"mine, too"
    assert "was renamed to" in capsys.readouterr().out


def test_a_full_disk_during_a_download_is_named_and_what_came_is_kept(server, path):
    resource = pytest.importorskip("resource")
    code = (
        "import resource, signal, sys; from pathlib import Path; from helpers.data import downloads;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000));"
        f"downloads.download({server.url()!r}, Path({str(path)!r}), progress=False)"
    )
    assert resource
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "No room to write" in run.stderr
    assert not path.exists()
    assert downloads.download(server.url(), path, checksum=SHA256, progress=False).read_bytes() == CONTENT
    assert server.requests[-1][0] is not None  # it went on where the disk was full


def test_the_limit_holds_for_a_server_that_drips(path, monkeypatch):
    monkeypatch.delenv("TRANSFER_OFFLINE", raising=False)

    def drip(server):
        connection, _ = server.accept()
        connection.recv(4096)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nETag: "a"\r\n\r\n')
        with contextlib.suppress(OSError):
            for _ in range(40):
                connection.sendall(b"x" * 10)
                time.sleep(0.25)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        start = time.monotonic()
        with pytest.raises(ConnectionError, match="the time for it is over"):
            downloads.download(f"http://127.0.0.1:{server.getsockname()[1]}/f", path, limit=1, progress=False)
        assert time.monotonic() - start < 5


def test_what_cannot_be_unpacked_for_its_contents_is_wrong_contents(tmp_path):
    archive = tmp_path / "a.zip"
    write_zip(archive, ("a/1.txt", b"one"), ("b", b"x"), ("b/c", b"two"))  # b: a file and a folder
    with pytest.raises(downloads.WrongContents, match=r"cannot be unpacked: .*Get it from another source"):
        downloads.unpack(archive, tmp_path / "clash")
    write_zip(archive, ("1.txt", b"one"))
    content = bytearray(archive.read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + flags] |= 1  # says that a password is needed
    archive.write_bytes(content)
    with pytest.raises(downloads.WrongContents, match=r"cannot be unpacked: .*password"):
        downloads.unpack(archive, tmp_path / "locked")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []


def test_an_xz_file_cut_short_is_broken(tmp_path):
    with tarfile.open(tmp_path / "a.tar.xz", "w:xz") as archive:
        archive.add(__file__, "a.py")
    whole = (tmp_path / "a.tar.xz").read_bytes()
    (tmp_path / "a.tar.xz").write_bytes(whole[:-40] + bytes(40))
    with pytest.raises(downloads.WrongContents):
        downloads.unpack(tmp_path / "a.tar.xz", tmp_path / "a")

"""A local web server that misbehaves on demand, and archives to put on it."""

import hashlib
import io
import tarfile
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


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
        self.silence = 0.0  # seconds in which it takes a request and answers nothing, as behind some firewalls
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
        time.sleep(server.silence)
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
        body = content[start:]
        if server.cut:
            body = body[: server.cut.pop(0)]
        server.requests.append((wanted, len(body)))  # before the first byte: the client may look at once
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        for i in range(0, len(body), 2**16):
            time.sleep(server.delay)
            self.wfile.write(body[i : i + 2**16])
            self.wfile.flush()


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


def write_zip(path, *members):
    """Zip of members given as (name or ZipInfo, content)."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members:
            file.writestr(name, content)

"""A small model hub for tests: the calls that the hub's own client makes, over folders of this machine.

Repositories have revisions, etags and byte ranges; faults are switched on by a repository or for all.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/revision/(.+))?")
_PIECE = 2**14
#: What is kept as a large file, known by its checksum.
_LARGE = (".safetensors", ".bin")
_FILE = re.compile(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class Hub(ThreadingHTTPServer):
    """The server. ``requests`` has the method and path of each request, ``tokens`` what came as authorization."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        #: ``{(kind, repository): {revision: commit}}`` and ``{(kind, repository, commit): {name: content}}``.
        self.revisions: dict[tuple[str, str], dict[str, str]] = {}
        self.contents: dict[tuple[str, str, str], dict[str, bytes]] = {}
        self.about: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.tokens: list[str] = []
        #: A status, or "hang", "slow", "cut" (once), "corrupt", "no ranges", "short" (no ranges, and always half of
        #: it) or "xet" (no fault: large files are said to be kept in Xet storage, too), of files alone ("file") or of
        #: all calls ("all"); an address sends whoever wants a large file there.
        self.faults: dict[str, tuple[str, int | str]] = {}
        #: Seconds between the pieces of a file that is sent slowly.
        self.pause = 0.1
        #: Is called before each answer with the method and path of the request.
        self.before: Callable[[str], object] = lambda request: None
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Its address, for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        """End it."""
        self.shutdown()
        self.server_close()
        self.thread.join()

    def add(self, repository: str, folder: Path | dict[str, bytes], kind: str = "models", **about: Any) -> str:
        """Add a repository, or a new commit of its main branch; return the commit."""
        files = folder
        if isinstance(folder, Path):
            files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        digest = hashlib.sha1(repository.encode(), usedforsecurity=False)
        for name in sorted(files):
            digest.update(name.encode() + files[name])
        commit = digest.hexdigest()
        revisions = self.revisions.setdefault((kind, repository), {})
        revisions |= {"main": commit, commit: commit}
        self.contents[kind, repository, commit] = dict(files)
        self.about[repository] = about
        return commit

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where a client went away."""


@lru_cache(maxsize=64)
def _etag(name: str, raw: bytes) -> str:
    """Return what a file's content is known by, as git does small ones; kept, for a model's weights take seconds."""
    if name.endswith(_LARGE):
        return hashlib.sha256(raw).hexdigest()
    return hashlib.sha1(f"blob {len(raw)}\0".encode() + raw, usedforsecurity=False).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        asked = self.headers.get("Range", "")
        self.server.requests.append(f"{self.command} {path}" + (f" {asked}" if asked else ""))
        self.server.tokens.append(self.headers.get("Authorization", ""))
        self.server.before(f"{self.command} {path}")
        if found := _API.fullmatch(path):
            self._about(found[1], found[2], found[3] or "main")
        elif found := _FILE.fullmatch(path):
            self._file(found[1] or "models", found[2], found[3], found[4], body)
        else:
            self._refuse(404, "EntryNotFound")

    def _known(self, kind: str, repository: str, revision: str, call: str) -> str | None:
        """Return the commit that is asked for; None where a fault or a refusal was sent instead."""
        where, fault = self.server.faults.get(repository, ("", 0))
        if where in ("all", call):
            if fault == "hang":
                time.sleep(30)
            if isinstance(fault, int):
                self._refuse(fault, "GatedRepo" if fault == 403 else "")
                return None
        revisions = self.server.revisions.get((kind, repository))
        if revisions is None:
            self._refuse(401, "RepoNotFound")
            return None
        if revision not in revisions:
            self._refuse(404, "RevisionNotFound")
            return None
        return revisions[revision]

    def _about(self, kind: str, repository: str, revision: str) -> None:
        commit = self._known(kind, repository, revision, "api")
        if commit is None:
            return
        files = self.server.contents[kind, repository, commit]
        value = {"id": repository, "modelId": repository, "sha": commit, "private": False, "gated": False, "tags": []}
        value |= {"downloads": 0, "likes": 0, "siblings": [self._sibling(name, raw) for name, raw in files.items()]}
        config = json.loads(files.get("config.json", b"{}"))
        value["config"] = {key: config[key] for key in ("architectures", "model_type", "auto_map") if key in config}
        self._send(200, json.dumps(value | self.server.about[repository]).encode(), {})

    def _sibling(self, name: str, raw: bytes) -> dict[str, Any]:
        one: dict[str, Any] = {"rfilename": name, "size": len(raw), "blobId": _etag(name, raw)}
        if name.endswith(_LARGE):
            one["lfs"] = {"size": len(raw), "sha256": _etag(name, raw), "pointerSize": 130}
        return one

    def _file(self, kind: str, repository: str, revision: str, name: str, body: bool) -> None:
        commit = self._known(kind, repository, revision, "file" if body else "head")
        if commit is None:
            return
        raw = self.server.contents[kind, repository, commit].get(name)
        if raw is None:
            self._refuse(404, "EntryNotFound", {"X-Repo-Commit": commit})
            return
        etag = f'"{_etag(name, raw)}"'
        headers = {"X-Repo-Commit": commit, "ETag": etag, "X-Linked-ETag": etag}
        headers |= {"X-Linked-Size": str(len(raw)), "Accept-Ranges": "bytes"}
        _, fault = self.server.faults.get(repository, ("", 0))
        asked = "" if fault in ("no ranges", "short") else self.headers.get("Range", "")
        begin = int(re.sub(r"\D", "", asked.partition("-")[0]) or 0)
        if fault == "xet" and name.endswith(_LARGE):
            headers |= {"X-Xet-Hash": etag.strip('"'), "X-Xet-Refresh-Route": f"{self.server.url}/xet-token"}
        if fault == "short" and body and name.endswith(".safetensors"):
            raw = raw[: len(raw) // 2]
        if fault == "corrupt" and name.endswith(".safetensors"):
            raw = raw[:-1] + bytes([raw[-1] ^ 1])
        part = raw[begin:]
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(raw) - 1}/{len(raw)}"
        if str(fault).startswith("http") and body and name.endswith(".safetensors"):
            self._send(302, b"", {"Location": f"{fault}{self.path}"})
            return
        if fault == "cut" and body and name.endswith(".safetensors"):
            del self.server.faults[repository]
            self._send(206 if begin else 200, part[: max(1, len(part) // 2)], headers, length=len(part))
            self.close_connection = True
            return
        self._send(206 if begin else 200, part if body and fault != "slow" else b"", headers, length=len(part))
        if fault == "slow" and body:
            self._send_slowly(part)

    def _send_slowly(self, content: bytes) -> None:
        for begin in range(0, len(content), _PIECE):
            self.wfile.write(content[begin : begin + _PIECE])
            time.sleep(self.server.pause)

    def _refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        more = {"X-Error-Code": code, "X-Error-Message": code} if code else {}
        self._send(status, b"{}", more | (headers or {}))

    def _send(self, status: int, content: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content) if length is None else length)}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

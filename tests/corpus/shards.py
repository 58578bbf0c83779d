"""Indices of shards: such as leave the folder or contradict the files they name, and unusual honest ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.corpus.building import FLOATS, SEEN, TENSOR, safetensors
from tests.corpus.case import Family, Opens, Refused

FAMILY = Family("shards")
INDEX = "model.safetensors.index.json"
A, B = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def shard(*names: str) -> bytes:
    header = {name: TENSOR | {"data_offsets": [8 * i, 8 * i + 8]} for i, name in enumerate(names)}
    return safetensors(header, FLOATS * len(names))


def model(index: Any, files: dict[str, bytes] | None = None) -> Callable[[Path], Path]:
    """Return what makes a folder of shards, by default two of one tensor each, and an index."""

    def make(folder: Path) -> Path:
        for name, data in ({A: shard("a"), B: shard("b")} if files is None else files).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        text = index if isinstance(index, bytes) else json.dumps(index).encode()
        (folder / INDEX).write_bytes(text)
        return folder / INDEX

    return make


def names(shard_of_b: Any) -> dict[str, Any]:
    return {"metadata": {}, "weight_map": {"a": A, "b": shard_of_b}}


for _title, _index, _words in (
    # the index itself
    ("an index that is a list", b"[]", "is a text file"),
    ("an index that is no JSON", b"{weight_map:", "is not valid JSON"),
    ("an index cut short", json.dumps(names(B)).encode()[:-9], "is not valid JSON"),
    ("an index that is no UTF-8", b'{"weight_map":{"\xff":"a"}}', "is not"),
    ("an index behind a byte order mark", b"\xef\xbb\xbf" + json.dumps(names(B)).encode(), "is a text file"),
    ("an index nested 100,000 deep", b'{"weight_map":' * 100_000, "nested"),
    ("lists 100,000 deep in its metadata", b'{"metadata":' + b"[" * 100_000, "nested"),
    ("an index with NaN", b'{"metadata":{"total_size":NaN},"weight_map":{"a":"' + A.encode() + b'"}}', "JSON"),
    (
        "an index with a number of 5,000 digits",
        b'{"metadata":{"total_size":' + b"9" * 5000 + b'},"weight_map":{}}',
        "JSON",
    ),
    ("no weight_map", {"metadata": {}}, "has no weight_map"),
    ("an empty weight_map", {"weight_map": {}}, "names no shard"),
    ("a weight_map that is a list", {"weight_map": ["a", A]}, "has no weight_map"),
    ("a weight_map that is null", {"weight_map": None}, "has no weight_map"),
    ("a weight_map of numbers", names(2), "has no weight_map"),
    ("a weight_map of lists", names([B]), "has no weight_map"),
    ("a weight_map of null", names(None), "has no weight_map"),
    ("a weight_map nested like a module", {"weight_map": {"layer": {"a": A}}}, "has no weight_map"),
    ("weight_map twice", b'{"weight_map":{"b":"x"},"weight_map":{"a":"' + A.encode() + b'"}}', "twice"),
    ("a tensor twice in the weight_map", f'{{"weight_map":{{"a":"{A}","b":"{B}","a":"{B}"}}}}'.encode(), "twice"),
    (
        "a tensor named by half a surrogate pair",
        f'{{"weight_map":{{"a":"{A}","\\ud800":"{A}"}}}}'.encode(),
        "it does not",
    ),
    ("a shard named by half a surrogate pair", f'{{"weight_map":{{"a":"{A}","b":"\\ud800"}}}}'.encode(), "surrogate"),
    # where shards lie
    ("an absolute path", names("/etc/passwd"), "lies outside its folder"),
    ("an absolute path that is no file", names("/"), "lies outside its folder"),
    ("a path up", names("../model.safetensors"), "lies outside its folder"),
    ("a path up and down again", names(f"../file/{B}"), "lies outside its folder"),
    ("a path down and up", names(f"x/../{B}"), "lies outside its folder"),
    ("a path up by backslashes", names("..\\model.safetensors"), "lies outside its folder"),
    ("a drive letter", names("C:\\model.safetensors"), "lies outside its folder"),
    ("a drive letter and no slash", names("C:model.safetensors"), "lies outside its folder"),
    ("a network share", names("\\\\server\\share\\model.safetensors"), "lies outside its folder"),
    ("a URL", names("https://example.org/model.safetensors"), "lies outside its folder"),
    ("a file URL", names("file:///etc/passwd"), "lies outside its folder"),
    ("a data URL", names("data:application/octet-stream;base64,AAAA"), "lies outside its folder"),
    ("a home folder", names("~/model.safetensors"), "which is not in the folder"),
    ("a variable", names("$HOME/model.safetensors"), "which is not in the folder"),
    ("a pattern", names("model-*.safetensors"), "which is not in the folder"),
    ("an empty name", names(""), "lies outside its folder"),
    ("the folder itself", names("."), "outside its folder"),
    ("the folder above", names(".."), "lies outside its folder"),
    ("a zero", names(f"{B}\0.txt"), "lies outside its folder"),
    ("a device", names("/dev/zero"), "lies outside its folder"),
    ("a process's memory", names("/proc/self/mem"), "lies outside its folder"),
    ("a name of 300 letters", names("n" * 300), "too long"),
    ("a path of 10,000 letters", names("/".join(["n" * 100] * 100)), "too long"),
    ("a slash at the end", names(f"{B}/"), "outside its folder"),
    ("HTML and escapes", names("<b>\x1b[31m\n.safetensors"), "which is not in the folder"),
    # what it says of them
    ("a missing shard", names("model-00003-of-00002.safetensors"), "which is not in the folder"),
    ("another spelling of a shard", names(B.upper()), "which is not in the folder"),
    ("a tensor that its shard lacks", {"weight_map": {"a": A, "b": B, "c": B}}, "which it does not"),
    ("a tensor in the wrong shard", {"weight_map": {"a": B, "b": B}}, "which it does not"),
    ("itself as a shard", names(INDEX), "the header length lies"),
    ("metadata as a tensor", {"weight_map": {"a": A, "__metadata__": B}}, "which it does not"),
):
    FAMILY.add(_title, model(_index), Refused(_words))

for _title, _files, _words in (
    ("an empty shard", {A: shard("a"), B: b""}, "is cut short"),
    ("a cut shard", {A: shard("a"), B: shard("b")[:-3]}, "is cut short"),
    ("a shard that is text", {A: shard("a"), B: b"version https://git-lfs.github.com/spec/v1\n"}, B),
    ("a shard that is a torch file", {A: shard("a"), B: b"PK\3\4" + bytes(60)}, B),
    ("a tensor in both shards", {A: shard("a", "b"), B: shard("b")}, "both"),
    ("another tensor in both shards", {A: shard("a", "c"), B: shard("b", "c")}, "both"),
):
    FAMILY.add(_title, model(names(B), _files), Refused(_words))


def _replaced_by(make_entry: Callable[[Path], None]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = model(names(B))(folder)
        (folder / B).unlink()
        make_entry(folder / B)
        return path

    return make


def _folder_with_secret(at: Path) -> Path:
    outside = at.parent.parent / "out" / "secret.safetensors"
    outside.write_bytes(shard("b"))
    return outside


for _title, _entry, _words in (
    ("a shard that is a folder", lambda at: at.mkdir(), "is a folder"),
    ("a shard that is a pipe", os.mkfifo, "is a pipe or device"),
    ("a shard that is a link to a device", lambda at: at.symlink_to("/dev/zero"), "outside its folder"),
    (
        "a shard that is a link out of the folder",
        lambda at: at.symlink_to(_folder_with_secret(at)),
        "outside its folder",
    ),
    (
        "a shard that is a link up",
        lambda at: at.symlink_to(os.path.relpath(_folder_with_secret(at), at.parent)),
        "outside its folder",
    ),
    ("a shard that is a dead link", lambda at: at.symlink_to("nowhere"), "not in the folder"),
    ("a shard that is a link to itself", lambda at: at.symlink_to(at.name), "not"),
):
    FAMILY.add(_title, _replaced_by(_entry), Refused(_words))


@FAMILY.bad("outside its folder")
def a_folder_that_is_a_link_out(folder: Path) -> Path:
    path = model(names("sub/b.safetensors"))(folder)
    _folder_with_secret(folder / "x").rename(folder.parent / "out" / "b.safetensors")
    (folder / "sub").symlink_to("../out")
    return path


@FAMILY.bad("is too long for an index")
def an_index_of_more_than_100_megabytes(folder: Path) -> Path:
    path = model(names(B))(folder)
    with path.open("r+b") as file:
        file.truncate(100_000_001)
    return path


@FAMILY.bad("not in the folder")
def an_index_that_names_100_000_shards(folder: Path) -> Path:
    return model({"weight_map": {f"t{i}": f"shard-{i}.safetensors" for i in range(100_000)}})(folder)


@FAMILY.bad("not valid JSON")
def forty_megabytes_of_brackets_as_an_index(folder: Path) -> Path:
    return model(b'{"weight_map":{}' + b"}" * (40 << 20))(folder)


@FAMILY.bad("is cut short")
def two_thousand_shards_and_the_last_is_empty(folder: Path) -> Path:
    """Handles are limited; every one must be closed again."""
    files = {f"{i}.safetensors": shard(f"t{i}") for i in range(400)} | {"400.safetensors": b""}
    return model({"weight_map": {f"t{i}": f"{i}.safetensors" for i in range(401)}}, files)(folder)


@FAMILY.bad("holds 2 checkpoints")
def shards_without_an_index(folder: Path) -> Path:
    path = model(names(B))(folder)
    path.unlink()
    return folder


# ---------------------------------------------------------------- honest ones

BOTH = {"a": SEEN, "b": SEEN}


@FAMILY.odd
def two_shards(folder: Path):
    return model(names(B))(folder), Opens(BOTH)


@FAMILY.odd
def a_folder_with_its_index(folder: Path):
    model(names(B))(folder)
    return folder, Opens(BOTH)


@FAMILY.odd
def an_index_without_metadata(folder: Path):
    return model({"weight_map": {"a": A, "b": B}})(folder), Opens(BOTH)


@FAMILY.odd
def an_index_with_more_than_a_weight_map(folder: Path):
    more = {"metadata": {"total_size": 16, "nested": {"a": [1, None]}}, "version": 2, "weight_map": {"b": B, "a": A}}
    return model(more)(folder), Opens({"b": SEEN, "a": SEEN})


@FAMILY.odd
def metadata_that_is_no_table(folder: Path):
    return model({"metadata": ["16"], "weight_map": {"a": A, "b": B}})(folder), Opens(BOTH)


@FAMILY.odd
def shards_in_a_folder_below(folder: Path):
    files = {"parts/a.safetensors": shard("a"), "parts/b.safetensors": shard("b")}
    return model({"weight_map": {"a": "parts/a.safetensors", "b": "parts/b.safetensors"}}, files)(folder), Opens(BOTH)


@FAMILY.odd
def one_shard(folder: Path):
    return model(
        {"weight_map": {"a": "all.safetensors", "b": "all.safetensors"}}, {"all.safetensors": shard("a", "b")}
    )(folder), Opens(BOTH)


@FAMILY.odd
def a_tensor_that_the_index_leaves_out(folder: Path):
    return model(names(B), {A: shard("a"), B: shard("b", "c")})(folder), Opens({**BOTH, "c": SEEN})


@FAMILY.odd
def names_with_spaces_and_accents(folder: Path):
    files = {"modèle 1 (copie).safetensors": shard("a"), "b#2%20.safetensors": shard("b")}
    return model({"weight_map": dict(zip("ab", files, strict=True))}, files)(folder), Opens(BOTH)


@FAMILY.odd
def shards_that_are_links_into_the_blobs_of_a_hub_cache(folder: Path):
    blobs, snapshot = folder / "blobs", folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    model(names(B))(blobs.parent / "blobs") if blobs.mkdir() is None else None
    for name in (A, B, INDEX):
        (snapshot / name).symlink_to(f"../../blobs/{name}")
    return snapshot / INDEX, Opens(BOTH)


@FAMILY.odd
def an_index_of_another_name(folder: Path):
    model(names(B))(folder)
    (folder / INDEX).rename(folder / "diffusion_pytorch_model.fp16.safetensors.index.json")
    return folder / "diffusion_pytorch_model.fp16.safetensors.index.json", Opens(BOTH)

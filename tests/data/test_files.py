"""Array files: round trips against NumPy's own arrays, damage at every cut, and writes that fail half way."""

import errno
import gzip
import os
import pickle
import time

import numpy as np
import pytest

from lowerbound.data.files import read_array, split_name, write_array
from tests.data.idx_bytes import idx_bytes

SPECIAL = np.array([[0.1, -0.0, 1e-300], [np.nan, np.inf, -np.inf], [1 / 3, 2.0**60, 5e-324]])


def file_of(kind, folder):
    """A small valid file of a format, its array, and its name."""
    array = np.random.default_rng(0).normal(size=(20, 3))
    file = folder / f"data{kind}"
    if kind == ".idx":
        file.write_bytes(idx_bytes(array))
    elif kind == ".idx.gz":
        file.write_bytes(gzip.compress(idx_bytes(array), mtime=0))
    else:
        write_array(file, array)
    return file, array


# Round trips


@pytest.mark.parametrize("kind", [".npy", ".npz"])
@pytest.mark.parametrize(
    "array",
    [
        SPECIAL,
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([True, False]),
        np.zeros((0, 3), np.float32),
        np.array(7, np.int16),
        np.array(["a", "bc"]),
        np.array([1 + 2j]),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_return_bit_for_bit(tmp_path, kind, array):
    write_array(tmp_path / f"x{kind}", array)
    found = read_array(tmp_path / f"x{kind}")
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    np.testing.assert_array_equal(np.load(tmp_path / f"x{kind}")["x"] if kind == ".npz" else found, array)


def test_arrays_come_in_native_byte_order(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(5, dtype=">f4"))
    found = read_array(tmp_path / "x.npy")
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, np.arange(5))


def test_memory_map(tmp_path):
    np.save(tmp_path / "x.npy", SPECIAL)
    found = read_array(tmp_path / "x.npy", memory_map=True)
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, SPECIAL)
    with pytest.raises(ValueError, match=r"memory_map must go with an \.npy file; got .*x\.csv"):
        read_array(tmp_path / "x.csv", memory_map=True)


# Names of arrays


def test_arrays_of_an_archive_are_chosen_by_name(tmp_path):
    file = tmp_path / "d.npz"
    np.savez(file, x_train=SPECIAL, y_train=np.arange(3))
    np.testing.assert_array_equal(read_array(file, name="y_train"), np.arange(3))
    np.testing.assert_array_equal(read_array(f"{file}:x_train"), SPECIAL)
    with pytest.raises(ValueError, match=r"name must choose .*d\.npz; it holds: x_train, y_train"):
        read_array(file)
    with pytest.raises(ValueError, match=r"which holds: x_train, y_train; got 'z'"):
        read_array(f"{file}:z")
    with pytest.raises(ValueError, match=r"must go with an \.npz file; got 'z'"):
        read_array(tmp_path / "d.npy", name="z")


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("data.npz:x_train", "data.npz", "x_train"),
        ("C:\\data.NPZ:x", "C:\\data.NPZ", "x"),
        ("C:\\data.npz", "C:\\data.npz", None),
        ("data.npz", "data.npz", None),
        ("data.npz:", "data.npz", ""),
        ("a:b.csv", "a:b.csv", None),
    ],
)
def test_split_name(text, path, name):
    found = split_name(text)
    assert (str(found[0]), found[1]) == (path, name)


def test_an_archive_of_nothing(tmp_path):
    np.savez(tmp_path / "d.npz")
    with pytest.raises(ValueError, match="it holds: none"):
        read_array(tmp_path / "d.npz")


# Errors of every format

KINDS = [".npy", ".npz", ".csv", ".parquet", ".idx", ".idx.gz"]


@pytest.mark.parametrize("kind", KINDS)
def test_missing_empty_and_folder(tmp_path, kind):
    file = tmp_path / f"x{kind}"
    with pytest.raises(FileNotFoundError, match=r"file .* must exist; got none"):
        read_array(file)
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="must not be empty; got 0 bytes"):
        read_array(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(IsADirectoryError, match="must be a file; got a folder"):
        read_array(file)


@pytest.mark.parametrize("name", ["x.xlsx", "x", "x.csv.gz", "x.pkl", "x.mat"])
def test_unknown_extensions_list_the_known(tmp_path, name):
    with pytest.raises(ValueError, match=r"must be one of \.npz, \.npy, \.csv, \.tsv, \.parquet, \.idx"):
        read_array(tmp_path / name)
    with pytest.raises(ValueError, match=r"must be one of \.npz, \.npy, \.csv, \.parquet; got"):
        write_array(tmp_path / name, SPECIAL)


def test_idx_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"must be one of .*; got '\.idx'"):
        write_array(tmp_path / "x.idx", SPECIAL)


class Trap:
    """An object whose unpickling would show: it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        """Name the call that loading would make."""
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("memory_map", [False, True])
def test_pickles_are_refused(tmp_path, memory_map):
    objects = np.array([Trap(str(tmp_path / "sprung"))], dtype=object)
    np.save(tmp_path / "x.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "x.npz", a=objects)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="pickled Python objects, which are never loaded"):
        read_array(tmp_path / "x.npy", memory_map=memory_map)
    with pytest.raises(ValueError, match="pickled Python objects, which are never loaded"):
        read_array(tmp_path / "x.npz")
    with pytest.raises(ValueError, match=r"complete \.npy file; got one that starts with"):
        read_array(tmp_path / "raw.npy", memory_map=memory_map)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("kind", [".npy", ".npz", ".idx", ".idx.gz", ".parquet"])
def test_every_truncation_gives_one_clear_error(tmp_path, kind):
    file, array = file_of(kind, tmp_path)
    content = file.read_bytes()
    np.testing.assert_array_equal(read_array(file), array)
    cuts = range(1, len(content), max(1, len(content) // 300))
    for cut in [*cuts, len(content) - 1]:
        file.write_bytes(content[:cut])
        with pytest.raises(ValueError, match=rf"must be a complete \{kind} file") as caught:
            read_array(file)
        assert type(caught.value) is ValueError, cut
        assert "\n" not in str(caught.value), cut


@pytest.mark.parametrize("kind", [".npy", ".npz", ".idx", ".idx.gz", ".parquet", ".csv"])
def test_flipped_bytes_give_an_array_or_one_clear_error(tmp_path, kind):
    file, _ = file_of(kind, tmp_path)
    content = file.read_bytes()
    random = np.random.default_rng(3)
    for _ in range(150):
        damaged = bytearray(content)
        damaged[random.integers(len(content))] ^= int(random.integers(1, 256))
        file.write_bytes(bytes(damaged))
        try:
            found = read_array(file)
        except ValueError as error:
            found = error
        if not isinstance(found, np.ndarray):
            assert type(found) is ValueError
            assert str(file) in str(found)
            assert "\n" not in str(found)


def test_an_archive_member_that_is_no_array(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(ValueError, match="a member of the archive is not an array"):
        read_array(tmp_path / "x.npz")


def test_no_permission_to_read(tmp_path, monkeypatch):
    file, _ = file_of(".npy", tmp_path)

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(OSError, match=r"must be readable; got: Permission denied\. Check permissions"):
        read_array(file)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EIO, "Input/output error"), "must be readable; got: Input/output error"),
        (MemoryError("Unable to allocate 7 PiB"), "must fit in memory; got Unable to allocate 7 PiB"),
    ],
)
def test_a_disk_that_fails_and_a_memory_that_is_full(tmp_path, monkeypatch, error, message):
    file, _ = file_of(".npy", tmp_path)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(np, "load", fail)
    with pytest.raises((OSError, ValueError), match=message):
        read_array(file)


# Writing


@pytest.mark.parametrize("kind", [".npy", ".npz", ".csv", ".parquet"])
@pytest.mark.parametrize("where", ["replace", "fsync"])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_failed_write_leaves_the_target_and_nothing_else(tmp_path, monkeypatch, kind, where, before):
    file = tmp_path / f"x{kind}"
    if before is not None:
        file.write_bytes(before)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, where, full)
    with pytest.raises(OSError, match=r"x\.\w+ must be writable; got: No space left on device\. Check") as caught:
        write_array(file, SPECIAL)
    assert "Errno" not in str(caught.value)
    assert [found.name for found in tmp_path.iterdir()] == ([] if before is None else [file.name])
    if before is not None:
        assert file.read_bytes() == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full, a device that is always full, is absent")
@pytest.mark.parametrize("kind", [".npy", ".npz", ".csv", ".parquet"])
def test_a_disk_that_is_full_while_writing(tmp_path, monkeypatch, kind):
    genuine = open
    monkeypatch.setattr(
        "builtins.open",
        lambda file, mode="r", **options: (
            genuine("/dev/full", "wb") if mode == "xb" else genuine(file, mode, **options)
        ),
    )
    with pytest.raises(OSError, match=r"must be writable; got: .*No space left on device"):
        write_array(tmp_path / f"x{kind}", np.zeros((100_000, 2)))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_array(tmp_path / "x.npy", SPECIAL)
    assert list(tmp_path.iterdir()) == []


def test_writing_into_no_folder_and_over_a_folder(tmp_path):
    with pytest.raises(OSError, match="must be writable; got: No such file or directory"):
        write_array(tmp_path / "none" / "x.npy", SPECIAL)
    (tmp_path / "x.npy").mkdir()
    with pytest.raises(OSError, match="must be writable; got: Is a directory"):
        write_array(tmp_path / "x.npy", SPECIAL)
    assert [file.name for file in tmp_path.iterdir()] == ["x.npy"]


def test_writing_replaces_follows_links_and_honours_the_umask(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"old")
    (tmp_path / "link.npy").symlink_to(tmp_path / "x.npy")
    mask = os.umask(0o027)
    try:
        write_array(tmp_path / "link.npy", SPECIAL)
    finally:
        os.umask(mask)
    assert (tmp_path / "link.npy").is_symlink()
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), SPECIAL)
    assert (tmp_path / "x.npy").stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link.npy", "x.npy"]


@pytest.mark.parametrize(
    ("kind", "array", "names", "message"),
    [
        (".npy", np.array([{}], dtype=object), None, "must hold numbers; got dtype object"),
        (".csv", np.array([["a"]]), None, "must hold numbers; got dtype <U1"),
        (".parquet", np.array([[1j]]), None, "must hold numbers; got dtype complex128"),
        (".csv", np.zeros((2, 3, 4)), None, r"must have 1 or 2 dimensions; got \(2, 3, 4\)"),
        (".parquet", np.array(1.0), None, r"must have 1 or 2 dimensions; got \(\)"),
        (".csv", np.zeros((2, 3)), ["a", "b"], r"names must be 3 different column names; got \['a', 'b'\]"),
        (".parquet", np.zeros((2, 2)), ["a", "a"], "names must be 2 different column names"),
    ],
)
def test_what_cannot_be_written(tmp_path, kind, array, names, message):
    with pytest.raises(ValueError, match=message):
        write_array(tmp_path / f"x{kind}", array, names=names)
    assert list(tmp_path.iterdir()) == []


def test_two_writes_of_one_array_are_equal_bytes(tmp_path, monkeypatch):
    write_array(tmp_path / "a.npz", SPECIAL)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    write_array(tmp_path / "b.npz", SPECIAL)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()

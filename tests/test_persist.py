"""Saved models: what comes back is what went in, or one clear error; a failed save leaves nothing; loading runs nothing.

Ground truth: the estimator that was saved, to the last bit, on all verbs. Forgeries carry correct checksums, so that it is the
forged part that is refused.
"""

import copy
import errno
import hashlib
import json
import os
import pickle
import tomllib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

import lowerbound
from lowerbound import persist
from lowerbound.persist import SavedModelError, read_folder, write_folder
from tests.contracts.registry import ESTIMATORS, assert_same_answers, fitted

FILES = {"model.json", "arrays.safetensors"}


@pytest.fixture
def folder(tmp_path):
    """A saved VAE."""
    fitted("VAE").save(tmp_path / "model")
    return tmp_path / "model"


def forge(folder, *, change=None, change_arrays=None):
    """Change the document, or the arrays, and make the checksums right again."""
    document = json.loads((folder / "model.json").read_text())
    arrays = load_arrays((folder / "arrays.safetensors").read_bytes())
    if change_arrays:
        change_arrays(arrays)
    payload = save_arrays(arrays)
    document.pop("document_sha256")
    document["arrays_sha256"] = hashlib.sha256(payload).hexdigest()
    if change:
        change(document)
    document["document_sha256"] = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    (folder / "model.json").write_text(json.dumps(document))
    (folder / "arrays.safetensors").write_bytes(payload)


def no_space(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def not_permitted(*arguments, **options):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


# ---- there and back


def test_a_model_of_a_version_without_channels_loads(folder):
    forge(folder, change=lambda document: document["hyperparameters"].pop("channels"))
    X = ESTIMATORS["VAE"].rows()
    np.testing.assert_array_equal(lowerbound.load(folder).transform(X), fitted("VAE").transform(X))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_comes_back_gives_the_same_answers_to_the_last_bit(name, tmp_path):
    entry, saved = ESTIMATORS[name], fitted(name)
    saved.save(tmp_path / "model")
    assert {file.name for file in (tmp_path / "model").iterdir()} == FILES
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    loaded = lowerbound.load(tmp_path / "model")
    assert type(loaded) is type(saved)
    assert str(loaded.get_params()) == str(saved.get_params())
    assert set(vars(loaded)) == set(vars(saved))
    assert_same_answers(entry.answers(loaded, entry.rows()), entry.answers(saved, entry.rows()))


def test_the_story_of_the_fit_comes_back(folder):
    saved, loaded = fitted("VAE"), lowerbound.load(folder)
    assert loaded.status_ == saved.status_
    assert (loaded.best_epoch_, loaded.n_iter_, loaded.objective_) == (
        saved.best_epoch_,
        saved.n_iter_,
        saved.objective_,
    )
    assert loaded.input_shape_ == saved.input_shape_
    assert_same_answers(loaded.history_, saved.history_)


def test_a_loaded_estimator_can_be_saved_pickled_and_fitted_again(folder, tmp_path):
    entry, loaded = ESTIMATORS["VAE"], lowerbound.load(folder)
    loaded.save(tmp_path / "again")
    again = pickle.loads(pickle.dumps(lowerbound.load(tmp_path / "again")))
    assert_same_answers(entry.answers(again, entry.rows()), entry.answers(loaded, entry.rows()))
    loaded.fit(entry.rows())
    assert_same_answers(entry.answers(again, entry.rows()), entry.answers(loaded, entry.rows()))


def test_arrays_of_every_rank_come_back(tmp_path):
    arrays = {
        "number": np.array(2.5, np.float32),
        "turned": np.arange(6.0).reshape(2, 3).T,
        "empty": np.zeros((0, 3), np.float32),
        "bits": np.array([True, False]),
    }
    write_folder(tmp_path / "model", {"class": "none"}, arrays)
    _, found = read_folder(tmp_path / "model")
    for name, array in arrays.items():
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(found[name], array)


def test_a_later_save_replaces_an_earlier_one(folder):
    fitted("Autoencoder").save(folder)
    assert isinstance(lowerbound.load(folder), lowerbound.Autoencoder)
    assert [file.name for file in folder.parent.iterdir()] == ["model"]


# ---- accidents on the way out


def test_a_hyperparameter_without_a_plain_form_is_refused_before_anything_is_written(tmp_path):
    vae = copy.deepcopy(fitted("VAE")).set_params(random_state=np.random.RandomState(0))
    with pytest.raises(SavedModelError, match=r"random_state of VAE must be .* got RandomState"):
        vae.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_an_unfitted_estimator_is_not_saved(tmp_path):
    with pytest.raises(Exception, match="not fitted yet"):
        ESTIMATORS["VAE"].make().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


FAILURES = {
    "disk full at the first byte": ("builtins.open", no_space, OSError, errno.ENOSPC),
    "disk full at the end": ("os.fsync", no_space, OSError, errno.ENOSPC),
    "no permission": ("tempfile.mkdtemp", not_permitted, PermissionError, errno.EACCES),
    "no permission for the last touch": ("pathlib.Path.chmod", not_permitted, PermissionError, errno.EACCES),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("place", ["model", "new/folders/model"])
def test_a_save_that_fails_leaves_nothing(failure, place, tmp_path, monkeypatch):
    what, fail, kind, number = FAILURES[failure]
    vae = fitted("VAE")
    with monkeypatch.context() as patch:
        patch.setattr(what, fail)
        with pytest.raises(kind, match="nothing was written") as caught:
            vae.save(tmp_path / place)
    assert caught.value.errno == number
    assert str(tmp_path / place) in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failure", [*FAILURES, "the last rename"])
def test_a_save_that_fails_leaves_the_earlier_model(failure, folder, monkeypatch):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with monkeypatch.context() as patch:
        if failure in FAILURES:
            patch.setattr(*FAILURES[failure][:2])
        else:
            patch.setattr("pathlib.Path.rename", _fail_at_second_call(type(folder).rename))
        with pytest.raises(OSError, match="nothing was written"):
            fitted("Autoencoder").save(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [file.name for file in folder.parent.iterdir()] == ["model"]


def _fail_at_second_call(rename):
    calls = []

    def renamed(self, target):
        calls.append(target)
        return no_space() if len(calls) == 2 else rename(self, target)

    return renamed


def test_an_interrupted_save_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fitted("VAE").save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["{}", '{"format": "other"}', "[]", "no JSON", None])
def test_a_place_that_is_something_else_is_left_alone(content, tmp_path):
    place = tmp_path / "mine"
    if content is None:
        place.write_text("a file")
    else:
        place.mkdir()
        (place / "model.json").write_text(content)
    with pytest.raises(FileExistsError, match="must be new or a saved model"):
        fitted("VAE").save(place)
    assert (place if content is None else place / "model.json").read_text() == (content or "a file")


def test_a_saved_model_with_notes_beside_it_is_not_thrown_away(folder):
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be new or a saved model"):
        fitted("VAE").save(folder)
    assert (folder / "notes.txt").read_text() == "mine"


# ---- accidents and attacks on the way in


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is nothing at .*absent"):
        lowerbound.load(tmp_path / "absent")


@pytest.mark.parametrize("missing", ["model.json", "arrays.safetensors"])
def test_a_missing_file(missing, folder):
    (folder / missing).unlink()
    with pytest.raises(SavedModelError, match=f"({missing} is missing|no {missing} in it)"):
        lowerbound.load(folder)


@pytest.mark.parametrize("content", ["{}", "[]", "null", '{"format": "pickle"}', "[" * 100_000, "\udcff", ""])
def test_a_foreign_folder(content, tmp_path):
    (tmp_path / "model.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(SavedModelError, match="cannot be read"):
        lowerbound.load(tmp_path)


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "model").write_text("{}")
    with pytest.raises(SavedModelError, match="cannot be read"):
        lowerbound.load(tmp_path / "model")


@pytest.mark.parametrize("file", sorted(FILES))
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_truncated_file(file, share, folder):
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(SavedModelError, match=f"{file} is .*truncated"):
        lowerbound.load(folder)


@pytest.mark.parametrize(("old", "new"), [('"beta": 1.0', '"beta": 2.0'), ('"VAE"', '"Autoencoder"')])
def test_an_altered_value_of_the_document(old, new, folder):
    text = (folder / "model.json").read_text()
    assert old in text
    (folder / "model.json").write_text(text.replace(old, new))
    with pytest.raises(SavedModelError, match=r"model\.json was altered"):
        lowerbound.load(folder)


@pytest.mark.parametrize("place", [0, 50, -1])
def test_an_altered_byte_of_the_arrays(place, folder):
    content = bytearray((folder / "arrays.safetensors").read_bytes())
    content[place] ^= 1
    (folder / "arrays.safetensors").write_bytes(content)
    with pytest.raises(SavedModelError, match="was altered"):
        lowerbound.load(folder)


@pytest.mark.parametrize("version", [persist.FORMAT_VERSION + 1, "2", None])
def test_a_newer_format(version, folder):
    forge(folder, change=lambda document: document.update(format_version=version))
    with pytest.raises(SavedModelError, match=rf"has format version {version}; .* Upgrade lowerbound"):
        lowerbound.load(folder)


FORGERIES = {
    "a class that is code": (lambda d: d.update({"class": "os.system"}), "must be a known one; got 'os.system'"),
    "a class of another library": (
        lambda d: d.update({"class": "sklearn.svm.SVC"}),
        "must be a known one; got 'sklearn.svm.SVC'",
    ),
    "no class": (lambda d: d.pop("class"), "class"),
    "an unknown hyperparameter": (lambda d: d["hyperparameters"].update(alpha=1), "alpha"),
    "a hyperparameter out of range": (lambda d: d["hyperparameters"].update(latent_dim=0), "latent_dim of VAE must be"),
    "an unknown choice": (lambda d: d["hyperparameters"].update(activation="os.system"), "activation of VAE must be"),
    "another latent_dim": (lambda d: d["hyperparameters"].update(latent_dim=3), "should be float32"),
    "another network": (lambda d: d["hyperparameters"].update(hidden=[9]), "should be float32"),
    "an unknown kind": (lambda d: d["fitted"].update(x_={"kind": "pickle", "value": "cos\nsystem"}), "unknown kind"),
    "a method": (lambda d: d["fitted"].update(transform={"kind": "value", "value": 1}), "'transform' is not the name"),
    "its class": (lambda d: d["fitted"].update(__class__={"kind": "value", "value": 1}), "'__class__' is not the name"),
    "no hyperparameters": (lambda d: d.pop("hyperparameters"), "hyperparameters"),
    "a list for a mapping": (lambda d: d.update(fitted=[1]), "does not fit"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_document(what, folder):
    change, message = FORGERIES[what]
    forge(folder, change=change)
    with pytest.raises(SavedModelError, match=message):
        lowerbound.load(folder)


def _model_array(arrays):
    return next(name for name in arrays if name.startswith("model_") and arrays[name].ndim == 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.update({_model_array(arrays): np.zeros((2, 2), np.float32)}), "should be float32"),
        (
            lambda arrays: arrays.update({name: arrays[name].astype(np.float64) for name in [_model_array(arrays)]}),
            "float64",
        ),
        (lambda arrays: arrays.pop(_model_array(arrays)), "model_"),
        (lambda arrays: arrays.update({"preprocessing_/shift": np.zeros(5)}), "preprocessing_"),
        (lambda arrays: arrays.clear(), "does not fit"),
    ],
)
def test_forged_arrays(change, message, folder):
    forge(folder, change_arrays=change)
    with pytest.raises(SavedModelError, match=message):
        lowerbound.load(folder)


class _Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_loading_runs_no_code_from_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    for name in ("model.pkl", "arrays.pkl", "model.json.pkl"):
        (folder / name).write_bytes(pickle.dumps(_Bomb()))
    for name in ("model.py", "__init__.py", "conftest.py", "lowerbound.py"):
        (folder / name).write_text("import os\nos.mkdir('exploded')\n")

    def refuse(*arguments, **options):
        raise AssertionError("loading ran code")

    for name in ("builtins.eval", "pickle.load", "pickle.loads", "os.system"):
        monkeypatch.setattr(name, refuse)
    loaded = lowerbound.load(folder)
    np.testing.assert_array_equal(
        loaded.transform(ESTIMATORS["VAE"].rows()), fitted("VAE").transform(ESTIMATORS["VAE"].rows())
    )
    assert not (folder.parent / "exploded").exists()


def test_a_source_tree_that_is_not_installed_saves(tmp_path, monkeypatch):
    def version(name):
        raise persist.PackageNotFoundError(name)

    monkeypatch.setattr(persist, "version", version)
    fitted("VAE").save(tmp_path / "model")
    versions = read_folder(tmp_path / "model")[0]["versions"]
    assert versions["lowerbound"] == lowerbound.__version__
    assert versions["jax"] == "unknown"
    assert lowerbound.load(tmp_path / "model").get_params() == fitted("VAE").get_params()


def test_the_build_reads_the_version_that_python_shows():
    root = Path(__file__).resolve().parents[1]
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["dynamic"] == ["version"]
    line = f'__version__ = "{lowerbound.__version__}"'
    assert line in (root / settings["tool"]["hatch"]["version"]["path"]).read_text(encoding="utf-8")

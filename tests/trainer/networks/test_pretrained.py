import hashlib

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from tfrecords import exits
from trainer.networks import models, pretrained

GOOD = "mobilenet_v2_0.35_224_imagenet_notop.weights.h5"
MOBILENET = models.ModelSpec("mobilenet_v2", 96, 1, alpha=0.35)


@pytest.fixture
def spec(tiny_backbone):
    return models.ModelSpec(tiny_backbone, 16, 1)


@pytest.fixture
def weights(spec, tmp_path):
    """A file with the weights of the tiny backbone, all different from those of a new one."""
    backbone = models.build(spec).backbone
    for index, variable in enumerate(backbone.variables, start=1):
        variable.assign(np.full(variable.shape, index, np.float32))
    backbone.save_weights(tmp_path / "tiny.weights.h5")
    return tmp_path / "tiny.weights.h5"


def _values(classifier):
    return [float(variable.numpy().ravel()[0]) for variable in classifier.backbone.variables]


def test_every_variable_of_the_backbone_is_loaded(spec, weights):
    classifier = pretrained.build(spec, str(weights))
    assert _values(classifier) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert np.isfinite(classifier.head.kernel.numpy()).all()


def test_a_file_in_the_older_format_of_keras_is_loaded(spec, weights, tmp_path):
    backbone = pretrained.build(spec, str(weights)).backbone
    path = tmp_path / "tiny_no_top.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, backbone)
    assert _values(pretrained.build(spec, str(path))) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_none_means_fresh_weights(spec):
    assert np.isfinite(_values(pretrained.build(spec, "none"))).all()


def test_a_file_that_lacks_a_layer_is_refused(spec, weights):
    with h5py.File(weights, "a") as file:
        del file["layers/conv2d_1" if "layers/conv2d_1" in file else "layers/second"]
    with pytest.raises(exits.DataError, match="does not fit --model=tiny --alpha=1.0: "):
        pretrained.build(spec, str(weights))


def test_a_file_that_lacks_a_variable_is_refused(spec, weights):
    with h5py.File(weights, "a") as file:
        group = next(f"layers/{name}/vars" for name in file["layers"] if "norm" in name)
        del file[f"{group}/3"]
    with pytest.raises(exits.DataError, match="does not fit --model=tiny"):
        pretrained.build(spec, str(weights))


def test_the_weights_of_another_architecture_are_refused(spec, tmp_path):
    path = tmp_path / "cnn.weights.h5"
    models.build(models.ModelSpec("cnn", 16, 1)).backbone.save_weights(path)
    with pytest.raises(exits.DataError, match="does not fit --model=tiny.*include_top=False"):
        pretrained.build(spec, str(path))


def test_the_weights_of_another_width_are_refused(tmp_path):
    path = tmp_path / "wide.weights.h5"
    wide = models.ModelSpec("mobilenet_v2", 32, 1, alpha=0.5)
    models.build(wide).backbone.save_weights(path)
    narrow = models.ModelSpec("mobilenet_v2", 32, 1, alpha=0.35)
    with pytest.raises(exits.DataError, match="fit --model=mobilenet_v2 --alpha=0.35") as error:
        pretrained.build(narrow, str(path))
    assert len(str(error.value)) < 700


def test_a_path_without_a_file_is_named(spec, tmp_path):
    path = tmp_path / "absent.h5"
    with pytest.raises(exits.DataError) as error:
        pretrained.build(spec, str(path))
    assert str(error.value) == (
        f"--weights={path}: there is no such file. Use a path, imagenet or none."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9406464\n",
            r"weights\.h5 \(70 bytes\) is a pointer of Git LFS .* git lfs pull",
        ),
        (b"404: Not Found", r"weights\.h5 \(14 bytes\) is no HDF5 file: .*b'404: Not Found'"),
        (b"", r"weights\.h5 \(0 bytes\) is no HDF5 file"),
        (b"\x89HDF\r\n\x1a\n", r"weights\.h5 \(8 bytes\) is damaged or cut off: "),
    ],
)
def test_a_file_that_holds_no_weights_is_named(spec, tmp_path, content, message):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    with pytest.raises(exits.DataError, match=message):
        pretrained.build(spec, str(path))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_file_that_is_cut_off_is_named(spec, weights, share):
    content = weights.read_bytes()
    weights.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(exits.DataError, match=r"is damaged or cut off: .*Download the weights"):
        pretrained.build(spec, str(weights))


@pytest.mark.parametrize("weights", ["imagenet", "file.h5"])
def test_a_cnn_has_no_pretrained_weights(weights):
    spec = models.ModelSpec("cnn", 16, 1)
    with pytest.raises(
        exits.UsageError, match=f"Received: --weights={weights}. Use --weights=none"
    ):
        pretrained.build(spec, weights)


def test_without_a_network_the_address_and_the_place_of_the_file_are_named(monkeypatch, tmp_path):
    def fail(*args, **options):
        raise Exception("URL fetch failure on https://x.y/z.h5: None -- no")  # as Keras does

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", fail)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(exits.MachineError) as error:
        pretrained.build(MOBILENET, "imagenet")
    message = str(error.value)
    assert f"fetch https://x.y/z.h5 elsewhere and put it to {tmp_path}/models/z.h5" in message
    assert "--weights=PATH" in message


def test_another_failure_of_the_download_is_not_taken_for_the_network(monkeypatch):
    def fail(*args, **options):
        raise RuntimeError("a defect")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        pretrained.build(MOBILENET, "imagenet")


def test_the_hash_of_a_file_and_of_what_is_none(tmp_path):
    (tmp_path / "w.h5").write_bytes(b"abc")
    assert pretrained.sha256(str(tmp_path / "w.h5")) == hashlib.sha256(b"abc").hexdigest()
    assert pretrained.sha256("imagenet") is None


@pytest.mark.shared_data
def test_imagenet_weights_are_loaded_into_a_mobilenet(shared_data):
    classifier = pretrained.build(MOBILENET, str(shared_data / "weights" / GOOD))
    keras.utils.set_random_seed(0)
    fresh = models.build(MOBILENET)
    for loaded, new in zip(classifier.backbone.variables, fresh.backbone.variables, strict=True):
        assert np.isfinite(loaded.numpy()).all()
        assert not np.array_equal(loaded.numpy(), new.numpy()), loaded.path


@pytest.mark.shared_data
def test_imagenet_weights_of_another_width_are_refused(shared_data):
    spec = models.ModelSpec("mobilenet_v2", 96, 1, alpha=0.5)
    with pytest.raises(exits.DataError, match="does not fit --model=mobilenet_v2 --alpha=0.5"):
        pretrained.build(spec, str(shared_data / "weights" / GOOD))


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lfs_pointer__Vietpr_mobilenet_v2_no_top.h5", "132 bytes.* is a pointer of Git LFS"),
        ("lfs_pointer__Vietpr_resnet50_notop.h5", "133 bytes.* is a pointer of Git LFS"),
        ("text_standin__min0jang_vgg16_notop.h5", "130 bytes.* is "),
        ("truncated_1MiB__HarryBarnard1_resnet50_notop.h5", "1,048,576 bytes.* is damaged or cut"),
    ],
)
def test_bad_files_that_were_found_in_the_wild_are_named(shared_data, name, message):
    with pytest.raises(exits.DataError, match=message):
        pretrained.build(MOBILENET, str(shared_data / "weights_bad" / name))


@pytest.mark.shared_data
def test_no_bad_file_is_forgotten(shared_data):
    for path in (shared_data / "weights_bad").glob("*.h5"):
        with pytest.raises(exits.DataError, match=path.name):
            pretrained.check_file(path)


def test_a_width_without_imagenet_weights_is_refused_by_name():
    spec = models.ModelSpec("mobilenet_v2", 96, 1, alpha=0.6)
    with pytest.raises(exits.UsageError) as error:
        pretrained.build(spec, "imagenet")
    assert str(error.value) == (
        "There are ImageNet weights of mobilenet_v2 for --alpha=0.35, 0.5, 0.75, 1.0, 1.3, 1.4. "
        "Received: 0.6. Use one of these, or --weights=none."
    )
    assert pretrained.build(spec, "none").spec.alpha == 0.6


def test_a_download_that_was_cut_off_is_named(monkeypatch, tmp_path):
    whole = tmp_path / "models" / "whole.h5"
    whole.parent.mkdir()
    models.build(MOBILENET).backbone.save_weights(whole.with_suffix(".weights.h5"))
    whole.with_suffix(".weights.h5").rename(whole)
    cut = tmp_path / "models" / "x_no_top.h5"
    cut.write_bytes(whole.read_bytes()[:100_000])
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *args, **options: str(cut))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(exits.DataError, match="An earlier download was cut off: ") as error:
        pretrained.build(MOBILENET, "imagenet")
    assert str(error.value).endswith(f"Delete {cut}, and run the same command again.")


@pytest.mark.parametrize("name", ["efficientnet_v2b0", "convnext_tiny"])
def test_backbones_that_scale_pixels_themselves_load_their_weights(name, tmp_path):
    spec = models.ModelSpec(name, 32, 1)
    written = models.build(spec).backbone
    written.save_weights(tmp_path / "w.weights.h5")
    loaded = pretrained.build(spec, str(tmp_path / "w.weights.h5")).backbone
    for one, other in zip(written.weights, loaded.weights, strict=True):
        assert np.array_equal(one.numpy(), other.numpy())

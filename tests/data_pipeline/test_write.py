import dataclasses
import hashlib

import pytest

from data_pipeline import write
from data_pipeline.planning import plan
from data_pipeline.references import Facts, Reference
from data_pipeline.sources.locations import File
from tests.data_pipeline import fragile_decoder as fragile
from tests.data_pipeline import painted
from tfrecords import example, exits, framing


def _task(tmp_path, contents):
    (tmp_path / write.SIDECARS).mkdir(exist_ok=True)
    items = []
    for index, content in enumerate(contents):
        path = tmp_path / f"{index}.jpg"
        path.write_bytes(content)
        location = File(str(path), len(content), path.stat().st_mtime_ns)
        reference = Reference(f"real/{index}.jpg", location, {"label": index % 2}, "g")
        sha256 = hashlib.sha256(content).hexdigest()
        facts = Facts(sha256, len(content), "JPEG", "RGB", 24, 16, quality=90, subsampling="4:2:0")
        items.append((reference, facts))
    shard = plan.ShardPlan("tiny-train.tfrecord-00000-of-00001", "train", tuple(items))
    mark = tmp_path / ".attempt-1"
    mark.touch()
    return write.Task(str(tmp_path), str(mark), shard, 64)


def _ids(tmp_path, task):
    records = framing.read_records(tmp_path / task.shard.name)
    return [example.decode(record)["image_id"][0].decode() for record in records]


def test_a_shard_holds_its_records_in_order_and_its_sidecar_says_so(tmp_path):
    task = _task(tmp_path, [painted.jpeg(index) for index in range(30)])
    assert write.write(task) == task.shard.name
    content = (tmp_path / task.shard.name).read_bytes()
    assert _ids(tmp_path, task) == [f"real/{index}.jpg" for index in range(30)]
    assert write.done(tmp_path, task.shard) == write.Sidecar(
        shard=task.shard.name,
        planned=30,
        records=30,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        counts={"label": {"0": 15, "1": 15}},
        rejects=(),
        originals=30,
        repaired=0,
        stored=tuple((len(painted.jpeg(index)), 24, 16, 90, "4:2:0", False) for index in range(30)),
    )
    assert not list(tmp_path.rglob(".tiny*"))


def test_the_facts_of_what_is_stored_are_known_without_reading_it_again(tmp_path):
    task = _task(tmp_path, [painted.jpeg(1), b"damaged", painted.jpeg(3)])
    write.write(task)
    sidecar = write.done(tmp_path, task.shard)
    found = list(write.stored_facts(task.shard, sidecar))
    assert [reference.image_id for reference, _ in found] == ["real/0.jpg", "real/2.jpg"]
    assert [(facts.num_bytes, facts.quality, facts.subsampling) for _, facts in found] == [
        (len(painted.jpeg(1)), 90, "4:2:0"),
        (len(painted.jpeg(3)), 90, "4:2:0"),
    ]


def test_a_record_is_literally_this(tmp_path):
    task = _task(tmp_path, [painted.jpeg(5)])
    write.write(task)
    (record,) = framing.read_records(tmp_path / task.shard.name)
    assert example.decode(record) == {
        "image": [painted.jpeg(5)],
        "image_id": [b"real/0.jpg"],
        "group_id": [b"g"],
        "label": [0],
        "height": [16],
        "width": [24],
    }


def test_a_file_that_changed_since_the_scan_is_a_reject_and_is_tried_again(tmp_path):
    task = _task(tmp_path, [painted.jpeg(0), painted.jpeg(1)])
    (tmp_path / "1.jpg").write_bytes(painted.jpeg(2))
    write.write(task)
    assert _ids(tmp_path, task) == ["real/0.jpg"]
    (reject,) = write.done(tmp_path, task.shard).rejects
    assert (reject.image_id, reject.reason) == ("real/1.jpg", "changed")
    assert write.is_left(tmp_path, task.shard)


def test_a_file_that_vanished_since_the_scan_is_a_reject(tmp_path):
    task = _task(tmp_path, [painted.jpeg(0), painted.jpeg(1)])
    (tmp_path / "0.jpg").unlink()
    write.write(task)
    (reject,) = write.done(tmp_path, task.shard).rejects
    assert (reject.image_id, reject.reason) == ("real/0.jpg", "unreadable")


def test_a_damaged_image_is_a_reject_for_good(tmp_path):
    task = _task(tmp_path, [painted.jpeg(0), painted.jpeg(1)[:-12]])
    write.write(task)
    (reject,) = write.done(tmp_path, task.shard).rejects
    assert reject.image_id == "real/1.jpg"
    assert not write.is_left(tmp_path, task.shard)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (fragile.ABORT, "crashed"),
        (fragile.HANG_IN_C, "timeout"),
        (fragile.EAT_MEMORY, "out_of_memory"),
    ],
)
def test_an_image_that_ends_the_decoder_is_a_reject_and_the_rest_is_written(
    tmp_path, fragile_decoder, words, reason
):
    contents = [painted.jpeg(index) for index in range(30)]
    contents[11] = painted.jpeg(11, comment=words)
    task = _task(tmp_path, contents)
    write.write(task)
    (reject,) = write.done(tmp_path, task.shard).rejects
    assert (reject.image_id, reject.reason) == ("real/11.jpg", reason)
    assert _ids(tmp_path, task) == [f"real/{index}.jpg" for index in range(30) if index != 11]
    assert not write.is_left(tmp_path, task.shard)


def test_a_shard_without_any_good_image_leaves_no_file(tmp_path):
    task = _task(tmp_path, [painted.jpeg(0)[:-12]])
    write.write(task)
    assert not (tmp_path / task.shard.name).exists()
    assert write.done(tmp_path, task.shard).records == 0


def _cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [_cut, lambda path: path.unlink()])
def test_a_shard_that_is_not_as_its_sidecar_says_is_left_to_do(tmp_path, damage):
    task = _task(tmp_path, [painted.jpeg(0)])
    write.write(task)
    assert not write.is_left(tmp_path, task.shard)
    damage(tmp_path / task.shard.name)
    assert write.is_left(tmp_path, task.shard)


def test_a_sidecar_that_cannot_be_read_is_none(tmp_path):
    task = _task(tmp_path, [painted.jpeg(0)])
    write.write(task)
    write.sidecar_path(tmp_path, task.shard.name).write_text("{")
    assert write.is_left(tmp_path, task.shard)


def test_a_sidecar_of_another_number_of_records_is_none(tmp_path):
    task = _task(tmp_path, [painted.jpeg(0), painted.jpeg(1)])
    write.write(task)
    fewer = dataclasses.replace(task.shard, items=task.shard.items[:1])
    assert write.done(tmp_path, fewer) is None


def test_a_full_disk_leaves_no_shard_and_no_sidecar(tmp_path, monkeypatch):
    task = _task(tmp_path, [painted.jpeg(0)])

    def full(self, payload):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(framing.RecordWriter, "write", full)
    with pytest.raises(OSError, match="No space"):
        write.write(task)
    assert not list(tmp_path.glob("*tiny*"))
    assert not list((tmp_path / write.SIDECARS).iterdir())


def test_work_that_another_attempt_took_over_puts_nothing_in_its_place(tmp_path):
    task = _task(tmp_path, [painted.jpeg(1)])
    (tmp_path / ".attempt-1").unlink()
    with pytest.raises(exits.MachineError, match="does not see"):
        write.write(task)
    assert not (tmp_path / task.shard.name).exists()
    assert not list(tmp_path.rglob(".tiny*"))


def test_a_shard_that_is_done_is_not_written_again(tmp_path):
    task = _task(tmp_path, [painted.jpeg(1)])
    write.write(task)
    before = (tmp_path / task.shard.name).stat().st_mtime_ns
    write.write(task)
    assert (tmp_path / task.shard.name).stat().st_mtime_ns == before


def test_what_is_half_written_lies_where_it_is_never_published(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(write, "_check", lambda path, sidecar: seen.append(path.parent))
    write.write(_task(tmp_path, [painted.jpeg(1)]))
    assert seen == [tmp_path / write.SIDECARS]

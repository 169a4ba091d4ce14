import pathlib

import numpy as np
import pytest

from tests.trainer import team
from trainer.features import sharing, tables


def _table(directory, worker):
    return tables.Table(directory / str(worker.index), {"size": 16}, num_rows=5, num_features=3)


def _rows(count):
    rows = np.zeros(count, tables.row_type(3))
    rows["index"] = range(count)
    rows["features"] = rows["index"][:, None] + [0.25, 0.5, 0.75]
    return rows


@pytest.mark.parametrize("num_done", [0, 3, 5])
def test_the_others_get_what_the_chief_has(tmp_path, monkeypatch, num_done):
    monkeypatch.setattr(sharing, "BLOCK_BYTES", 2 * tables.row_type(3).itemsize)

    def work(worker):
        table = _table(tmp_path, worker)
        if worker.is_chief and num_done:
            table.append(_rows(num_done))
        sharing.share(worker, table)
        return table

    for table in team.together(3, work):
        assert table.num_done == num_done
        assert (table.read() is not None) == (num_done == 5)
        if num_done:
            assert table.rows_done().tobytes() == _rows(num_done).tobytes()


def test_a_damaged_table_is_given_to_nobody(tmp_path):
    def work(worker):
        table = _table(tmp_path, worker)
        if worker.is_chief:
            table.append(_rows(5))
            (path,) = pathlib.Path(table.directory).glob("*.rows")
            path.write_bytes(path.read_bytes()[:-1] + b"?")
        sharing.share(worker, table)
        return table.num_done

    assert team.together(2, work) == [0, 0]


def test_who_trains_alone_shares_with_nobody(tmp_path):
    table = _table(tmp_path, team.ALONE)
    sharing.share(team.ALONE, table)
    assert not table.directory.exists()

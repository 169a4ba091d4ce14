import gc

import pytest

from tfrecords import imports


def test_what_is_imported_is_spared_by_the_garbage_collector():
    before = gc.get_freeze_count()
    with imports.uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > before
    gc.unfreeze()


def test_an_import_that_fails_leaves_the_collector_on():
    with pytest.raises(ImportError), imports.uncollected():
        raise ImportError
    assert gc.isenabled()

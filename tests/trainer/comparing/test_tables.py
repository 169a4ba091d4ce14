from trainer.comparing import tables

ROWS = [["run", "AUC", "accuracy"], ["cnn", "0.98", "0.9"], ["a longer name", "-", "0.85"]]


def test_a_table_that_fits_is_one():
    assert tables.text(ROWS, 80) == (
        "run            AUC   accuracy\ncnn            0.98  0.9\na longer name  -     0.85"
    )


def test_columns_without_room_follow_below_with_the_first_one():
    assert tables.text(ROWS, 20) == (
        "run            AUC\ncnn            0.98\na longer name  -\n\n"
        "run            accuracy\ncnn            0.9\na longer name  0.85"
    )


def test_csv_has_the_columns_of_the_first_row():
    rows = [{"run": 'a "b", c', "auc": 1 / 3}, {"run": "d"}]
    assert tables.to_csv(rows) == 'run,auc\n"a ""b"", c",0.3333333333333333\nd,\n'

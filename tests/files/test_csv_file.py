"""Files as we write them: what a spreadsheet needs, and what comes back."""

from pathlib import Path

import pandas as pd
import pytest

from metrascope.dataset.csv_table import read_table
from metrascope.files.csv_file import BYTE_ORDER_MARK, write_frame, write_table
from metrascope.labels.sheet import read_sheet

ODD = ("-x", "=a.png", "'=b", "＋c", '"d"', "e,f", "g;h", "'i", "子宫内膜息肉", "@SUM(A1)", "j|k")


def test_rows_come_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, ("image", "=label"), [(name, f"-{name}") for name in ODD])
    assert path.read_bytes().startswith(b"\xef\xbb\xbfimage,'=label\n'-x,'--x\n")
    table = read_table(path, ("image", "=label"))
    assert table["image"].tolist() == list(ODD)
    assert table["=label"].tolist() == [f"-{name}" for name in ODD]


def test_tables_come_back_and_numbers_stay_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    table = pd.DataFrame({"-y": ODD, "x": [-0.123456789] * len(ODD), "n": -1})
    write_frame(path, table, decimals=5)
    lines = path.read_text("utf-8").splitlines()
    assert lines[0] == f"{BYTE_ORDER_MARK}'-y,x,n"
    assert lines[1] == "'-x,-0.12346,-1"
    assert read_table(path, ("-y",))["-y"].tolist() == list(ODD)


def test_columns_of_one_name_are_kept(tmp_path: Path) -> None:
    table = pd.DataFrame([["=a", "=b"]], columns=["=x", "=x"])
    write_frame(tmp_path / "t.csv", table)
    assert (tmp_path / "t.csv").read_text("utf-8-sig") == "'=x,'=x\n'=a,'=b\n"


@pytest.mark.parametrize("name", [name for name in ODD if name != "'i"])
def test_a_list_of_ours_is_read_as_a_table_of_labels(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / "t.csv", ("file_name", "label"), [(name, name)])
    assert read_sheet(tmp_path / "t.csv", {}).rows == {2: (name, name)}

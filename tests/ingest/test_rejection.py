"""Reasons are told in few words for a count, and never with what was read from a file."""

import pytest

from metrascope.ingest.journal import Rejection
from metrascope.ingest.rejection import explain, explain_in_full
from metrascope.messages import reason_title, table

# Areas whose sentences say why a file or frame was left out, and some that do not.
AREAS = ("dicom", "usability")
TITLES = {key.removeprefix("reason.") for key in table() if key.startswith("reason.")}


def test_every_title_belongs_to_a_sentence() -> None:
    assert {key.replace(".", "_") for key in table()} >= TITLES


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("key", sorted(k for k in table() if k.split(".")[0] in AREAS))
def test_titles_have_no_gaps(key: str, lang: str) -> None:
    title = reason_title(key, lang)
    assert "…" not in title
    assert "{" not in title


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_titles_of_one_list_all_end_without_a_full_stop(lang: str) -> None:
    keys = [key for key in table() if key.split(".")[0] in ("labels", "ingest", "sources", *AREAS)]
    assert not [key for key in keys if reason_title(key, lang).endswith((".", "。"))]


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "(number in links.csv)"), ("zh", "（行号见 links.csv）")]
)
def test_a_row_that_is_not_shown_is_looked_up(lang: str, words: str) -> None:
    for key, values in (
        ("labels.rows_differ", {"rows": "2, 3"}),
        ("labels.left_out", {"row": "3 (ab12)"}),
    ):
        told = explain(Rejection(key, values), lang)
        assert words in told
        assert "…" not in told


def test_nothing_of_the_file_gets_into_an_explanation() -> None:
    told = explain(Rejection("usability.other_modality", {"modality": "ZHANG WEI"}), "en")
    assert "ZHANG" not in told
    told = explain(Rejection("dicom.bits", {"bits": 32}), "en")
    assert "32" in told


def test_an_explanation_names_the_package_to_install() -> None:
    told = explain(Rejection("dicom.no_codec", {"package": "pyjpegls"}), "en")
    assert "pip install pyjpegls" in told


def test_roles_of_columns_are_words_in_both_languages() -> None:
    both = Rejection("labels.conflict", {"first": "accession", "second": "patient_id"})
    assert "accession number and its patient number" in explain(both, "en")
    assert "检查号与患者编号" in explain_in_full(both, "zh")
    one = Rejection("labels.against_header", {"role": "name"})
    assert "another patient's name than" in explain(one, "en")
    rows = Rejection("labels.row_of_several", {"row": "17"})
    assert "17" in explain_in_full(rows, "en")
    assert "17" not in explain(rows, "en")

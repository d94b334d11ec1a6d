"""Pseudonyms: keyed, apart by domain, alike for one patient; the secret guarded."""

import hashlib
import hmac
import os
import re
import uuid
from collections import Counter
from pathlib import Path

import pytest
from scipy.stats import chisquare

from metrascope.errors import SettingsError
from metrascope.ingest.pseudonyms import MOST_DAYS, Pseudonyms, open_secret

ONE = Pseudonyms(bytes(range(32)))
OTHER = Pseudonyms(bytes(range(1, 33)))
KINDS = ("patient", "study", "image", "source", "scanner", "uid")


@pytest.mark.parametrize("kind", KINDS)
def test_the_secret_decides(kind: str) -> None:
    ours = {getattr(ONE, kind)(str(n)) for n in range(1, 500)}
    theirs = {getattr(OTHER, kind)(str(n)) for n in range(1, 500)}
    assert len(ours) == len(theirs) == 499
    assert not ours & theirs
    assert getattr(ONE, kind)("7") == getattr(Pseudonyms(bytes(range(32))), kind)("7")


def test_it_is_hmac_sha256() -> None:
    # RFC 2104 written out, over the message that the module describes.
    key = bytes(range(32)).ljust(64, b"\0")
    parts = [b"uid", b"1.2.3"]
    message = b"metrascope 1" + b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()
    assert hmac.digest(key[:32], message, "sha256") == outer
    number = int(ONE.uid("1.2.3").removeprefix("2.25."))
    fixed = 0xF << 76 | 0x3 << 62  # version and variant
    assert number & ~fixed == int.from_bytes(outer[:16], "big") & ~fixed


def test_domains_are_apart() -> None:
    codes = {getattr(ONE, kind)("x1")[1:7] for kind in ("patient", "study", "image", "source")}
    assert len(codes) == 4
    # Parts are told apart by their lengths, not by a sign that an identifier may hold.
    assert ONE.patient("ab", "c") != ONE.patient("a", "bc")
    assert len({ONE.patient("a"), ONE.patient("a", "h1"), ONE.patient("a", "h2")}) == 3


@pytest.mark.parametrize(
    "alike",
    [
        ("00123", "123", " 123 ", "１２３", "123\0", "\ufeff0123"),
        ("A00123", "a00123", "Ａ００１２３", "A00123\u200b"),
        ("Wang  Li", "wang li", "WANG LI "),
        ("0", "000"),
    ],
)
def test_one_identifier_written_in_several_ways_is_one_patient(alike: tuple[str, ...]) -> None:
    assert len({ONE.patient(way) for way in alike}) == 1
    assert len({ONE.shift_days(way) for way in alike}) == 1
    assert len({ONE.study(way) for way in alike}) == 1


@pytest.mark.parametrize(("one", "two"), [("A00123", "A123"), ("12-3", "123"), ("王丽", "王莉")])
def test_other_identifiers_are_other_patients(one: str, two: str) -> None:
    assert ONE.patient(one) != ONE.patient(two)


def test_images_and_sources_are_told_apart_exactly() -> None:
    assert ONE.image("a.png") != ONE.image("A.png")
    assert ONE.source("01") != ONE.source("1")


@pytest.mark.parametrize("empty", ["", "  ", "\0", "\u200b"])
def test_nobody_has_no_pseudonym(empty: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        ONE.patient(empty)
    with pytest.raises(ValueError, match="empty"):
        ONE.shift_days(empty)


@pytest.mark.parametrize("hostile", ["\ud800", "x" * 1_000_000, "../../etc", "'; --", "a\nb"])
def test_codes_are_short_and_safe_whatever_goes_in(hostile: str) -> None:
    assert re.fullmatch("P[0-9A-HJKMNP-TV-Z]{10}", ONE.patient(hostile))
    assert re.fullmatch("S[0-9A-HJKMNP-TV-Z]{10}", ONE.study(hostile))
    assert re.fullmatch("I[0-9A-HJKMNP-TV-Z]{12}", ONE.image(hostile))
    assert re.fullmatch("F[0-9A-HJKMNP-TV-Z]{12}", ONE.source(hostile))
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", ONE.uid(hostile))


def test_letters_of_codes_are_uniform() -> None:
    letters = Counter("".join(ONE.patient(f"n{n}")[1:] for n in range(2000)))
    assert len(letters) == 32
    assert chisquare(list(letters.values())).pvalue > 0.001


def test_uids_are_uuids_of_version_8() -> None:
    made = uuid.UUID(int=int(ONE.uid("1.2.840.1").removeprefix("2.25.")))
    assert (made.version, made.variant) == (8, uuid.RFC_4122)
    assert ONE.uid("1.2.840.1\0") == ONE.uid("1.2.840.1")
    assert len(ONE.uid("1.2.840.1")) <= 64


def test_shifts_fill_their_range_evenly_and_are_never_zero() -> None:
    shifts = [ONE.shift_days(str(n)) for n in range(20_000)]
    assert (min(shifts), max(shifts)) == (-MOST_DAYS, -1)
    thirds = Counter((-shift - 1) * 3 // MOST_DAYS for shift in shifts)
    assert len(thirds) == 3
    assert chisquare(list(thirds.values())).pvalue > 0.001


def test_a_short_secret_is_a_bug_and_no_secret_is_shown() -> None:
    with pytest.raises(ValueError, match="bytes"):
        Pseudonyms(b"short")
    assert "secret" not in repr(ONE)
    assert "\\x" not in repr(ONE)


# The file of the secret.


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    return folder


def test_a_secret_is_made_once_and_found_again(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "keys" / "secret"
    made = open_secret(path, out)
    content = path.read_bytes()
    assert len(made) == 32
    assert re.fullmatch(b"[0-9a-f]{64}\n", content)
    assert open_secret(path, out) == made
    assert path.read_bytes() == content
    assert open_secret(tmp_path / "other", out) != made
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_secret_inside_the_set_is_refused(tmp_path: Path, out: Path) -> None:
    (tmp_path / "door").symlink_to(out, target_is_directory=True)
    (tmp_path / "link").symlink_to(out / "hidden")
    (out / "way").symlink_to(tmp_path, target_is_directory=True)
    (out / "pointer").symlink_to(tmp_path / "elsewhere")
    inside = [
        out / "secret",
        out / "deep" / "secret",
        out / ".." / "set" / "secret",
        tmp_path / "door" / "secret",
        tmp_path / "link",
        out / "way" / "secret",
        out / "pointer",
        out,
    ]
    for path in inside:
        with pytest.raises(SettingsError, match="inside the data set"):
            open_secret(path, out)
    with pytest.raises(SettingsError, match="inside the data set"):
        open_secret(tmp_path / "later" / "secret", tmp_path / "later")  # not made yet
    assert sorted(item.name for item in out.iterdir()) == ["pointer", "way"]
    assert not (tmp_path / "elsewhere").exists()


def test_a_set_beside_or_below_is_fine(tmp_path: Path, out: Path) -> None:
    assert open_secret(tmp_path / "set-secret", out)
    assert open_secret(out.parent / "set" / ".." / "secret", out)


@pytest.mark.parametrize(
    "content", [b"", b"hunter2", b"ab" * 31, b"zz" * 32, b"\xff\xfe\0", b"ab" * 5000]
)
def test_a_file_that_holds_no_secret_is_refused_and_kept(
    content: bytes, tmp_path: Path, out: Path
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="hexadecimal"):
        open_secret(path, out)
    assert path.read_bytes() == content


@pytest.mark.parametrize("around", [b"%s", b"\xef\xbb\xbf%s\r\n", b"  %s \n\n"])
def test_an_editor_may_have_touched_it(around: bytes, tmp_path: Path, out: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(around % (b"AB" * 32))
    path.chmod(0o600)
    assert open_secret(path, out) == b"\xab" * 32


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o666])
def test_a_secret_that_all_can_read_is_refused(mode: int, tmp_path: Path, out: Path) -> None:
    path = tmp_path / "secret"
    open_secret(path, out)
    path.chmod(mode)
    with pytest.raises(SettingsError, match="every user"):
        open_secret(path, out)


def test_what_is_no_file_is_refused(tmp_path: Path, out: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match="no plain file"):
        open_secret(tmp_path / "folder", out)
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="neither be read nor made"):
        open_secret(tmp_path / "file" / "secret", out)
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(SettingsError, match="neither be read nor made"):
        open_secret(tmp_path / "round", out)

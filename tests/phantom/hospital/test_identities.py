"""Invented people: unique numbers, shared names, two spellings, ages from dates."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest

from metrascope.phantom.hospital.identities import Patient, code, invent_patients, invent_visits


@pytest.fixture(scope="module")
def patients() -> tuple[Patient, ...]:
    return invent_patients(400, np.random.default_rng(5))


def test_the_same_seed_invents_the_same_people(patients: tuple[Patient, ...]) -> None:
    assert invent_patients(400, np.random.default_rng(5)) == patients
    assert invent_patients(400, np.random.default_rng(6)) != patients


def test_numbers_are_unique_and_names_are_not(patients: tuple[Patient, ...]) -> None:
    for name in ("patient_id", "other_id", "national_id", "phone", "address"):
        values = {getattr(patient, name) for patient in patients}
        assert len(values) == len(patients), name
    names = Counter((patient.surname, patient.given) for patient in patients)
    assert max(names.values()) > 1


def test_some_have_chinese_names_and_some_have_none(patients: tuple[Patient, ...]) -> None:
    with_chinese = [patient for patient in patients if patient.surname_chinese]
    assert 0.6 < len(with_chinese) / len(patients) < 0.9
    assert any(not (patient.surname + patient.given).isascii() for patient in patients)


def test_a_patient_comes_to_one_hospital_under_several_spellings(
    patients: tuple[Patient, ...],
) -> None:
    rng = np.random.default_rng(0)
    spellings = set()
    for patient in patients[:40]:
        first, second = invent_visits(patient, 2, "aplio", rng)
        assert first.hospital == second.hospital
        assert first.exam_time.date() < second.exam_time.date()
        assert len({first.accession, second.accession}) == 2
        assert first.patient_id == second.patient_id
        spellings.add(first.latin_name == second.latin_name)
    assert spellings == {True, False}


@pytest.mark.parametrize(
    ("born", "age"),
    [(date(1980, 6, 15), 40), (date(1980, 6, 16), 39), (date(1928, 1, 1), 92)],
)
def test_age_counts_whole_years(patients: tuple[Patient, ...], born: date, age: int) -> None:
    patient = replace(patients[0], birth_date=born)
    visit = invent_visits(patient, 1, "epiq", np.random.default_rng(0))[0]
    assert replace(visit, exam_time=datetime(2020, 6, 15, 9)).age == age


def test_some_are_over_ninety() -> None:
    rng = np.random.default_rng(1)
    people = invent_patients(500, rng)
    ages = [invent_visits(patient, 1, "epiq", rng)[0].age for patient in people]
    assert 0 < sum(age >= 90 for age in ages) < 30
    assert min(ages) >= 10


def test_codes_have_no_letters_that_are_misread() -> None:
    text = code(500, np.random.default_rng(0))
    assert not set(text) & set("IO01")

"""Invented people, hospitals and visits: all that an export can betray.

No person, hospital or number here exists; surnames and given names are common ones, drawn
independently. Identifiers are unique within an export, names are not: some patients share one,
and a patient who comes twice may be spelled in two ways.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

_CHINESE_SURNAMES: Final = (
    "Wang 王,Li 李,Zhang 张,Liu 刘,Chen 陈,Yang 杨,Zhao 赵,Huang 黄,Zhou 周,Wu 吴,Xu 徐,Sun 孙,"
    "Hu 胡,Zhu 朱,Gao 高,Lin 林,He 何,Guo 郭,Ma 马,Luo 罗,Liang 梁,Song 宋,Zheng 郑,Xie 谢,Han 韩,"
    "Tang 唐,Feng 冯,Yu 于,Dong 董,Xiao 萧,Ouyang 欧阳,Sima 司马,Zhuge 诸葛"
)
_CHINESE_GIVEN: Final = (
    "Xiulan 秀兰,Guiying 桂英,Xiuying 秀英,Yulan 玉兰,Yan 艳,Min 敏,Jing 静,Lijuan 丽娟,Xia 霞,"
    "Meiling 美玲,Xiaoyan 晓燕,Shuzhen 淑珍,Haiyan 海燕,Chunmei 春梅,Yufen 玉芬,Jiayi 嘉怡,"
    "Shihan 诗涵,Zixuan 梓萱,Xinyi 欣怡,Yutong 雨桐,Siqi 思琪,Wenjing 文静,Ruoxi 若曦,Mengyao 梦瑶,"
    "Zhe 喆,Kun 堃,Hongmei 红梅,Fenglian 凤莲,Aihua 爱华,Lihua 丽华,Qiuyue 秋月,Dongxue 冬雪"
)
_LATIN_SURNAMES: Final = (
    "Müller,Sørensen,García,O'Brien,Novák,Dubois,Rossi,Kowalska,Andersson,Silva,Nguyen,Yılmaz,"
    "Okafor,Tanaka,Fernández,Schäfer,Lefèvre,Horváth,Petrova,Bianchi"
)
_LATIN_GIVEN: Final = (
    "Anna,Maria,Sofía,Chloé,Ingrid,Zofia,Elif,Amara,Yuki,Lucía,Hannah,Élodie,Katalin,Olga,Giulia,"
    "Astrid,Beatriz,Thu Hà,Margarethe,Siobhán"
)
_HOSPITALS: Final = (
    ("青石妇幼保健院", "Qingshi Womens Hospital", "青石市云杉路", "Yunshan Road", "QS"),
    ("临湖第三人民医院", "Linhu Third Peoples Hospital", "临湖市望江街", "Wangjiang Street", "LH"),
    (
        "海岬医科大学附属医院",
        "Haijia Medical University Hospital",
        "海岬市灯塔道",
        "Dengta Road",
        "HJ",
    ),
    ("松原谷中心医院", "Songyuan Valley Hospital", "松原谷市鹿鸣巷", "Luming Lane", "SY"),
)
_DEPARTMENTS: Final = (
    ("云杉楼超声科", "Yunshan Building Ultrasound"),
    ("望江楼超声二室", "Wangjiang Ultrasound Room 2"),
    ("灯塔院区超声诊断科", "Dengta Campus Sonography"),
    ("鹿鸣门诊超声室", "Luming Outpatient Ultrasound"),
)
_DOCTORS: Final = (
    "Bai 白,Cao 曹,Deng 邓,Fan 范,Hou 侯,Jin 金,Kong 孔,Lei 雷,Meng 孟,Niu 牛,Qin 秦,Shao 邵"
)
UID_ROOT: Final = "1.2.826.0.1.3680043.10.1337."
# Share of patients who have another's name, and of those with a Latin name alone; first day of an
# examination. Chosen.
_SHARED_NAME: Final = 0.08
_LATIN_SHARE: Final = 0.25
_FIRST_DAY: Final = date(2016, 1, 4)


@dataclass(frozen=True)
class Patient:
    """One invented patient.

    Parameters
    ----------
    index
        Number within the export.
    surname, given, surname_chinese, given_chinese
        Names in Latin letters and in Chinese characters (empty for a patient without).
    patient_id, other_id, national_id, phone, address
        Identifiers; unique within the export.
    birth_date
        Day of birth.
    """

    index: int
    surname: str
    given: str
    surname_chinese: str
    given_chinese: str
    patient_id: str
    other_id: str
    national_id: str
    phone: str
    address: str
    birth_date: date


@dataclass(frozen=True)
class Visit:
    """One examination of a patient; names on a screen are read from its properties.

    Parameters
    ----------
    patient
        Who came.
    number
        0 for the first visit.
    spelling
        0 to 3: ``WANG XIULAN``, ``Wang Xiulan``, ``Xiulan Wang``, ``Wang, Xiu-lan``.
    hospital, hospital_latin, department, department_latin, hospital_address
        Where.
    exam_time
        When.
    accession, study_id, visit_id, study_uid
        Numbers of the examination.
    operator, physician, radiologist
        Names in Latin letters, surname first.
    physician_chinese
        The referring physician in Chinese characters.
    station, ae_title, serial
        Of the scanner.
    """

    patient: Patient
    number: int
    spelling: int
    hospital: str
    hospital_latin: str
    department: str
    department_latin: str
    hospital_address: str
    exam_time: datetime
    accession: str
    study_id: str
    visit_id: str
    study_uid: str
    operator: str
    physician: str
    physician_chinese: str
    radiologist: str
    station: str
    ae_title: str
    serial: str

    @property
    def latin_name(self) -> str:
        """Name in Latin letters in this visit's spelling."""
        surname, given = self.patient.surname, self.patient.given
        if self.spelling == 2:
            return f"{given} {surname}"
        if self.spelling == 3:
            return f"{surname}, {given}"
        return f"{surname} {given}" if self.spelling == 1 else f"{surname} {given}".upper()

    @property
    def chinese_name(self) -> str:
        """Name in Chinese characters, empty if she has none."""
        return self.patient.surname_chinese + self.patient.given_chinese

    @property
    def local_name(self) -> str:
        """Name in Chinese characters, or in Latin letters if she has none."""
        return self.chinese_name or self.latin_name

    @property
    def centre_code(self) -> str:
        """Letter by which a study names the hospital; it identifies nobody."""
        return "ABCD"[[place[0] for place in _HOSPITALS].index(self.hospital)]

    @property
    def patient_id(self) -> str:
        """Identifier that the hospital gave."""
        return self.patient.patient_id

    @property
    def birth_date(self) -> date:
        """Day of birth."""
        return self.patient.birth_date

    @property
    def age(self) -> int:
        """Whole years at the examination."""
        birth, exam = self.patient.birth_date, self.exam_time.date()
        return exam.year - birth.year - ((exam.month, exam.day) < (birth.month, birth.day))


def invent_patients(count: int, rng: np.random.Generator) -> tuple[Patient, ...]:
    """Return invented patients, some of whom share a name.

    Parameters
    ----------
    count
        How many; at most 99,999.
    rng
        Source of every choice.
    """
    patients: list[Patient] = []
    for index in range(count):
        twin = patients[int(rng.integers(index))] if index and rng.random() < _SHARED_NAME else None
        patients.append(_invent_patient(index, twin, rng))
    return tuple(patients)


def invent_visits(
    patient: Patient, count: int, scanner: str, rng: np.random.Generator
) -> tuple[Visit, ...]:
    """Return the visits of a patient, months apart, all at one hospital.

    Parameters
    ----------
    patient
        Who comes.
    count
        Number of visits.
    scanner
        Short name of the scanner, part of the station's name.
    rng
        Source of every choice.
    """
    place = int(rng.integers(len(_HOSPITALS)))
    day = _FIRST_DAY + timedelta(days=int(rng.integers(2200)))
    visits = []
    for number in range(count):
        at = datetime(day.year, day.month, day.day, 7, 30) + timedelta(
            seconds=int(rng.integers(36000))
        )
        visits.append(_invent_visit(patient, number, place, at, scanner, rng))
        day += timedelta(days=int(rng.integers(40, 400)))
    return tuple(visits)


def code(length: int, rng: np.random.Generator) -> str:
    """Return letters and digits that are in no other text by chance, such as ``K7QXM2``."""
    return "".join(rng.choice(list("ABCDEFGHJKLMNPQRSTUVWXYZ23456789"), length))


def _pair(table: str, rng: np.random.Generator) -> tuple[str, str]:
    latin, chinese = str(rng.choice(table.split(","))).split(" ")
    return latin, chinese


def _invent_patient(index: int, twin: Patient | None, rng: np.random.Generator) -> Patient:
    if twin is not None:
        names = (twin.surname, twin.given, twin.surname_chinese, twin.given_chinese)
    elif rng.random() < _LATIN_SHARE:
        names = (
            str(rng.choice(_LATIN_SURNAMES.split(","))),
            str(rng.choice(_LATIN_GIVEN.split(","))),
            "",
            "",
        )
    else:
        (surname, chinese), (given, given_chinese) = (
            _pair(_CHINESE_SURNAMES, rng),
            _pair(_CHINESE_GIVEN, rng),
        )
        names = (surname, given, chinese, given_chinese)
    born = date(1967, 1, 1) + timedelta(days=int(rng.integers(12000)))
    if rng.random() < 0.02:
        born = born.replace(year=int(rng.integers(1922, 1926)), day=min(born.day, 28))
    number = rng.permutation(900)[0]
    return Patient(
        index,
        *names,
        patient_id=f"{rng.choice(['PID', 'MR', ''])}{7000000 + 37 * index}{number:03d}",
        other_id=f"IC-{code(9, rng)}",
        national_id=f"3{rng.integers(10**4, 10**5)}{born:%Y%m%d}{rng.integers(1000, 10000)}",
        phone=f"139{rng.integers(10**7, 10**8)}",
        address=f"Room {code(5, rng)}, {rng.integers(1, 400)} Lakeside Court",
        birth_date=born,
    )


def _invent_visit(
    patient: Patient,
    number: int,
    place: int,
    at: datetime,
    scanner: str,
    rng: np.random.Generator,
) -> Visit:
    hospital, latin, address, street, letters = _HOSPITALS[place]
    (referring, referring_chinese), (operator, _), (reader, _) = (
        _pair(_DOCTORS, rng) for _ in range(3)
    )
    (given, given_chinese), (second, _), (third, _) = (_pair(_CHINESE_GIVEN, rng) for _ in range(3))
    return Visit(
        patient,
        number,
        spelling=int(rng.integers(4)),
        hospital=hospital,
        hospital_latin=latin,
        department=_DEPARTMENTS[place][0],
        department_latin=_DEPARTMENTS[place][1],
        hospital_address=f"{address}{rng.integers(10, 400)}号 {street}",
        exam_time=at,
        accession=f"US{at:%y%m}{patient.index:05d}{number}{code(3, rng)}",
        study_id=f"ST{code(7, rng)}",
        visit_id=f"V{code(8, rng)}",
        study_uid=f"{UID_ROOT}{at:%Y%m%d%H%M%S}.{patient.index}.{rng.integers(10**7, 10**8)}",
        operator=f"{operator} {second}",
        physician=f"{referring} {given}",
        physician_chinese=referring_chinese + given_chinese,
        radiologist=f"{reader} {third}",
        station=f"{letters}-{scanner[:4].upper()}-{code(4, rng)}",
        ae_title=f"{letters}{scanner[:3].upper()}{code(5, rng)}",
        serial=f"SN{code(8, rng)}",
    )

"""Find out what the columns of a hospital's spreadsheet are, by their English or Chinese names."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from metrascope.errors import DataError, SettingsError
from metrascope.labels.lexicon import simplified

KEYS: Final = ("file_name", "sop_uid", "study_uid", "accession", "patient_id", "name")
"""Roles that tie a row to images, in the order in which they are tried."""

ROLES: Final = (*KEYS, "label", "age", "centre", "scanner", "plane")

_SEVERAL: Final = ("accession", "patient_id")
"""Hospitals number a patient and an exam more than once, and any of the numbers may be in DICOM."""

# Names in order of preference: the first group that occurs in a header wins, so that pathology
# goes before a diagnosis in general. Compared after `_plain`: lower case, no spaces or signs.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "file_name": (
        "filename filepath path imagepath imagefile imagename 文件名 文件名称 文件路径 图像文件 "
        "图像文件名 图片文件名 图像名 图像名称 图片名 图片名称 影像文件",
        "file image images imageid picture 文件 图像 图片 影像 图像编号 图片编号",
    ),
    "sop_uid": (
        "sopuid sopinstanceuid instanceuid imageuid sop图像uid 图像uid 影像uid 实例uid 图像实例uid",
    ),
    "study_uid": ("studyuid studyinstanceuid 检查uid 检查实例uid 检查实例号 研究uid",),
    "accession": (
        "accession accessionnumber accessionno accno accnumber examno examnumber examid studyid "
        "studyno usno ultrasoundno 检查号 检查编号 检查流水号 检查单号 超声号 超声编号 影像号 "
        "影像编号 影像检查号 申请单号 申请号 图像号 b超号 彩超号 检查序号",
    ),
    "patient_id": (
        "patientid patientno patientnumber patid pid mrn medicalrecordnumber medicalrecordno "
        "hospitalid hospitalno hospitalnumber recordno registrationno inpatientno outpatientno "
        "caseid caseno subjectid subject 患者id 病人id 患者编号 病人编号 患者号 病人号 登记号 "
        "病历号 病案号 住院号 门诊号 就诊号 就诊卡号 门诊住院号 住院门诊号 诊疗卡号 病历编号 "
        "病人id号 患者id号 受试者编号",
        "patient id号 患者 病人",
        "id",
    ),
    "name": (
        "name patientname patientsname fullname 姓名 患者姓名 病人姓名 患者名 病人名 患者名称 名字",
    ),
    "label": (
        "label labels class classes category groundtruth target 标签 类别 分类 分组 病理分类 "
        "诊断分类 结果分类 病理类别 病理类型 病理标签",
        "pathology histology pathologicaldiagnosis pathologydiagnosis pathologyresult "
        "pathologyresults pathologicalresult pathologicalfindings histopathology "
        "histologicaldiagnosis finaldiagnosis 病理 病理诊断 病理结果 病理结论 病理报告 术后病理 "
        "术后病理诊断 组织病理 组织病理学诊断 病理学诊断 病理检查结果 最终诊断 金标准",
        "diagnosis dx diagnose result 诊断 诊断结果 结果 结论 疾病",
    ),
    "age": ("age patientage ageyears patientsage 年龄 患者年龄 病人年龄 检查年龄 年岁",),
    "centre": (
        "centre center site hospital institution hospitalname sitename centername centrename "
        "中心 医院 医院名称 机构 单位 分中心 研究中心 院区 中心名称 机构名称 中心编号",
    ),
    "scanner": (
        "scanner machine device equipment model scannermodel devicemodel machinemodel "
        "manufacturermodelname ultrasoundsystem 机器 设备 仪器 机型 设备型号 仪器型号 机器型号 "
        "超声仪 超声设备 超声仪型号 型号 设备名称 仪器名称",
    ),
    "plane": (
        "plane view imagingplane scanplane section orientation 切面 扫查切面 切面类型 图像切面 "
        "标准切面 断面 平面",
    ),
}
_LABEL_PARTS: Final = ("病理", "patholog", "histolog")
# What stands under a table, or between the months of one, in the column of numbers or names.
_NOTE: Final = re.compile(
    r"(?:备?注|说明|注释|提示)\s*\d*\s*[::]|(?:合|小|总|共)\s*计|总数|总人数|例数|平均|"
    r"(?:制表|填表|审核|统计|打印|导出|登记|报告)(?:人|者|日期|时间|员)|"
    r"(?:notes?|remarks?|legend|printed|exported|prepared by)\s*[::]|"
    r"(?:sub|grand )?totals?\s*:?$|sum$|"
    r"\d{0,4}年?\s*\d{1,2}\s*月(?:份)?$|[一二三四五六七八九十]{1,2}月(?:份)?$|第[一二三四1-4]季度$"
)
_NUMBERING: Final = re.compile(r"^\s*(?:\d{1,2}\s*[.、)．）]|[①-⑳])\s*(?=\D)")
_HYSTEROSCOPY: Final = ("宫腔镜", "hysteroscop")
_NO_LABEL: Final = re.compile("号|日期|时间|医[师生]|科|date|time|number|no$|id$|doctor|physician")
_NAMES_BY_ROLE: Final = {
    role: tuple(frozenset(group.split()) for group in groups) for role, groups in _NAMES.items()
}


def detect_columns(header: Sequence[str]) -> dict[str, list[int]]:
    """Return the columns that the names in a header speak for.

    Returns
    -------
    Role to the numbers of the columns. Identifiers may have several; where another role has
    more than one, the header is ambiguous. Roles without a column are absent.
    """
    plain = [_plain(name) for name in header]
    found: dict[str, list[int]] = {}
    for role, groups in _NAMES_BY_ROLE.items():
        for group in groups:
            columns = [number for number, name in enumerate(plain) if name in group]
            if columns:
                found[role] = columns
                break
    if "label" not in found or plain[found["label"][0]] in _NAMES_BY_ROLE["label"][2]:
        columns = [number for number, name in enumerate(plain) if _names_pathology(name)]
        found.update({"label": columns} if columns else {})
    return found


def choose_columns(
    path: Path, header: Sequence[str], named: Mapping[str, str]
) -> dict[str, tuple[int, ...]]:
    """Return the columns to use: those that were named, the others as the header tells.

    Parameters
    ----------
    path
        Of the table, for errors.
    header
        Names of the columns.
    named
        Role to name of the column; more than one separated by commas. An empty name means that
        no column has this role.

    Raises
    ------
    SettingsError
        If a role is unknown.
    DataError
        If a named column does not exist, no column or more than one could be the label, or no
        column ties rows to images. It lists the columns that there are and how to name one.
    """
    found = {role: tuple(columns) for role, columns in detect_columns(header).items()}
    for role, names in named.items():
        if role not in ROLES:
            raise SettingsError("labels.unknown_role", role=role, valid=", ".join(ROLES))
        found[role] = tuple(
            _named(path, header, name) for name in re.split("[,，]", names) if name.strip()
        )
    shown = ", ".join(name for name in header if name)
    for role, columns in found.items():
        if len(columns) > 1 and role not in _SEVERAL:
            alike = {header[column] for column in columns}
            if len(alike) == 1:  # no --column could tell them apart
                raise DataError("labels.twice", path=path, column=alike.pop(), found=shown)
            several = ", ".join(header[column] for column in columns)
            raise DataError(
                "labels.ambiguous_column", path=path, role=role, columns=several, found=shown
            )
    if not found.get("label"):
        raise DataError("labels.no_label_column", path=path, found=shown)
    if not any(found.get(role) for role in KEYS):
        raise DataError("labels.no_key_column", path=path, found=shown)
    return {role: columns for role, columns in found.items() if columns}


def columns_beside(header: Sequence[str], label: int) -> list[int]:
    """Return the other columns that speak of the diagnosis, as pathology or hysteroscopy found it.

    What ultrasound or the clinic suspected before is no diagnosis to compare with. Of columns with
    one name none is returned.
    """
    plain = [_plain(name) for name in header]
    names = frozenset().union(*_NAMES_BY_ROLE["label"])
    return [
        number
        for number, name in enumerate(plain)
        if number != label
        and header.count(header[number]) == 1
        and (name in names or _names_pathology(name) or _names_hysteroscopy(name))
    ]


def holds_classes(name: str) -> bool:
    """Tell whether a column of this name holds classes, and not what a pathologist wrote."""
    return _plain(name) in _NAMES_BY_ROLE["label"][0]


def count_header_roles(header: Sequence[str], named: Mapping[str, str]) -> int:
    """Return how many roles a row of cells would fill if it were the header.

    A name that stands above several columns, as one of a merged block does, fills none: the row
    below it tells them apart.
    """
    plain = [_plain(cell) for cell in header]
    wanted = [_plain(name) for names in named.values() for name in re.split("[,，]", names)]
    found = detect_columns(header).values()
    roles = sum(any(plain.count(plain[n]) == 1 for n in columns) for columns in found)
    return roles + sum(name in plain for name in wanted if name)


def holds_results(header: Sequence[str], named: Mapping[str, str]) -> bool:
    """Tell whether a header has a column of diagnoses and one that says whose they are."""
    roles = {*detect_columns(header), *named}
    return "label" in roles and not roles.isdisjoint(KEYS)


def is_no_patient(cell: str) -> bool:
    """Tell whether a cell of a column of numbers or names begins a note, a total or a title."""
    return _NOTE.match(unicodedata.normalize("NFKC", cell).casefold()) is not None


def _named(path: Path, header: Sequence[str], name: str) -> int:
    plain = _plain(name)
    columns = [number for number, other in enumerate(header) if other.strip() == name.strip()]
    columns = columns or [number for number, other in enumerate(header) if _plain(other) == plain]
    if len(columns) != 1:
        shown = ", ".join(other for other in header if other)
        key = "labels.twice" if columns else "labels.no_such_column"
        raise DataError(key, path=path, column=name.strip(), found=shown)
    return columns[0]


def _names_pathology(name: str) -> bool:
    return any(part in name for part in _LABEL_PARTS) and not _NO_LABEL.search(name)


def _names_hysteroscopy(name: str) -> bool:
    return any(part in name for part in _HYSTEROSCOPY) and not _NO_LABEL.search(name)


def _plain(name: str) -> str:
    """Return a header without what differs from one spreadsheet to the next."""
    name = unicodedata.normalize("NFKC", _NUMBERING.sub("", name)).casefold()
    name = simplified(name)
    name = re.sub(r"\(.*?\)|\[.*?\]|【.*?】", "", name) or name
    return re.sub(r"[\W_]+", "", name)

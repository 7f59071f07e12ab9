"""Names of facilities taken apart: whose area, which core, what kind, which branch, which numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from geosvc.store.pinyin import commonest_reading

_BRACKETS = re.compile(r"[(\[【〔<《]([^)\]】〕>》]*)[)\]】〕>》]")
_SEPARATORS = re.compile(r"[\s·•.,,、。:;/|_\"'“”‘’*&+~-]+")
_DASH = re.compile(r"[-—–－_·]")
_DIGITS = "零一二三四五六七八九"
_ORDINAL = re.compile(r"[零一二三四五六七八九十百]+(?=[号村居院所站部店分楼层区连团师])|(?<=第)[零一二三四五六七八九十百]+")
_NUMBER = re.compile(r"\d+")
# The steps of an address from the front; the short form of each (without 市, 区 ...) counts too.
_STEPS = re.compile(r"([\u4e00-\u9fff]{2,7}?(?:自治区|自治州|自治县|特别行政区|省|市|新区|区|县|旗|盟))")
_NO_AREA = re.compile(r"[路街号镇乡弄]|[小社园市地院校街]区$|业区|城市|[农集]贸|保税|开发|超市|门市|夜市")
_SUFFIX = re.compile(r"(?:自治区|自治州|自治县|特别行政区|省|市|新区|区|县|旗|盟)$")
# A hospital, and what stands behind it: a department (急诊, 5号楼) or another place of it (松江分院, 临海村卫生室).
_OWNER = re.compile(r"(.{2,}(?:医院|卫生院|卫生服务中心|防治[所院]|保健[所院]|医[疗学]中心|急救中心|救护中心|预防控制中心|精神卫生中心|医疗救护站))(.+)")
_STATUS = re.compile(r"暂停营业|停业|歇业|装修中?|筹建中?|在建|试营业|营业中|新|总部|本部")
_FULL_NAME = re.compile(r".{2,}(?:医院|卫生院|卫生服务中心|卫生服务站|卫生室|诊所|门诊部|防治[所院]|保健[所院]|[\u4e00-\u9fff]院)")
_OWNER_ONLY = re.compile(r".{2,}(?:医院|卫生院|卫生服务中心)")
_STATION = re.compile(r"(?:卫生服务[站点]|卫生[室站所])$")
_CENTRE = re.compile(r"(?:卫生服务中心|医院|卫生院)$")
_LARGE = ("医院", "卫生院", "中心")
_AFFILIATION = re.compile(r"^.{0,8}?(?:大学|学院|海军|武警|解放军|部队).{0,9}?附属(?:医院)?")
_BRANCH = re.compile(
    r".{0,6}分(?:院|部|中心|站|所|店|点|诊所|门诊)|.{0,4}院区|[东西南北中新老本总][院部区]|.{0,8}店|院址|园区|.{0,8}(?:路|街|村|社区)$|"
    r".{0,8}(?:卫生服务[站点]|卫生[室站所])"
)
_DEPARTMENT = re.compile(
    r"科|急诊|急救|门诊|住院|病|发热|体检|药|挂号|费|检验|影像|放射|超声|磁|ct|mri|手术|实验|教学|教研|办公|行政|楼|层|诊|接种|透析|供应|食堂|"
    r"停车|医技|特需|预约|专家|输液|护理|研究|icu|vip|注射|质子|心理|中心|宿舍|门|出入口|国际|外宾|保健|导医|咨询|室|处|部|站|治疗|康复|\d+$"
)
# What says the kind of a facility and not which one it is.
_KIND_WORDS = (
    "社区卫生服务中心", "社区卫生服务站", "社区卫生服务点", "卫生服务中心", "卫生服务站", "卫生服务点", "中心卫生院", "街道卫生院", "卫生院", "卫生室",
    "卫生所", "卫生站", "红十字", "家庭医生", "工作站", "工作室", "医务室", "保健站", "妇幼保健院", "妇幼保健所", "综合门诊部", "门诊部", "门诊", "诊所", "医院", "医务所",
    "口腔", "齿科", "牙科", "牙防所", "牙病防治所", "中医", "中西医结合", "医疗美容", "整形", "美容", "眼科", "内科", "外科", "妇科", "儿科", "骨科",
    "皮肤科", "皮肤病", "推拿", "专科", "综合", "康复", "精神病", "精神卫生", "防治所", "防治院", "防治站", "疾病预防控制中心", "急救中心", "急救分站", "急救站", "医疗急救中心",
    "护理院", "护理站", "疗养院", "药店", "药房", "大药房", "有限公司", "有限责任公司", "连锁", "医疗", "健康", "管理", "科技", "投资", "集团", "股份",
    "服务中心", "中心", "预防接种", "接种点", "体检", "站", "点", "室", "科", "人民", "老年", "儿童", "妇产", "肿瘤", "女子", "男科", "总院", "医学院", "附属", "大学",
)
_KINDS = re.compile("|".join(sorted(map(re.escape, _KIND_WORDS), key=len, reverse=True)))
# One word for the several of one kind, so that 牙科 and 口腔, 分院 and 院区 do not make two names of one.
# All of them hold 科 or 司: most names hold neither, and need not be looked through for each.
_SAME = (("齿科", "口腔"), ("牙科", "口腔"), ("有限责任公司", ""), ("股份有限公司", ""), ("有限公司", ""), ("预防保健科", "防保科"))


@dataclass(frozen=True)
class NameParts:
    """One name taken apart.

    ``owner`` is the name of the whole facility without the areas before it and without ``part``, what
    stands behind it, behind a dash or in brackets (急诊, 松江分院, 九亭大街; "" = it is the whole).
    ``aliases`` are full names in brackets; ``core`` is what is left of the owner without words of its
    kind ("" = the name says no more than a kind); ``numbers`` are 第一, 3号, 二村, anywhere in it.
    """

    owner: str
    part: str
    aliases: tuple[str, ...]
    numbers: frozenset[str]

    @cached_property  # of most names only owner and part are asked for
    def core(self) -> str:
        """What is left of the owner without words of its kind."""
        return _KINDS.sub("", self.owner)


def _number_of(words: str) -> str:
    """Return a Chinese number below a thousand in digits."""
    total, digit = 0, 0
    for each in words:
        if each in _DIGITS:
            digit = _DIGITS.index(each)
        else:
            total += (digit or 1) * (10 if each == "十" else 100)
            digit = 0
    return str(total + digit)


def plain_name(name: str) -> str:
    """Return a name in one spelling: width, case, numbers and synonyms; brackets are kept.

    Examples
    --------
    >>> plain_name("第一人民医院") == plain_name("第１人民医院")
    True
    """
    text = unicodedata.normalize("NFKC", name).lower()
    text = _ORDINAL.sub(lambda found: _number_of(found[0]), text)
    if "科" in text or "司" in text:
        for word, instead in _SAME:
            text = text.replace(word, instead)
    return text


@lru_cache(maxsize=262144)
def parts_of(name: str, places: frozenset[str] = frozenset()) -> NameParts:
    """Return the parts of a name; the names of ``places`` before it (靖宇县, 上海市) are taken off.

    Where nothing but a kind would be left (上海市中医医院), the nearest of them stays.

    Examples
    --------
    >>> parts_of("靖宇县靖宇镇卫生院", frozenset({"靖宇县", "靖宇"})).owner
    '靖宇镇卫生院'
    >>> parts_of("曙光医院(西院)").part, parts_of("病房(上海市儿童医院)").owner
    ('西院', '上海市儿童医院')
    """
    text = plain_name(name)
    asides = [each for each in map(_joined, _BRACKETS.findall(text)) if each and not _STATUS.fullmatch(each)]
    head, *behind = _DASH.split(_BRACKETS.sub("", text))
    if len(head) < 3:  # a dash inside of a short name is part of it
        head, behind = "".join([head, *behind]), []
    owner, parts = _joined(head), [each for each in map(_joined, behind) if each]
    if asides and (not owner or (not _FULL_NAME.fullmatch(owner) and _OWNER_ONLY.fullmatch(asides[0]))):
        owner, parts, asides = asides[0], [*parts, *filter(None, [owner])], asides[1:]  # 病房(上海市儿童医院)
    aliases = tuple(_stripped(each, places) for each in asides if _FULL_NAME.fullmatch(each))
    parts += [each for each in asides if not _FULL_NAME.fullmatch(each)]
    if found := _OWNER.fullmatch(owner):
        owner, parts = found[1], [found[2], *parts]
    owner = _stripped(owner, places) or _joined(text) or text
    return NameParts(
        owner=owner, part="".join(parts), aliases=aliases,
        numbers=frozenset(_NUMBER.findall(owner + "/".join(["", *parts]))),
    )


def _joined(text: str) -> str:
    return _SEPARATORS.sub("", text)


def _stripped(text: str, places: frozenset[str]) -> str:
    """Return a name without the areas and the university before it, as long as more than a kind is left."""
    found = _AFFILIATION.match(text) if "附属" in text else None
    if found and len(text) - found.end() > 3 and _KINDS.sub("", _without_places(text[found.end():], places)):
        text = text[found.end():]
    return _without_places(text, places)


@lru_cache(maxsize=8)
def _beginnings(places: frozenset[str]) -> frozenset[str]:
    """Return the first two letters of names of places: few names of facilities begin with any of them."""
    return frozenset(each[:2] for each in places)


def _without_places(text: str, places: frozenset[str]) -> str:
    while text[:2] in _beginnings(places):
        longest = next((text[:size] for size in range(min(9, len(text) - 2), 1, -1) if text[:size] in places), None)
        if longest is None or text[len(longest)] in "镇乡街村路":  # 靖宇镇 is another place than 靖宇县
            return text
        rest = text[len(longest):]
        if not _KINDS.sub("", rest):
            return (_SUFFIX.sub("", longest) if len(longest) > 2 else longest) + rest
        text = rest
    return text


@lru_cache(maxsize=262144)
def sound_of(text: str) -> str:
    """Return how a text is read, in pinyin without tones; each character by its commonest reading.

    Examples
    --------
    >>> sound_of("靖宇镇") == sound_of("静宇镇"), sound_of("第1诊所")
    (True, 'di 1 zhen suo')
    """
    return " ".join(map(_syllable, text))


def _syllable(character: str) -> str:
    reading = commonest_reading(character)
    return character if reading is None else reading[:-1]  # without its tone


def is_station_of(owner: str, centre: str) -> bool:
    """Return whether one name is that of a station or a village clinic where the other is of a centre or a hospital.

    Examples
    --------
    >>> is_station_of("小东门街道府谷社区卫生服务站", "小东门街道社区卫生服务中心")
    True
    """
    return bool(_STATION.search(owner)) and bool(_CENTRE.search(centre))


def places_of(addresses: Iterable[str | None], areas: Iterable[str] = ()) -> frozenset[str]:
    """Return the names of provinces, cities and counties that addresses begin with, and of areas, long and short.

    Examples
    --------
    >>> sorted(places_of(["吉林省靖宇县靖宇大街1号"]))
    ['吉林', '吉林省', '靖宇', '靖宇县']
    """
    found = {plain_name(each) for each in areas}
    for address in addresses:
        if address:
            found.update(_steps_of(address))
    return _shared(frozenset(each for name in found for each in (name, _SUFFIX.sub("", name)) if len(each) > 1))


@lru_cache(maxsize=262144)  # an import asks twice: for what a row is, and for duplicates
def _steps_of(address: str) -> tuple[str, ...]:
    """Return the province, city and county that an address begins with."""
    found: list[str] = []
    rest = plain_name(address)
    while len(found) < 3 and (step := _STEPS.match(rest)) is not None and not _NO_AREA.search(step[1]):
        found.append(step[1])
        rest = rest[step.end():]
    return tuple(found)


@lru_cache(maxsize=8)
def _shared(places: frozenset[str]) -> frozenset[str]:
    """Return the set of the same names that was given out before: what is remembered of names is found by it at once."""
    return places


def kind_of_part(part: str, owner: str = "") -> str:
    """Return what stands behind the name of a facility: ``branch`` or ``department``.

    Examples
    --------
    >>> kind_of_part("松江分院"), kind_of_part("松江分院胃肠镜室"), kind_of_part("九亭大街")
    ('branch', 'department', 'branch')
    >>> kind_of_part("报告厅", "中心医院")
    'department'
    """
    if _DEPARTMENT.search(_BRANCH.sub("", part)):
        return "department"
    return "department" if owner.endswith(_LARGE) and not _BRANCH.search(part) else "branch"

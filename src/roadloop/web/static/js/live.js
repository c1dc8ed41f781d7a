// @ts-check
/** What the server tells by itself: which jobs have changed their state, and how far the running ones are. */

import { at, useLayoutEffect, useState } from "./lib.js";

/**
 * @typedef {{progress: number, eta_seconds: number | null, note: string | null,
 *   stopping?: boolean}} Moved
 */
/**
 * `again`: the stream begins anew, and what was missed is unknown; `lost`: it has ended.
 * @typedef {{what: "jobs", changed: {task_id: string, kind: string, state: string}[], many: boolean}
 *   | {what: "progress", moved: Record<string, Moved>} | {what: "again"} | {what: "lost"}} Told
 */

const SILENT = 30_000; // the server says every ten seconds that it is there
const AGAIN_AFTER = 15_000;

/** @type {Set<(told: Told) => void>} */
const listeners = new Set();
/** @type {Map<string, Moved>} */
const moved = new Map();
let open = false;

/** Whether the server tells what changes; otherwise one has to ask. */
export const isTold = () => open;

/** @param {(told: Told) => void} listener @returns {() => void} Stops it. */
export function follow(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** @param {Told} told */
function tell(told) {
  for (const listener of [...listeners]) listener(told);
}

/**
 * Listen while somebody looks: a hidden page has no stream, of which a browser allows six to a server.
 * @param {string} language @returns {() => void} Stops it.
 */
export function listen(language) {
  /** @type {EventSource | undefined} */
  let source;
  let timer = 0;
  const lose = () => {
    const had = open;
    open = false;
    if (had) tell({ what: "lost" });
  };
  const alive = () => {
    clearTimeout(timer);
    timer = window.setTimeout(start, SILENT);
  };
  const stop = () => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
    lose();
  };
  const start = () => {
    stop();
    if (document.hidden) return;
    const mine = new EventSource(at(`/v1/events?language=${language}`));
    source = mine;
    for (const event of ["ready", "jobs", "progress", "alive"]) mine.addEventListener(event, alive);
    mine.addEventListener("ready", () => {
      open = true;
      moved.clear();
      tell({ what: "again" });
    });
    mine.addEventListener("jobs", (event) => {
      const { changed, many } = JSON.parse(event.data);
      tell({ what: "jobs", changed, many });
    });
    mine.addEventListener("progress", (event) => {
      const now = JSON.parse(event.data);
      for (const [task, one] of Object.entries(now)) moved.set(task, one);
      tell({ what: "progress", moved: now });
    });
    mine.onerror = () => {
      lose();
      clearTimeout(timer);
      timer = window.setTimeout(start, AGAIN_AFTER); // a browser opens again itself what was lost, not what was refused
    };
  };
  document.addEventListener("visibilitychange", start);
  addEventListener("online", start);
  addEventListener("offline", lose);
  start();
  return () => {
    document.removeEventListener("visibilitychange", start);
    removeEventListener("online", start);
    removeEventListener("offline", lose);
    stop();
  };
}

/**
 * A running job's row with what was told of it since.
 * @template {{task_id: string, state: string}} Row
 * @param {Row} row
 * @returns {Row}
 */
export const upToDate = (row) => (row.state === "running" ? { ...row, ...moved.get(row.task_id) } : row);

/**
 * Draw again when one of these jobs moves.
 * @param {string[]} tasks
 */
export function useMoves(tasks) {
  const [, redraw] = useState(0);
  const key = tasks.join();
  useLayoutEffect(() => {
    const mine = new Set(tasks);
    return follow((told) => {
      if (told.what === "progress" && Object.keys(told.moved).some((task) => mine.has(task))) redraw((n) => n + 1);
    });
  }, [key]);
}

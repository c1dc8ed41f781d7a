// @ts-check
/** Data that keeps itself fresh while somebody looks at it. */

import { ApiError } from "./api.js";
import { useEffect, useState } from "./lib.js";
import { follow, isTold } from "./live.js";
import { language } from "./preferences.js";

const PAUSE_AFTER_FAILURE = 4000;
const UNTOLD = 3000; // between two questions where the server tells nothing
const LATE = 60_000; // and where it does: a word may be lost

/**
 * @template T
 * @typedef {{data: T | undefined, error: ApiError | undefined, reload: () => void}} Polled
 */
/**
 * When what was loaded may be old: when a job has changed its state (one, those of some kinds, or any), and, with
 * `every`, so many milliseconds after the last time when the one has got further; `within` so many in any case.
 * @typedef {{task?: string, kinds?: string[], every?: number, within?: number}} When
 */

/**
 * Load, show, and load again when it may be old; nothing happens while the page is hidden.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {unknown[]} inputs Load at once when one of them changes.
 * @param {(data: T) => number | When} [again] When to load again, or after how many milliseconds; 0 = this is final.
 * @returns {Polled<T>}
 */
export function usePoll(load, inputs, again = () => 0) {
  const [state, setState] = useState(/** @type {{data?: T, error?: ApiError}} */ ({}));
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    /** @type {When | undefined} */
    let when;
    let timer = 0;
    let due = Infinity; // of the timer
    let began = 0; // the last load
    let loading = false;
    let old = false; // it has changed while it was loaded
    /** Load in so many milliseconds, or sooner. @param {number} ms */
    const within = (ms) => {
      const at = Date.now() + ms;
      if (at >= due) return;
      clearTimeout(timer);
      due = at;
      timer = window.setTimeout(step, ms);
    };
    async function step() {
      clearTimeout(timer);
      due = Infinity;
      if (document.hidden) {
        document.addEventListener("visibilitychange", step, { once: true, signal: abort.signal });
        return;
      }
      if (loading) return;
      [loading, old, began] = [true, false, Date.now()];
      try {
        const data = await load(abort.signal);
        if (abort.signal.aborted) return;
        setState({ data });
        const next = again(data);
        when = typeof next === "number" ? undefined : next;
        if (typeof next !== "number") within(isTold() ? (next.within ?? LATE) : UNTOLD);
        else if (next > 0) within(next);
      } catch (error) {
        if (abort.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setState((now) => ({ data: now.data, error }));
        if (error.passing) within(PAUSE_AFTER_FAILURE);
      } finally {
        loading = false;
      }
      if (old && when) within(0);
    }
    const stop = follow((told) => {
      if (loading) {
        old ||= told.what === "jobs"; // whether it concerns it is not known before there is an answer
        return;
      }
      const ms = dueIn(told, when, began);
      if (ms !== undefined) within(ms);
    });
    step();
    return () => {
      stop();
      abort.abort();
      clearTimeout(timer);
    };
  }, [...inputs, language(), turn]);
  return { data: state.data, error: state.error, reload: () => setTurn((n) => n + 1) };
}

/**
 * In how many milliseconds what was told makes one load again; undefined: it does not concern it.
 * @param {import("./live.js").Told} told @param {When | undefined} when @param {number} began The last load.
 */
function dueIn(told, when, began) {
  if (!when) return undefined;
  if (told.what === "lost") return UNTOLD;
  if (told.what === "again") return Date.now() - began < UNTOLD ? undefined : 0;
  const { task, kinds, every } = when;
  if (told.what === "progress")
    return every && task && task in told.moved ? Math.max(0, began + every - Date.now()) : undefined;
  const mine =
    told.many || told.changed.some((job) => (task ? job.task_id === task : !kinds || kinds.includes(job.kind)));
  return mine ? Math.random() * 300 : undefined; // many pages hear the same word
}

const LIVE = new Set(["queued", "running"]);

/** Whether a row's job may still move by itself. @param {{state: string}} row */
export const isLive = (row) => LIVE.has(row.state);

/** Load a job's row again while it lives. @param {{task_id: string, state: string}} row @returns {number | When} */
export const whileLive = (row) => (isLive(row) ? { task: row.task_id, every: 10_000, ...mayMove([row]) } : 0);

/** Load a list again when a job of these kinds, or of any, has changed its state. @param {string[]} kinds */
export const ofKinds =
  (...kinds) =>
  (/** @type {{state: string}[]} */ rows) => ({ ...(kinds.length > 0 && { kinds }), ...mayMove(rows) });

/** Why a job waits changes without its state. @param {{state: string}[]} rows */
const mayMove = (rows) => (rows.some((row) => row.state === "queued") ? { within: 10_000 } : {});

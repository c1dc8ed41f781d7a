// @ts-check
/** Data that keeps itself fresh while somebody looks at it. */

import { ApiError } from "./api.js";
import { useEffect, useState } from "./lib.js";
import { language } from "./preferences.js";

const PAUSE_AFTER_FAILURE = 4000;

/**
 * @template T
 * @typedef {{data: T | undefined, error: ApiError | undefined, reload: () => void}} Polled
 */

/**
 * Load, show, and load again after a pause; nothing happens while the page is hidden.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {unknown[]} inputs Load at once when one of them changes.
 * @param {(data: T) => number} [pause] Milliseconds until the next load; 0 = this is final.
 * @returns {Polled<T>}
 */
export function usePoll(load, inputs, pause = () => 0) {
  const [state, setState] = useState(/** @type {{data?: T, error?: ApiError}} */ ({}));
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    /** @param {number} ms */
    const again = (ms) => {
      if (ms > 0) timer = window.setTimeout(step, ms);
    };
    async function step() {
      if (document.hidden) {
        document.addEventListener("visibilitychange", step, { once: true, signal: abort.signal });
        return;
      }
      try {
        const data = await load(abort.signal);
        if (abort.signal.aborted) return;
        setState({ data });
        again(pause(data));
      } catch (error) {
        if (abort.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setState((now) => ({ data: now.data, error }));
        again(error.passing ? PAUSE_AFTER_FAILURE : 0);
      }
    }
    step();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [...inputs, language(), turn]);
  return { data: state.data, error: state.error, reload: () => setTurn((n) => n + 1) };
}

const LIVE = new Set(["queued", "running"]);

/** Whether a row's job may still move by itself. @param {{state: string}} row */
export const isLive = (row) => LIVE.has(row.state);

/** The pause for a list: short while anything moves. @param {{data: {state: string}[]}} reply */
export const listPause = (reply) => (reply.data.some(isLive) ? 1500 : 5000);

// @ts-check
/** Hearing of what changes outside of what is drawn. */

import { useLayoutEffect, useState } from "./lib.js";

/**
 * Draw again whenever these listeners are told something: heard as soon as it is drawn, not from the next frame on, in
 * which what was told between would be missed.
 * @param {Set<() => void>} listeners
 */
export function useHeard(listeners) {
  const [, redraw] = useState(0);
  useLayoutEffect(() => {
    const listener = () => redraw((n) => n + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
}

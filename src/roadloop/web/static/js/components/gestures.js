// @ts-check
/** Hands on the viewer's stage: wheel, mouse, pen and fingers. */

import { useEffect, useRef } from "../lib.js";
import { pan, pixelAt, zoomAt } from "./view.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./view.js").Point} Point */

/**
 * @param {{current: HTMLElement | null}} box
 * @param {{view: View, pane: import("./view.js").Box, boxes: import("./view.js").Box[],
 *   picture: import("./view.js").Size, look: (view: View) => void, point: (at: Point | null) => void,
 *   swipe: number | null, setSwipe: (at: number) => void}} now
 */
export function useGestures(box, now) {
  const latest = useRef(now);
  latest.current = now;
  useEffect(() => {
    const element = /** @type {HTMLElement} */ (box.current);
    /** @type {Map<number, Point>} Where fingers, or the mouse, are pressed. */
    const pressed = new Map();
    let moved = false;
    let divider = false;
    /** @param {{clientX: number, clientY: number}} event */
    const onStage = ({ clientX, clientY }) => {
      const frame = element.getBoundingClientRect();
      return { x: clientX - frame.left, y: clientY - frame.top };
    };
    /** The same point in the pane where it is. @param {Point} point */
    const inPane = (point) => {
      const { boxes, pane } = latest.current;
      const found =
        boxes.find(({ x, y, width, height }) => {
          return point.x >= x && point.y >= y && point.x < x + width && point.y < y + height;
        }) ?? pane;
      return { x: point.x - found.x, y: point.y - found.y };
    };
    /** @param {WheelEvent} event */
    const wheel = (event) => {
      event.preventDefault();
      const { view, pane, picture, look } = latest.current;
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
      const factor = Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0016));
      look(zoomAt(view, view.zoom * factor, inPane(onStage(event)), pane, picture));
    };
    /** @param {PointerEvent} event */
    const down = (event) => {
      if (event.button !== 0 || /** @type {Element} */ (event.target).closest("button")) return;
      element.setPointerCapture(event.pointerId);
      pressed.set(event.pointerId, onStage(event));
      moved = false;
      divider = /** @type {Element} */ (event.target).closest(".divider") !== null;
    };
    /** @param {PointerEvent} event */
    const move = (event) => {
      const { view, pane, picture, look, point, setSwipe } = latest.current;
      const to = onStage(event);
      const from = pressed.get(event.pointerId);
      if (!from) return point(pixelAt(view, inPane(to), pane, picture));
      if (Math.hypot(to.x - from.x, to.y - from.y) < (moved ? 0.5 : 3)) return undefined;
      moved = true;
      if (divider) return setSwipe(Math.min(1, Math.max(0, (to.x - pane.x) / pane.width)));
      const other = [...pressed].find(([id]) => id !== event.pointerId)?.[1];
      pressed.set(event.pointerId, to);
      if (!other) return look(pan(view, { x: to.x - from.x, y: to.y - from.y }, pane, picture));
      const apart = (/** @type {Point} */ a) => Math.max(1, Math.hypot(a.x - other.x, a.y - other.y));
      const between = (/** @type {Point} */ a) => ({ x: (a.x + other.x) / 2, y: (a.y + other.y) / 2 });
      const [old, fresh] = [between(from), between(to)];
      const dragged = pan(view, { x: fresh.x - old.x, y: fresh.y - old.y }, pane, picture);
      return look(zoomAt(dragged, (view.zoom * apart(to)) / apart(from), inPane(fresh), pane, picture));
    };
    /** @param {PointerEvent} event */
    const up = (event) => {
      pressed.delete(event.pointerId);
      const { view, pane, picture, point } = latest.current;
      if (!moved && event.type === "pointerup") point(pixelAt(view, inPane(onStage(event)), pane, picture));
    };
    const leave = () => pressed.size === 0 && latest.current.point(null);
    element.addEventListener("wheel", wheel, { passive: false });
    element.addEventListener("pointerdown", down);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
    element.addEventListener("pointercancel", up);
    element.addEventListener("pointerleave", leave);
    return undefined; // they go with the element
  }, []);
}

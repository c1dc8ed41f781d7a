// @ts-check
/** Curves: one line over steps or epochs, the value under the pointer beside its name. */

import { mark } from "../i18n.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";
import { theme } from "../preferences.js";

/**
 * `color` names a token.
 * @typedef {{name: string, color: string, values: (number | null)[], dash?: number[]}} Curve
 */

/** @typedef {import("../../vendor/uplot-1.6.32.js").default} uPlot */

/** @type {typeof import("../../vendor/uplot-1.6.32.js").default | undefined} */
let Plot; // a third of the page's weight: it comes where there are curves

/**
 * @param {{x: number[], curves: Curve[], xName: string, range?: [number, number], height?: number,
 *   label: string, version?: unknown, together?: string}} props
 *   `range` fixes the y axis; another `version` draws the same curves with other values; charts with the same
 *   `together` have one pointer.
 */
export function Chart({ x, curves, xName, range, height = 220, label, version, together }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const [ready, setReady] = useState(Plot !== undefined);
  useEffect(() => {
    if (!ready) load().then(() => setReady(true));
  }, [ready]);
  const shape = JSON.stringify([curves.map((curve) => [curve.name, curve.color]), xName, range, height, theme()]);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !Plot) return undefined;
    const made = new Plot(
      options(element.clientWidth, height, curves, xName, range, together),
      [x, ...curves.map((c) => c.values)],
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height });
    });
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, ready]);
  useLayoutEffect(
    () => plot.current?.setData([x, ...curves.map((curve) => curve.values)]),
    [x.length, x.at(-1), shape, ready, version],
  );
  return html`<div
    class="chart"
    ref=${box}
    role="img"
    aria-label=${label}
    style=${{ minHeight: `${height}px` }}
  ></div>`;
}

async function load() {
  Plot = (await import("../../vendor/uplot-1.6.32.js")).default;
}

/** @param {any} _plot @param {number[]} values @param {any} _axis @param {any} _space @param {number} step */
const marks = (_plot, values, _axis, _space, step) => values.map((value) => mark(value, step));

/** @param {string} name */
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/**
 * @param {number} width @param {number} height @param {Curve[]} curves @param {string} xName
 * @param {[number, number] | undefined} range @param {string | undefined} together
 */
function options(width, height, curves, xName, range, together) {
  const axis = {
    stroke: token("text-3"),
    font: `11px ${token("font")}`,
    grid: { stroke: token("line"), width: 1 },
    ticks: { stroke: token("line"), width: 1, size: 4 },
  };
  return {
    width,
    height,
    cursor: {
      y: false,
      points: { size: 6 },
      ...(together && { sync: { key: together, scales: /** @type {[string, null]} */ (["x", null]) } }),
    },
    scales: { x: { time: false }, y: range ? { range } : {} },
    axes: [
      { ...axis, size: 30, incrs: WHOLE },
      { ...axis, size: 46, values: marks },
    ],
    series: [
      { label: xName },
      ...curves.map((curve) => ({
        label: curve.name,
        stroke: token(curve.color),
        width: 1.75,
        dash: curve.dash,
        spanGaps: true,
        points: { show: curve.values.length < 40, size: 5 },
        value: (
          /** @type {any} */ u,
          /** @type {number | null} */ v,
          /** @type {number} */ n,
          /** @type {any} */ i,
        ) => {
          const known = v ?? latest(u.data[n], i);
          return known == null ? "–" : known.toFixed(4);
        },
      })),
    ],
  };
}

/** The last point of a curve at or before a place of the pointer, where another curve has one. @param {any} values
 * @param {number | null} i */
function latest(values, i) {
  if (i == null) return null;
  while (i >= 0 && values[i] == null) i--;
  return values[i] ?? null;
}

/** Distances of x ticks: steps and epochs are whole numbers. */
const WHOLE = [1, 2, 5]
  .flatMap((first) => Array.from({ length: 8 }, (_, power) => first * 10 ** power))
  .sort((a, b) => a - b);

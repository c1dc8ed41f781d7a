// @ts-check
/** Several trainings side by side: curves on one axis, smoothed; where their recipes differ. Pure. */

import { same } from "./settings.js";

/** @typedef {{x: number[], values: (number | null)[]}} Line */

/**
 * Curves on the union of their places; null where one has no point.
 * @param {Line[]} lines @returns {{x: number[], values: (number | null)[][]}}
 */
export function aligned(lines) {
  const x = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  const values = lines.map((line) => {
    const known = new Map(line.x.map((at, i) => [at, line.values[i]]));
    return x.map((at) => known.get(at) ?? null);
  });
  return { x, values };
}

/**
 * The running mean of a curve, without the pull to zero of its beginning (as Adam corrects it).
 * @param {(number | null)[]} values @param {number} share 0..1, of what was before; 0 = as it is.
 */
export function smoothed(values, share) {
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = share * mean + (1 - share) * value;
    weight = share * weight + (1 - share);
    return mean / weight;
  });
}

/**
 * The keys of several records and their values.
 * @param {Record<string, any>[]} records @param {boolean} all Also those that are the same everywhere.
 * @returns {{key: string, values: any[], differs: boolean}[]}
 */
export function differences(records, all = false) {
  const keys = [...new Set(records.flatMap((record) => Object.keys(record)))];
  return keys
    .map((key) => {
      const values = records.map((record) => record[key]);
      return { key, values, differs: values.some((value) => !same(value, values[0])) };
    })
    .filter((row) => all || row.differs);
}

/**
 * Where the largest of some scores stand, as they are written (three digits); nowhere when all are the same.
 * @param {(number | null | undefined)[]} of
 */
export function best(of) {
  const known = of.flatMap((value) => (value == null ? [] : [Number(value.toFixed(3))]));
  const most = Math.max(...known);
  return of.map((value) => value != null && Number(value.toFixed(3)) === most && Math.min(...known) < most);
}

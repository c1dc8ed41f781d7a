// @ts-check
/** A label map while it is edited: the train id of each raw class as typed, what was before, and what was undone. */

export const IGNORE = 255;
const MOST_STEPS = 200; // that can be undone

/** @typedef {import("./drafts.js").TrainIds} TrainIds */
/** @typedef {{now: TrainIds, past: TrainIds[], future: TrainIds[]}} Edited */
/** @typedef {Record<string, [string, string, string]>} Maps  Raw id -> train id, English name, Chinese name. */

/** @param {Maps} maps @returns {TrainIds} */
export const trainIds = (maps) =>
  Object.fromEntries(Object.entries(maps).map(([raw, [train]]) => [raw, Number(train) === IGNORE ? "" : train]));

/** A train id as typed; empty = ignored. @param {string | undefined} text */
export const number = (text) => (text === undefined || text.trim() === "" ? IGNORE : Number(text));

/** @param {Maps} maps @returns {Edited} */
export const fresh = (maps) => ({ now: trainIds(maps), past: [], future: [] });

/** Give raw classes a train id. @param {TrainIds} ids @param {(number | string)[]} raws @param {number} train */
export const given = (ids, raws, train) => ({
  ...ids,
  ...Object.fromEntries(raws.map((raw) => [raw, train === IGNORE ? "" : String(train)])),
});

/** @param {Edited} edited @param {TrainIds} next @returns {Edited} */
export const changed = (edited, next) =>
  JSON.stringify(next) === JSON.stringify(edited.now)
    ? edited
    : { now: next, past: [...edited.past, edited.now].slice(-MOST_STEPS), future: [] };

/** @param {Edited} edited @returns {Edited} */
export const undone = ({ now, past, future }) =>
  past.length === 0
    ? { now, past, future }
    : { now: past[past.length - 1], past: past.slice(0, -1), future: [now, ...future] };

/** @param {Edited} edited @returns {Edited} */
export const redone = ({ now, past, future }) =>
  future.length === 0 ? { now, past, future } : { now: future[0], past: [...past, now], future: future.slice(1) };

/** The raw classes whose train id is another one than is stored. @param {TrainIds} ids @param {Maps} maps */
export function different(ids, maps) {
  const before = trainIds(maps);
  return Object.keys(before).filter((raw) => number(ids[raw]) !== number(before[raw]));
}

/** The first train id that nothing has. @param {TrainIds} ids */
export function free(ids) {
  const used = new Set(Object.values(ids).map(number));
  let train = 0;
  while (used.has(train)) train++;
  return train;
}

/**
 * Pixels and pictures of each train id.
 * @param {TrainIds} ids @param {{raw_id: number}[]} classes
 * @param {(raw: number) => {share: number, pictures: number}} pixels
 * @returns {Map<number, {members: any[], share: number, pictures: number}>}
 */
export function grouped(ids, classes, pixels) {
  /** @type {Map<number, {members: any[], share: number, pictures: number}>} */
  const groups = new Map();
  for (const one of classes) {
    const train = number(ids[one.raw_id]);
    const { share, pictures } = pixels(one.raw_id);
    const group = groups.get(train) ?? { members: [], share: 0, pictures: 0 };
    groups.set(train, {
      members: [...group.members, one],
      share: group.share + share,
      pictures: Math.max(group.pictures, pictures),
    });
  }
  return groups;
}

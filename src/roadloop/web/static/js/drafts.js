// @ts-check
/** What is typed for a training task and not saved yet: kept over tabs, places and reloads of this window. */

import { useHeard } from "./heard.js";

/**
 * `train_con` and `data_con` are edits by key, as typed; `text` their JSON while somebody writes it; `map` the train id
 * of each raw class, as typed, with what was before and what was undone.
 * @typedef {Record<string, string>} TrainIds
 * @typedef {{train_con: Record<string, any>, data_con: Record<string, any>, text: Record<string, string>, gpus: string,
 *   map: {now: TrainIds, past: TrainIds[], future: TrainIds[]} | null}} Draft
 */

/** @returns {Draft} */
export const nothing = () => ({ train_con: {}, data_con: {}, text: {}, gpus: "", map: null });

/** @type {Map<string, Draft>} */
const drafts = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {string} task */
const place = (task) => `roadloop.draft.${task}`;

/** @param {string} task @returns {Draft} */
export function draftOf(task) {
  let draft = drafts.get(task);
  if (!draft) {
    draft = { ...nothing(), ...kept(task) };
    drafts.set(task, draft);
  }
  return draft;
}

/** @param {string} task @returns {Partial<Draft>} */
function kept(task) {
  try {
    return JSON.parse(sessionStorage.getItem(place(task)) ?? "{}");
  } catch {
    return {}; // storage is switched off, or holds something else
  }
}

/** @param {string} task @param {Partial<Draft>} part */
export function changeDraft(task, part) {
  const draft = { ...draftOf(task), ...part };
  drafts.set(task, draft);
  try {
    sessionStorage.setItem(place(task), JSON.stringify(draft));
  } catch {
    // then it lasts as long as the page
  }
  listeners.forEach((listener) => listener());
}

/** @param {string} task */
export function dropDraft(task) {
  changeDraft(task, nothing());
  try {
    sessionStorage.removeItem(place(task));
  } catch {
    // nothing was kept
  }
}

/** Whether something was typed for a task and not saved. @param {string} task */
export function unsavedOf(task) {
  const { train_con, data_con, text, map } = draftOf(task);
  return map !== null || [train_con, data_con, text].some((edits) => Object.keys(edits).length > 0);
}

/** The draft of a task; whoever shows it is drawn again when it changes. @param {string} task @returns {Draft} */
export function useDraft(task) {
  useHeard(listeners);
  return draftOf(task);
}

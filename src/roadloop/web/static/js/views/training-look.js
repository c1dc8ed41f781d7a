// @ts-check
/** A task's settings as the server sees them with what is typed: asked again shortly after each edit. */

import { get, query } from "../api.js";
import { changeDraft, nothing, useDraft } from "../drafts.js";
import { mayCall } from "../me.js";
import { usePoll } from "../poll.js";
import { changes, flaw, many, WHERE } from "../settings.js";

const PAUSE = 250; // after the last edit, ms

/**
 * @typedef {import("../settings.js").SettingField} SettingField
 * @typedef {import("../settings.js").Where} Where
 * @typedef {{open: boolean, groups: {name: string, title: string}[], fields: SettingField[],
 *   saved: Record<Where, any>, train_con: any, data_con: any, errors: {where: string, key: string, message: string}[],
 *   warnings: string[], beside: Record<string, string>, outlook: any}} Look
 * @typedef {{task: string, look: Look, weights: string[], draft: import("../drafts.js").Draft,
 *   changed: Record<Where, Record<string, any>>, unsaved: number, broken: Where[],
 *   set: (field: SettingField, value: any) => void, valueOf: (field: SettingField) => any,
 *   isChanged: (field: SettingField) => boolean, errorOf: (where: string, key: string) => string | undefined,
 *   reload: () => void}} Settings
 */

/** @param {AbortSignal} signal */
const pause = (signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, PAUSE);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });

/**
 * @param {any} row @param {boolean} wanted Whether they are shown.
 * @returns {{settings: Settings | undefined, error: any, retry: () => void}}
 */
export function useSettings(row, wanted) {
  const task = row.task_id;
  const typed = useDraft(task);
  const draft = row.state === "created" ? typed : nothing(); // it may have been started elsewhere
  const sent = { train_con: draft.train_con, data_con: draft.data_con, gpus: draft.gpus };
  const { data, error, reload } = usePoll(
    async (signal) => {
      if (!wanted) return undefined;
      if (asked.has(task)) await pause(signal);
      const known = asked.get(task);
      const edits = known ? changes(known.fields, known.saved, draft) : sent;
      const reply = await query(`/v1/tasks/${task}/settings`, { ...edits, gpus: draft.gpus }, signal);
      const look = { ...reply.data, open: reply.data.open && mayCall("/train_config") };
      asked.set(task, look);
      return /** @type {Look} */ (look);
    },
    [task, row.state === "created", row.category_num, wanted, JSON.stringify(sent)],
  );
  const open = wanted && row.state === "created";
  const weights = usePoll(
    (signal) => (open ? get("/weights", { task_id: task }, signal) : Promise.resolve(undefined)),
    [task, open],
  );
  if (!data) return { settings: undefined, error, retry: reload };
  const changed = changes(data.fields, data.saved, draft);
  return {
    settings: {
      task,
      look: data,
      weights: weights.data?.data ?? [],
      draft,
      changed,
      unsaved: many(changed),
      broken: WHERE.filter((where) => flaw(draft.text[where]) !== undefined),
      set: ({ where, key }, value) => {
        const { [where]: _old, ...text } = draft.text;
        changeDraft(task, { [where]: { ...draft[where], [key]: value }, text });
      },
      valueOf: ({ where, key }) => (key in draft[where] ? draft[where][key] : data[where][key]),
      isChanged: ({ where, key }) => key in changed[where],
      errorOf: (where, key) => data.errors.find((one) => one.key === key && one.where === where)?.message,
      reload,
    },
    error: undefined,
    retry: reload,
  };
}

/** The newest look of each task: what the keys are does not change while one types. @type {Map<string, Look>} */
const asked = new Map();

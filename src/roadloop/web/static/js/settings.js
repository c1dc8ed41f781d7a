// @ts-check
/** Settings of a training: between what is typed, what is sent, and JSON. What the keys are, the server says. */

/**
 * A key, as `/v1/tasks/{task_id}/settings` describes it.
 * @typedef {"train_con" | "data_con"} Where
 * @typedef {{where: Where, key: string, name: string, group: string, kind: string, values: string, choices: string[],
 *   nullable: boolean, decided: boolean, default: any, origin: string, meaning: string}} SettingField
 * @typedef {Record<Where, Record<string, any>>} Configs
 */

/** @type {Where[]} */
export const WHERE = ["train_con", "data_con"];

/** What a field shows for a value. @param {SettingField} field @param {any} value */
export function written(field, value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (field.kind === "pairs" || field.kind === "object") return JSON.stringify(value);
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** What the server is told; what cannot be read stays text, and the server says why. @param {SettingField} field
 * @param {any} value As typed. */
export function typed(field, value) {
  if (typeof value !== "string") return value;
  const text = value.trim();
  if (text === "" && field.nullable) return null;
  switch (field.kind) {
    case "integer":
    case "number":
      return numeric(text) ?? value;
    case "numbers": {
      const parts = listed(text).map(numeric);
      return parts.includes(undefined) ? value : parts;
    }
    case "texts":
      return listed(text);
    case "pairs":
    case "object":
      return parsed(text) ?? (text === "" ? (field.kind === "pairs" ? [] : {}) : value);
    case "truth":
      return text === "true" ? true : text === "false" ? false : value;
    default:
      return text;
  }
}

/** @param {string} text */
const listed = (text) =>
  text
    .split(/[,，;；\s]+/)
    .map((part) => part.trim())
    .filter(Boolean);

/** @param {string} text */
const numeric = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : undefined);

/** A JSON object or list; undefined where the text is none. @param {string} text @returns {any} */
export function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @param {any} a @param {any} b */
export const same = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

/** @param {any} value @returns {any} */
const sorted = (value) =>
  value && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(
        Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, item]) => [key, sorted(item)]),
      )
    : value;

/**
 * What a draft changes of what is stored.
 * @param {SettingField[]} fields @param {Configs} saved @param {Configs} draft @returns {Configs}
 */
export function changes(fields, saved, draft) {
  const known = new Map(fields.map((field) => [`${field.where}.${field.key}`, field]));
  /** @param {Where} where */
  const of = (where) =>
    Object.fromEntries(
      Object.entries(draft[where])
        .map(([key, value]) => {
          const field = known.get(`${where}.${key}`);
          return [key, field ? typed(field, value) : value];
        })
        .filter(([key, value]) => !(key in saved[where]) || !same(value, saved[where][key])),
    );
  return { train_con: of("train_con"), data_con: of("data_con") };
}

/** How many keys. @param {Configs} of */
export const many = (of) => WHERE.reduce((sum, where) => sum + Object.keys(of[where]).length, 0);

/** One line for each key. @param {Record<string, any>} value */
export const pretty = (value) =>
  `{\n${Object.entries(value)
    .map(([key, item]) => `  ${JSON.stringify(key)}: ${JSON.stringify(item)}`)
    .join(",\n")}\n}`;

/**
 * The edits that a JSON object is; a key that it leaves out takes its default.
 * @param {Record<string, any>} object @param {SettingField[]} fields Of the same configuration.
 * @param {Record<string, any>} saved
 */
export function edits(object, fields, saved) {
  const left = fields.filter((field) => !(field.key in object) && !field.decided);
  const all = [...Object.entries(object), ...left.map((field) => [field.key, field.default])];
  return Object.fromEntries(all.filter(([key, value]) => !(key in saved) || !same(value, saved[key])));
}

/**
 * Why a text is no JSON object; undefined where it is one.
 * @param {string | undefined} text @returns {string | undefined}
 */
export function flaw(text) {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" && !Array.isArray(value) ? undefined : "{…}?";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

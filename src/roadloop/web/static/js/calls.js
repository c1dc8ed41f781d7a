// @ts-check
/** The calls behind what is shown, as one would write them in a shell or in Python. */

/** @typedef {{method: string, path: string, values: Record<string, any>}} Call */

const MOST = 30;
/** Names that Python takes as they are: no word of its own, such as `import`. */
const NAMED = /^(?!(and|as|class|def|del|for|from|if|import|in|is|not|or|pass|try|with)$)[a-z_]\w*$/i;

/** @type {Map<string, Call>} */
const made = new Map();

/**
 * Remember a call of the present page.
 * @param {string} method @param {string} path @param {Record<string, any>} values
 */
export function noteCall(method, path, values) {
  const key = JSON.stringify([method, path, values]);
  made.delete(key);
  made.set(key, { method, path, values });
  if (made.size > MOST) made.delete(made.keys().next().value ?? "");
}

/** Another page begins. */
export const forgetCalls = () => made.clear();

/** The calls of the present page, in their order. */
export const callsMade = () => [...made.values()];

/** @param {Call} call @param {string} server Such as http://127.0.0.1:8600. */
export function asCurl({ method, path, values }, server) {
  if (method === "GET") {
    const given = Object.entries(values).map(([name, value]) => ` --data-urlencode ${quoted(`${name}=${value}`)}`);
    return `curl ${given.length ? "-G " : ""}${quoted(server + path)}${given.join("")}`;
  }
  return `curl ${quoted(server + path)} -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(values))}`;
}

/** The same with roadloop.client. @param {Call} call */
export function asPython({ method, path, values }) {
  const given = Object.entries(values).map(([name, value]) =>
    NAMED.test(name) ? `, ${name}=${literal(value)}` : `, **{${literal(name)}: ${literal(value)}}`,
  );
  return `client.${method === "GET" ? "get" : "post"}(${literal(path)}${given.join("")})`;
}

/** For a POSIX shell. @param {string} text */
const quoted = (text) => (/^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** As Python writes it. @param {any} value @returns {string} */
function literal(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([name, of]) => `${literal(name)}: ${literal(of)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}

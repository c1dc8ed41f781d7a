// @ts-check
/** JSON schemas in words: types on one line, objects as a list of their fields. */

import { t } from "../i18n.js";
import { html } from "../lib.js";
import { Code, said } from "./prose.js";

const DEEPEST = 4;

/** The schema behind a `$ref`. @param {any} schema @param {any} api @returns {any} */
export function resolve(schema, api) {
  const name = schema.$ref?.split("/").at(-1);
  return name ? resolve(api.components?.schemas?.[name] ?? {}, api) : schema;
}

/** @param {any} raw @param {any} api @returns {string} */
export function typeOf(raw, api) {
  const schema = resolve(raw, api);
  if (schema.enum) return schema.enum.map((/** @type {unknown} */ value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.map((/** @type {any} */ part) => typeOf(part, api)).join(" | ");
  if (schema.type === "array") return `${schema.items ? typeOf(schema.items, api) : ""}[]`;
  return `${schema.type ?? t("任意", "any")}${limits(schema)}`;
}

/** @param {any} schema */
function limits(schema) {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  if (low === undefined && (high === undefined || high > 1e12)) return "";
  return ` ${low ?? ""}…${high === undefined || high > 1e12 ? "" : high}`;
}

/** The objects that a schema may hold, with the way to each. @param {any} raw @param {any} api @returns {any[]} */
function objectsIn(raw, api) {
  const schema = resolve(raw, api);
  if (schema.properties) return [schema];
  if (schema.items) return objectsIn(schema.items, api);
  return (schema.anyOf ?? schema.oneOf ?? []).flatMap((/** @type {any} */ part) => objectsIn(part, api));
}

/** @param {{schema: any, api: any, depth?: number}} props */
export function Fields({ schema, api, depth = 0 }) {
  const [first] = objectsIn(schema, api);
  if (!first || depth >= DEEPEST) return null;
  const example = resolve(schema, api).example;
  return html`
    <ul class="fields">
      ${Object.entries(first.properties).map(
        ([name, field]) => html`
          <li>
            <code>
              ${name}
            </code> <span class="type">
              ${typeOf(field, api)}
            </span> <span class="quiet">
              <${Code} text=${said(field, "description")} />
            </span>
            <${Fields} schema=${field} api=${api} depth=${depth + 1} />
          </li>
        `,
      )}
    </ul>
    ${example && html`<pre class="quiet">${JSON.stringify(example, null, 1)}</pre>`}
  `;
}

// @ts-check
/** One setting of a training: its value, default and where that comes from, its meaning, its consequence, its error. */

import { t } from "../i18n.js";
import { html } from "../lib.js";
import { written } from "../settings.js";
import { Code } from "./prose.js";

/** @typedef {import("../settings.js").SettingField} SettingField */

const OBVIOUS = new Set(["choice", "truth", "text"]); // kinds whose field shows what it can be

/**
 * @param {{field: SettingField, settings: import("../views/training-look.js").Settings, open: boolean}} props
 */
export function Setting({ field, settings, open }) {
  const { where, key } = field;
  const error = settings.errorOf(where, key);
  const changed = settings.isChanged(field);
  const beside = settings.look.beside[key];
  const fixed = !open || field.decided || settings.broken.includes(where);
  return html`
    <div class=${`setting ${error ? "wrong" : ""} ${changed ? "changed" : ""}`} data-key=${key}>
      <label class="field">
        <span class="label">
          ${field.name} <code class="small faint">${key}</code>
          ${changed && html`<span class="dot" title=${t("未保存", "not saved")}>●</span>`}
        </span>
        ${fixed ? html`<span class="static-value wrap">${shown(field, settings)}</span>` : entry(field, settings)}
      </label>
      ${error && html`<span class="hint bad" role="alert">✕ ${error}</span>`}
      ${beside && html`<span class="hint leads">${beside}</span>`}
      <span class="hint"><${Code} text=${field.meaning} /></span>
      <span class="hint faint">
        ${!field.decided && !OBVIOUS.has(field.kind) && `${field.values} · `}
        ${t("默认", "default")}${" "}
        <span class="mono">${written(field, field.default) || "–"}</span> · ${field.origin}
        ${
          changed &&
          open &&
          html`
            · <button type="button" class="as-link"
              onClick=${() => settings.set(field, settings.look.saved[where][key])}>
              ${t("改回已保存的值", "back to the saved value")}
            </button>
          `
        }
      </span>
    </div>
  `;
}

/** @param {SettingField} field @param {import("../views/training-look.js").Settings} settings */
const shown = (field, settings) => written(field, settings.valueOf(field)) || "–";

/** @param {SettingField} field @param {import("../views/training-look.js").Settings} settings */
function entry(field, settings) {
  const value = settings.valueOf(field);
  const set = (/** @type {any} */ e) => settings.set(field, e.target.value);
  const options = optionsOf(field, settings, value);
  if (options)
    return html`
      <select name=${field.key} value=${String(value)} onChange=${set}>
        ${options.map(([one, words]) => html`<option value=${one} selected=${one === String(value)}>${words}</option>`)}
      </select>
    `;
  const digits = ["integer", "number"].includes(field.kind);
  return html`
    <input name=${field.key} value=${written(field, value)} autocomplete="off" spellcheck="false"
      inputmode=${digits ? "decimal" : "text"} class=${digits ? "" : "mono"}
      placeholder=${field.nullable ? t("空 = 默认", "empty = default") : ""} onInput=${set} />
  `;
}

/**
 * @param {SettingField} field @param {import("../views/training-look.js").Settings} settings @param {any} value
 * @returns {[string, any][] | undefined}
 */
function optionsOf(field, settings, value) {
  if (field.kind === "choice") return field.choices.map((one) => [one, one]);
  if (field.kind === "truth")
    return [
      ["true", t("是 true", "yes, true")],
      ["false", t("否 false", "no, false")],
    ];
  if (field.key !== "weights") return undefined;
  const known = settings.weights.includes(value) || !value ? settings.weights : [String(value), ...settings.weights];
  return [
    ["", t("不指定", "none named")],
    ...known.map((/** @type {string} */ one) => /** @type {[string, string]} */ ([one, one])),
  ];
}

// @ts-check
/** Forms: every field says its default; an error stands at the field that it names, else above the button. */

import { ApiError } from "../api.js";
import { html, useState } from "../lib.js";
import { t } from "../i18n.js";

/**
 * @template {Record<string, any>} V
 * @typedef {{values: V, set: (name: keyof V & string, value: any) => void, error: ApiError | undefined, busy: boolean,
 *   submit: (event: Event) => void, errorOf: (name: string) => string | undefined}} Form
 */

/**
 * The state of a form.
 * @template {Record<string, any>} V
 * @param {V} first What it shows at first.
 * @param {(values: V) => Promise<unknown>} send Does what the form is for.
 * @returns {Form<V>}
 */
export function useForm(first, send) {
  const [values, setValues] = useState(first);
  const [error, setError] = useState(/** @type {ApiError | undefined} */ (undefined));
  const [busy, setBusy] = useState(false);
  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await send(values);
    } catch (caught) {
      if (!(caught instanceof ApiError)) throw caught;
      setError(caught);
    } finally {
      setBusy(false);
    }
  }
  return {
    values,
    set: (name, value) => setValues((now) => ({ ...now, [name]: value })),
    error,
    busy,
    submit,
    errorOf: (name) => (error?.details.parameter === name ? error.message : undefined),
  };
}

/**
 * A labelled field around any input.
 * @param {{label: any, hint?: any, error?: string, wide?: boolean, children?: any}} props
 */
const Field = ({ label, hint, error, wide, children }) => html`
  <label class=${`field ${wide ? "wide" : ""} ${error ? "wrong" : ""}`}>
    <span class="label">${label}</span>
    ${children}
    ${
      error
        ? html`<span class="hint bad" role="alert">✕ ${error}</span>`
        : hint && html`<span class="hint">${hint}</span>`
    }
  </label>
`;

/**
 * A field for text or a number.
 * @param {{form: Form<any>, name: string, label: any, hint?: any, type?: string, step?: string, min?: string,
 *   required?: boolean, placeholder?: string, wide?: boolean, list?: (string | [string, string])[],
 *   complete?: string}} props
 *   `list`: what may be meant, alone or with what it is called. `complete`: what a store of passwords calls it.
 */
export const Input = ({ form, name, label, hint, type = "text", wide, list, complete = "off", ...rest }) => html`
  <${Field} label=${label} hint=${hint} error=${form.errorOf(name)} wide=${wide}>
    <input
      ...${rest}
      name=${name}
      type=${type}
      value=${form.values[name]}
      list=${list ? `list-${name}` : undefined}
      autocomplete=${complete}
      onInput=${(/** @type {any} */ e) => form.set(name, e.target.value)}
    />
    ${
      list &&
      html`
        <datalist id=${`list-${name}`}>
          ${list.map((one) =>
            typeof one === "string" ? html`<option value=${one} />` : html`<option value=${one[0]}>${one[1]}</option>`,
          )}
        </datalist>
      `
    }
  <//>
`;

/**
 * A field with a list to choose from.
 * @param {{form: Form<any>, name: string, label: any, options: [string, any][], hint?: any, wide?: boolean,
 *   required?: boolean}} props
 */
export const Select = ({ form, name, label, options, hint, wide, required }) => html`
  <${Field} label=${label} hint=${hint} error=${form.errorOf(name)} wide=${wide}>
    <select name=${name} value=${form.values[name]} required=${required}
      onChange=${(/** @type {any} */ e) => form.set(name, e.target.value)}>
      ${options.map(
        ([value, words]) => html`<option value=${value} selected=${value === form.values[name]}>${words}</option>`,
      )}
    </select>
  <//>
`;

/** @param {{form: Form<any>, name: string, label: any, hint?: any}} props */
export const Check = ({ form, name, label, hint }) => html`
  <label class="check">
    <input
      name=${name}
      type="checkbox"
      checked=${form.values[name]}
      onChange=${(/** @type {any} */ e) => form.set(name, e.target.checked)}
    />
    <span>${label}${hint && html`<span class="hint">${hint}</span>`}</span>
  </label>
`;

/**
 * The form itself; its button says what will happen.
 * @param {{form: Form<any>, fields: string[], go: any, disabled?: boolean, cancel?: string, children?: any}} props
 */
export function FormBox({ form, fields, go, disabled, cancel, children }) {
  const placed = form.error && fields.includes(form.error.details.parameter);
  return html`
    <form class="form" onSubmit=${form.submit}>
      ${children}
      ${
        form.error &&
        !placed &&
        html`
          <div class="failure" role="alert">
            <span class="mark">✕</span>
            <span class="wrap">${form.error.message}</span>
          </div>
        `
      }
      <div class="row form-end">
        <button class="button primary" disabled=${form.busy || disabled}>
          ${form.busy ? t("正在提交…", "Sending…") : go}
        </button>
        ${cancel && html`<a class="button" href=${cancel}>${t("取消", "Cancel")}</a>`}
      </div>
    </form>
  `;
}

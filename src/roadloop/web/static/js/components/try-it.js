// @ts-check
/** Send a request from the reference and see the answer. */

import { act, ApiError, get } from "../api.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { useMe } from "../me.js";

/** @param {{right: string, method: string, path: string, parameters: any[]}} props */
export function TryIt({ right, method, path, parameters }) {
  const me = useMe();
  const [values, setValues] = useState(/** @type {Record<string, string>} */ ({}));
  const [answer, setAnswer] = useState(/** @type {{text: string, bad: boolean} | undefined} */ (undefined));
  const [busy, setBusy] = useState(false);
  const fields = parameters.filter((p, i) => parameters.findIndex((q) => q.name === p.name) === i);
  /** @param {Event} event */
  async function send(event) {
    event.preventDefault();
    setBusy(true);
    const url = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name] ?? ""));
    const rest = Object.fromEntries(
      Object.entries(values).filter(([name, value]) => value !== "" && !path.includes(`{${name}}`)),
    );
    try {
      const reply = await (method === "get" ? get(url, rest) : act(url, rest));
      setAnswer({ text: JSON.stringify(reply, null, 2), bad: false });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setAnswer({
        text: `${error.status} ${error.code}\n${error.message}\n${JSON.stringify(error.details, null, 2)}`,
        bad: true,
      });
    }
    setBusy(false);
  }
  if (me && !me.rights.includes(right)) {
    return html`
      <section class="try">
        <h3>${t("试一试", "Try it")}</h3>
        <p class="quiet">
          ${
            me.accounts && !me.name
              ? t("登录之后才能试。", "Log in to try it.")
              : t("你的角色没有这项权限。", "Your role has not the right to do this.")
          }
        </p>
      </section>
    `;
  }
  return html`
    <section class="try">
      <h3>${t("试一试", "Try it")}</h3>
      <form class="form" onSubmit=${send}>
        ${fields.map(
          (p) => html`
            <label class="field">
              <span class="label mono">${p.name}${p.required && html`<span class="required"> *</span>`}</span>
              <input name=${p.name} value=${values[p.name] ?? ""} autocomplete="off"
                placeholder=${p.schema.default === undefined ? "" : JSON.stringify(p.schema.default)}
                onInput=${(/** @type {any} */ e) => setValues((now) => ({ ...now, [p.name]: e.target.value }))} />
            </label>
          `,
        )}
        <div class="row form-end">
          <button class="button primary" disabled=${busy}>${t("发送", "Send")} ${method.toUpperCase()}</button>
          ${
            method === "post" &&
            html`<span class="small faint">${t("会真的执行。", "This is carried out for real.")}</span>`
          }
        </div>
      </form>
      ${answer && html`<pre class=${answer.bad ? "bad" : ""} role="status">${answer.text.slice(0, 20_000)}</pre>`}
    </section>
  `;
}

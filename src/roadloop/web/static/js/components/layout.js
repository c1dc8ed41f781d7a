// @ts-check
/** What pages are put together from: heads, panels, facts, tabs, and how absence and failure look. */

import { ago, t } from "../i18n.js";
import { html, useState } from "../lib.js";

/**
 * The head of a page.
 * @param {{title: any, sub?: any, chip?: any, actions?: any}} props
 */
export const Head = ({ title, sub, chip, actions }) => html`
  <header class="head">
    <div class="titles">
      <div class="row"><h1>${title}</h1>${chip}</div>
      ${sub && html`<p class="sub wrap">${sub}</p>`}
    </div>
    ${actions && html`<div class="actions">${actions}</div>`}
  </header>
`;

/** @param {{title?: any, aside?: any, flush?: boolean, class?: string, children?: any}} props */
export const Panel = ({ title, aside, flush, class: more = "", children }) => html`
  <section class=${`panel ${flush ? "flush" : ""} ${more}`}>
    ${
      title &&
      html`<div class="panel-head"><h2>${title}</h2>${aside && html`<div class="row aside">${aside}</div>`}</div>`
    }
    ${children}
  </section>
`;

/** Pairs of a name and a value; those without a value are left out. @param {{of: [any, any][]}} props */
export const Facts = ({ of }) => html`
  <dl class="facts">
    ${of
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => html`<div><dt>${name}</dt><dd class="wrap">${value}</dd></div>`)}
  </dl>
`;

/**
 * Of the tabs that there are now, the one that an address asks for, else the first.
 * @param {string | undefined} asked @param {string[]} names
 */
export const oneOf = (asked, names) => (asked !== undefined && names.includes(asked) ? asked : names[0]);

/**
 * Tabs; `of` is what the address calls the choice.
 * @param {{tabs: [string, any][], now: string, choose: (name: string) => void, of?: string}} props
 */
export const Tabs = ({ tabs, now, choose, of = "tab" }) => html`
  <div class="tabs" role="tablist" data-of=${of}>
    ${tabs.map(
      ([name, label]) => html`
        <button type="button" role="tab" data-tab=${name} aria-selected=${String(name === now)}
          onClick=${() => choose(name)}>
          ${label}
        </button>
      `,
    )}
  </div>
`;

/** An empty place says how to fill it. @param {{children?: any}} props */
export const Empty = ({ children }) => html`<div class="empty">${children}</div>`;

export const Loading = () => html`<div class="empty faint" aria-busy="true">${t("正在读取…", "Loading…")}</div>`;

/** A failure as the server explained it. @param {{error: {message: string} | undefined, retry?: () => void}} props */
export const Failure = ({ error, retry }) =>
  error &&
  html`
    <div class="failure" role="alert">
      <span class="mark" aria-hidden="true">✕</span>
      <span class="grow wrap">${error.message}</span>
      ${retry && html`<button type="button" class="button" onClick=${retry}>${t("重试", "Try again")}</button>`}
    </div>
  `;

/**
 * Why a page about one thing has nothing to show: there is no such thing, or the server could not say.
 * @param {{error: import("../api.js").ApiError, retry: () => void, id: string, none: string, all: string,
 *   list: string}} props
 */
export const Absent = ({ error, retry, id, none, all, list }) =>
  error.code !== "not_found"
    ? html`<${Failure} error=${error} retry=${retry} />`
    : html`
      <${Head} title=${none} />
      <${Panel}>
        <div class="empty" role="alert">
          <p>
            ${t("地址中的编号在这里不存在：", "The address names something that is not here: ")}
            <code>${id}</code>
            ${t("。可能抄错了，或属于另一个工作区。", ". It may be mistyped, or belong to another workspace.")}
          </p>
          <p><a class="link" href=${list}>${all} →</a></p>
        </div>
      <//>
    `;

/** What the caller should know, without being stopped. @param {{texts: string[]}} props */
export const Warnings = ({ texts }) =>
  texts.length > 0 &&
  html`
    <ul class="warnings">
      ${texts.map(
        (text) => html`<li><span class="mark" aria-hidden="true">⚠</span><span class="wrap">${text}</span></li>`,
      )}
    </ul>
  `;

/** A moment: how long ago, the exact time on hover. @param {{at: string | null}} props */
export const Time = ({ at }) =>
  at ? html`<time class="nowrap" title=${at}>${ago(at)}</time>` : html`<span class="faint">–</span>`;

/**
 * A button that asks once more before it does something that ends work.
 * @param {{label: any, sure: any, run: () => Promise<unknown>, class?: string}} props
 */
export function ConfirmButton({ label, sure, run, class: more = "" }) {
  const [step, setStep] = useState("rest");
  const [error, setError] = useState(/** @type {any} */ (undefined));
  /** @param {Event} event */
  async function click(event) {
    event.stopPropagation();
    if (step === "rest") return setStep("asking");
    setStep("busy");
    setError(undefined);
    await run().catch(setError);
    return setStep("rest");
  }
  return html`
    <span class="confirm">
      <button
        type="button"
        class=${`button ${step === "asking" ? "danger" : ""} ${more}`}
        disabled=${step === "busy"}
        onClick=${click}
        onBlur=${() => setStep((now) => (now === "asking" ? "rest" : now))}
      >
        ${step === "rest" ? label : step === "asking" ? sure : "…"}
      </button>
      ${error && html`<span class="bad small" role="alert">${error.message}</span>`}
    </span>
  `;
}

// @ts-check
/** The keys of the page, and the calls behind what it shows. */

import { asCurl, asPython, callsMade } from "../calls.js";
import { t } from "../i18n.js";
import { BASE, html, useState } from "../lib.js";
import { Over } from "./over.js";
import { viewerKeys } from "./viewer.js";

/** The server's address, for programs. */
const SERVER = (location.origin + BASE).replace(/\/$/, "");

/** @type {() => [string, [string, any][]][]} */
const keys = () => [
  [
    t("到处", "Everywhere"),
    [
      ["Ctrl K", t("搜索一切有名称的东西", "search everything that has a name")],
      ["?", t("这些按键", "these keys")],
      ["Esc", t("关闭", "close")],
    ],
  ],
  [
    t("看图", "Pictures"),
    [["← →", t("上一张、下一张", "previous, next")], ["w", t("下一张最差的", "next worst")], ...viewerKeys()],
  ],
];

/** @param {{close: () => void}} props */
export const Keys = ({ close }) => html`
  <${Over} title=${t("按键", "Keys")} close=${close}>
    ${keys().map(
      ([where, list]) => html`
        <h3>${where}</h3>
        <dl class="key-list">
          ${list.map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}
        </dl>
      `,
    )}
  <//>
`;

/** @param {{close: () => void}} props */
export function Calls({ close }) {
  const [python, setPython] = useState(false);
  const calls = callsMade();
  const write = (/** @type {import("../calls.js").Call} */ call) => (python ? asPython(call) : asCurl(call, SERVER));
  return html`
    <${Over} title=${t("本页背后的调用", "The calls behind this page")} close=${close} class="calls">
      <div class="segmented" role="group" aria-label=${t("写法", "Written for")}>
        <button type="button" aria-pressed=${String(!python)} onClick=${() => setPython(false)}>curl</button>
        <button type="button" aria-pressed=${String(python)} onClick=${() => setPython(true)}>Python</button>
      </div>
      ${python && html`<pre>${`from roadloop.client import Client\n\nclient = Client("${SERVER}")`}</pre>`}
      <ul>
        ${calls.map((call) => html`<li><${Call} text=${write(call)} /></li>`)}
      </ul>
      <p class="small quiet">
        ${t("每个接口的说明见", "Every endpoint is described in the")}${" "}
        <a class="link" href="/docs">${t("接口文档", "API reference")} →</a>
      </p>
    <//>
  `;
}

/** @param {{text: string}} props */
function Call({ text }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(text).then(() => setCopied(true));
  return html`
    <div class="row call">
      <code class="grow wrap">${text}</code>
      ${
        navigator.clipboard &&
        html`
          <button type="button" class="button small-button" onClick=${copy}>
            ${copied ? t("已复制", "copied") : t("复制", "Copy")}
          </button>
        `
      }
    </div>
  `;
}

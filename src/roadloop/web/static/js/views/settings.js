// @ts-check
/** The settings of the server: every one with its value, where that comes from, and how it is changed. */

import { get } from "../api.js";
import { Failure, Head, Loading, Panel } from "../components/layout.js";
import { Code } from "../components/prose.js";
import { Table } from "../components/table.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { Notices } from "./settings-notices.js";

/**
 * A row of `/v1/settings`.
 * @typedef {{name: string, variable: string, option: string | null, group: string, value: string, usual: string,
 *   origin: "default" | "environment" | "option", secret: boolean, meaning: string}} Setting
 */

export function SettingsPage() {
  const { data, error, reload } = usePoll((signal) => get("/v1/settings", {}, signal), []);
  const [sought, seek] = useState("");
  const [changed, only] = useState(false);
  return html`
    <${Head} title=${t("设置", "Settings")}
      sub=${t(
        "roadloop 在哪里运行、可以用多少。启动时读取，这里只能看。",
        "Where roadloop runs and how much it may use. They are read as the server starts; here they are only shown.",
      )} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`
          <div class="stack">
            <${Panel} title=${t("怎样修改", "How to change one")}><${How} /><//>
            <${Notices} />
            <div class="row">
              <input class="sought" type="search" value=${sought} aria-label=${t("查找设置", "Find a setting")}
                placeholder=${t("查找设置：名称或说明", "Find a setting: name or meaning")}
                onInput=${(/** @type {any} */ e) => seek(e.target.value)} />
              <label class="check">
                <input type="checkbox" name="changed" checked=${changed}
                  onChange=${(/** @type {any} */ e) => only(e.target.checked)} />
                <span>${t("只看改过的", "Only those that were set")}</span>
              </label>
            </div>
            <${Groups} groups=${data.groups} rows=${data.data.filter(
              (/** @type {Setting} */ row) => holds(row, sought) && (!changed || row.origin !== "default"),
            )} />
          </div>
        `
    }
  `;
}

/** @param {Setting} row @param {string} sought */
const holds = (row, sought) =>
  `${row.variable} ${row.name} ${row.meaning}`.toLowerCase().includes(sought.trim().toLowerCase());

const How = () => html`
  <p>
    ${t(
      "给变量赋值，再重新启动 roadloop serve；正在运行的任务不受影响。列表写成 JSON。命令行选项优先于变量。例如：",
      "Set its variable and start roadloop serve again; running jobs go on. Lists are written as JSON. An option of " +
        "the command line wins over the variable. For example:",
    )}
  </p>
  <pre class="code">ROADLOOP_TRAINING_SLOTS=2 ROADLOOP_ROOTS='["/data:ro"]' roadloop serve</pre>
  <p class="quiet">
    ${t(
      "决定结果的（批大小、学习率等）不在这里：它们属于每个训练任务。令牌和密码从不显示。",
      "What decides a result, such as batch size and learning rate, is not here: it belongs to each training task. " +
        "Tokens and passwords are never shown.",
    )}
  </p>
`;

/** @param {{groups: {name: string, title: string}[], rows: Setting[]}} props */
const Groups = ({ groups, rows }) =>
  rows.length === 0
    ? html`<${Panel}><div class="empty">${t("没有符合的设置。", "No setting is like that.")}</div><//>`
    : groups.map(({ name, title }) => {
        const mine = rows.filter((row) => row.group === name);
        return (
          mine.length > 0 &&
          html`
            <${Panel} key=${name} title=${title} class="server-settings" flush>
              <${Table} rows=${mine} columns=${columns()} />
            <//>
          `
        );
      });

const columns = () => [
  {
    head: t("设置", "Setting"),
    cell: (/** @type {Setting} */ row) => html`
      <div><${Code} text=${row.meaning} /></div>
      <code class="small faint wrap">
        ${row.variable}${row.option && html` · ${row.option}`}
      </code>
    `,
    class: "text",
  },
  { head: t("值", "Value"), cell: (/** @type {Setting} */ row) => html`<${Value} row=${row} />`, class: "text" },
  {
    head: t("来自", "From"),
    cell: (/** @type {Setting} */ row) => html`
      <div class="nowrap">${originOf(row)}</div>
      ${
        row.origin !== "default" &&
        html`
          <div class="small faint wrap">${t("默认", "default")} <span class="mono">${row.usual || "–"}</span></div>
        `
      }
    `,
  },
];

/** @param {{row: Setting}} props */
const Value = ({ row }) =>
  row.secret
    ? row.value
      ? t("已设置（不显示）", "set (not shown)")
      : t("没有设置", "not set")
    : html`<span class="mono wrap">${row.value && row.value !== "[]" ? row.value : "–"}</span>`;

/** @param {Setting} row */
const originOf = ({ origin, option }) =>
  ({
    default: t("默认", "the default"),
    environment: t("环境变量", "the environment"),
    option: option ? t(`命令行 ${option}`, `option ${option}`) : t("启动程序", "whoever started it"),
  })[origin];

// @ts-check
/** Selection: what was drawn or mined from drives, newest first. */

import { query } from "../api.js";
import { Failure, Head, Loading, Panel, Time } from "../components/layout.js";
import { JobState } from "../components/state.js";
import { Table } from "../components/table.js";
import { count, many, t } from "../i18n.js";
import { html } from "../lib.js";
import { ofKinds, usePoll } from "../poll.js";
import { to } from "../router.js";

const NEWEST = 100;

export function SelectionList() {
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all(["/auto_sele", "/auto_sam"].map((path) => query(path, { page: 1, page_size: NEWEST }, signal))).then(
        ([mined, drawn]) => ({
          rows: [...mined.data, ...drawn.data]
            .sort((a, b) => b.created_at.localeCompare(a.created_at))
            .slice(0, NEWEST),
          total: mined.total + drawn.total,
        }),
      ),
    [],
    (found) => ofKinds("sample", "select")(found.rows),
  );
  return html`
    <${Head} title=${t("挑图", "Selection")}
      sub=${t(
        "从采集轨迹中挑出最值得标注的图片，每张都附理由；随后切成任务包。",
        "Chooses from drives the pictures that are most worth labelling, each with its reason; then they are cut.",
      )}
      actions=${html`<a class="button primary" href=${to("selection", "new")}>${t("挑图", "Choose pictures")}</a>`} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`
          <${Panel} flush>
            <${Table} rows=${data.rows} columns=${columns()}
              address=${(/** @type {any} */ row) => to("selection", row.task_id)}
              empty=${html`
                ${t("还没有挑过图。", "Nothing was chosen yet.")}${" "}
                <a class="link" href=${to("selection", "new")}>
                  ${t("从轨迹中挑图", "Choose pictures from drives")} →
                </a>
              `} />
          <//>
          ${
            data.total > data.rows.length &&
            html`
              <p class="quiet small">
                ${t(
                  `最新 ${count(data.rows.length)} 次，共 ${count(data.total)} 次；更早的在“任务”中。`,
                  `The newest ${count(data.rows.length)} of ${count(data.total)}; earlier ones are among the jobs.`,
                )}
              </p>
            `
          }
        `
    }
  `;
}

const columns = () => [
  {
    head: t("输出", "Output"),
    cell: (/** @type {any} */ row) => html`<span class="wrap">${row.output_dir}</span>`,
    class: "name-col",
  },
  {
    head: t("方式", "How"),
    class: "nowrap",
    cell: (/** @type {any} */ row) =>
      row.points > 0
        ? t(`${count(row.points)} 个列出的轨迹点`, many(row.points, "listed point"))
        : row.task_type === "sele"
          ? t("按模型的不确定度", "by uncertainty")
          : row.isshuffle
            ? t("随机", "at random")
            : t("等距", "evenly"),
  },
  { head: t("模型", "Model"), cell: (/** @type {any} */ row) => row.weights_dir || "–", class: "text" },
  { head: t("要求", "Asked for"), num: true, cell: (/** @type {any} */ row) => row.sele_ratio },
  { head: t("图片", "Pictures"), num: true, cell: (/** @type {any} */ row) => count(row.summary?.pictures) },
  { head: t("状态", "State"), cell: (/** @type {any} */ row) => html`<${JobState} job=${row} />` },
  { head: t("创建", "Created"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.created_at} />` },
];

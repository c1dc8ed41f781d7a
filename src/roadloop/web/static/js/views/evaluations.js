// @ts-check
/** Evaluations: the list, and one of them with its viewer, report and log. */

import { get, query } from "../api.js";
import { shortModel } from "../components/classes.js";
import { DeleteButton } from "../components/delete.js";
import { Absent, Facts, Failure, Head, Loading, Panel, Tabs, Time, Warnings, oneOf } from "../components/layout.js";
import { Listing } from "../components/listing.js";
import { Log } from "../components/log.js";
import { JobState, StateChip, StopButton } from "../components/state.js";
import { count, many, score, t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { isLive, usePoll, whileLive } from "../poll.js";
import { setQuery, to } from "../router.js";
import { Confidence } from "./evaluation-confidence.js";
import { Confusion } from "./evaluation-confusion.js";
import { Report } from "./evaluation-report.js";
import { EvaluationViewer } from "./evaluation-viewer.js";

export { EvaluationNew } from "./evaluation-new.js";

/** @typedef {any} Row  A row of /eva_rate. */

/** The models of an evaluation in words. @param {Row} row */
const modelsOf = (row) =>
  Object.entries(row.model).flatMap(([source, files]) =>
    files.map((/** @type {string} */ file) => shortModel(`${source}/${file.replace(/\.params$/, "")}`)),
  );

/** @param {{route: import("../router.js").Route}} props */
export const EvaluationList = ({ route }) => html`
    <${Head} title=${t("评估", "Evaluation")}
      sub=${t(
        "用一个或多个模型预测图片；有标注时给出成绩。",
        "Predict pictures with one or more models; with labels there are scores.",
      )}
      actions=${html`
        <a class="button primary" href=${to("evaluation", "new")}>${t("开始评估", "New evaluation")}</a>
      `} />
    <${Listing} path="/eva_rate" method="post" query=${route.query} kinds=${["evaluate"]} columns=${columns}
      address=${(/** @type {Row} */ r) => to("evaluation", r.task_id)} empty=${none()}
      search=${t("搜索模型、图片、输出目录", "Search models, pictures, output folders")} />
  `;

const none = () => html`
  ${t("还没有评估。", "No evaluations yet.")}
  ${" "}<a class="link" href=${to("evaluation", "new")}>${t("评估训练得到的模型", "Evaluate a trained model")} →</a>
`;

/** Each model's mIoU, the best one marked. @param {any[]} models */
const scores = (models) =>
  models.map(
    ({ miou }) => html`
      <div>
        ${
          models.length > 1 &&
          miou != null &&
          miou === Math.max(...models.map((m) => m.miou ?? 0)) &&
          html`<span class="better" role="img" aria-label=${t("最好", "best")}>✓</span>${" "}`
        }${score(miou)}
      </div>
    `,
  );

/** @param {() => void} reload */
const columns = (reload) => [
  {
    head: t("模型", "Models"),
    cell: (/** @type {Row} */ r) => modelsOf(r).map((name) => html`<div>${name}</div>`),
    class: "name-col",
  },
  { head: t("图片", "Pictures"), cell: (/** @type {Row} */ r) => r.sour_dir, class: "text", sort: "sour_dir" },
  { head: t("状态", "State"), cell: (/** @type {Row} */ r) => html`<${JobState} job=${r} />` },
  {
    head: "mIoU",
    num: true,
    cell: (/** @type {Row} */ r) => scores(r.report ?? []),
  },
  {
    head: t("张数", "Count"),
    num: true,
    cell: (/** @type {Row} */ r) => count(r.total_img),
    sort: "total_img",
  },
  { head: t("创建", "Created"), cell: (/** @type {Row} */ r) => html`<${Time} at=${r.created_at} />`, sort: "created" },
  { head: "", class: "actions", cell: (/** @type {Row} */ r) => html`<${StopButton} job=${r} done=${reload} />` },
];

/** @param {{route: import("../router.js").Route}} props */
export function EvaluationPage({ route }) {
  const task = route.path[1];
  const { data, error, reload } = usePoll(
    (signal) => query("/eva_rate", { task_id: task }, signal),
    [task],
    (reply) => whileLive(reply.data),
  );
  if (!data)
    return error
      ? html`
        <${Absent} error=${error} retry=${reload} id=${task} none=${t("没有这个评估", "There is no such evaluation")}
          all=${t("查看全部评估", "See all evaluations")} list=${to("evaluation")} />
      `
      : html`<${Loading} />`;
  const row = data.data;
  const names = modelsOf(row);
  const done = row.state === "succeeded";
  learnName(task, names.length === 1 ? names[0] : t(`${names.length} 个模型`, many(names.length, "model")));
  return html`
    <${Head} title=${names.join(" · ")} chip=${done && html`<${StateChip} state=${row.state} />`} sub=${row.sour_dir}
      actions=${html`
        <${StopButton} job=${row} done=${reload} />${done && html`<${ReleaseLink} row=${row} />`}
        <${DeleteButton} thing=${{ kind: "evaluation", name: task }} back=${to("evaluation")} />
      `} />
    ${
      done
        ? html`<${Finished} row=${row} route=${route} />`
        : html`
          <div class="stack">
            <${Panel}><${JobState} job=${row} wide /><//>
            <${Panel} title=${t("日志", "Log")} flush><${Log} task=${task} live=${isLive(row)} /><//>
          </div>
        `
    }
  `;
}

/** Releases its best model, quoting this evaluation. @param {{row: Row}} props */
function ReleaseLink({ row }) {
  const known = (row.report ?? []).filter(
    (/** @type {any} */ one) => one.miou != null && one.file.endsWith(".params"), // engines are not released
  );
  if (known.length === 0) return null;
  const best = known.reduce((/** @type {any} */ a, /** @type {any} */ b) => (b.miou > a.miou ? b : a));
  const wanted = new URLSearchParams({ model: `${best.source}/${best.file}`, evaluation: row.task_id });
  return html`
    <a class="button" href=${`${to("release", "new")}?${wanted}`}>
      ${known.length === 1 ? t("发布这个模型", "Release this model") : t("发布最好的模型", "Release the best model")}
    </a>
  `;
}

/** @param {{row: Row, route: import("../router.js").Route}} props */
function Finished({ row, route }) {
  const task = row.task_id;
  const { data, error, reload } = usePoll((signal) => get(`/v1/evaluations/${task}/report`, {}, signal), [task]);
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const report = data.data;
  const labelled = report.models.some((/** @type {any} */ m) => m.labelled_pictures > 0);
  const tab = oneOf(route.query.tab, ["pictures", ...(labelled ? ["report", "confusion"] : []), "confidence", "about"]);
  return html`
    <${Warnings} texts=${row.warnings} />
    <${Tabs}
      now=${tab}
      choose=${(/** @type {string} */ name) => setQuery({ tab: name })}
      tabs=${[
        ["pictures", t("看图", "Pictures")],
        ...(labelled
          ? [
              ["report", t("成绩", "Report")],
              ["confusion", t("混淆与最差图片", "Confusion and worst pictures")],
            ]
          : []),
        ["confidence", t("置信度", "Confidence")],
        ["about", t("说明与日志", "About and log")],
      ]}
    />
    ${tab === "pictures" && html`<${EvaluationViewer} task=${task} report=${report} query=${route.query} />`}
    ${tab === "report" && html`<${Report} task=${task} report=${report} />`}
    ${tab === "confusion" && html`<${Confusion} task=${task} report=${report} query=${route.query} />`}
    ${tab === "confidence" && html`<${Confidence} task=${task} report=${report} />`}
    ${
      tab === "about" &&
      html`
        <div class="stack">
          <${Panel}><${Facts} of=${facts(row, report)} /><//>
          <${Panel} title=${t("日志", "Log")} flush><${Log} task=${task} live=${false} /><//>
        </div>
      `
    }
  `;
}

/** @param {Row} row @param {any} report @returns {[any, any][]} */
const facts = (row, report) => [
  [t("图片", "Pictures"), `${count(report.total_img)}`],
  [
    t("排除的文件", "Files left out"),
    row.bad_lines ? t(`${row.bad_lines}（见 bad_pictures.csv）`, `${row.bad_lines} (see bad_pictures.csv)`) : "0",
  ],
  [
    t("没有标注的图片", "Pictures without a label"),
    report.unlabelled == null
      ? "–"
      : t(`${count(report.unlabelled)}（只预测，不计入成绩）`, `${count(report.unlabelled)} (predicted, not scored)`),
  ],
  [
    t("类别对应", "Classes mapped"),
    Object.entries(row.mapping)
      .map(([own, other]) => `${own} → ${other}`)
      .join(", ") || "–",
  ],
  [t("范围", "Part"), row.type === "remote" ? t("下半幅", "bottom half") : t("全幅", "whole picture")],
  [t("输出目录", "Output folder"), html`<span class="mono">${row.dest_dir}</span>`],
  [t("设备", "Devices"), row.gpus || "CPU"],
  [t("批大小", "Batch"), String(row.single_gpu)],
  [
    t("尺寸", "Sizes"),
    Object.entries(report.sizes)
      .slice(0, 4)
      .map(([size, n]) => `${size} (${n})`)
      .join(", "),
  ],
  [t("完成", "Finished"), row.finished_at],
  [t("任务编号", "Task id"), html`<span class="mono">${row.task_id}</span>`],
];

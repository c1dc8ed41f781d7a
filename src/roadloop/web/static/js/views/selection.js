// @ts-check
/** What a selection was asked for and what it took: numbers, contact sheets, pictures with their reasons, packages. */

import { get, query } from "../api.js";
import { className } from "../components/classes.js";
import { Facts, Failure, Loading, Panel } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, score, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

/** Kinds of jobs that are selections, and the endpoint with what was asked for. @type {Record<string, string>} */
export const SELECTIONS = { sample: "/auto_sam", select: "/auto_sele" };

const PAGE = 20;

/** @type {Record<string, () => string>} */
const ARMS = {
  random: () => t("随机抽取", "Random"),
  mined: () => t("挑出", "Mined"),
  control: () => t("随机对照组", "Random control arm"),
};

/** @param {{job: any}} props */
export function Selection({ job }) {
  const done = job.state === "succeeded";
  const { data, error, reload } = usePoll(
    (signal) => query(SELECTIONS[job.kind], { task_id: job.task_id }, signal),
    [job.task_id, job.state],
  );
  const row = data?.data;
  if (!row) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  return html`
    <${Panel} title=${t("要求", "Asked for")}><${Facts} of=${asked(row)} /><//>
    ${done && html`<${Result} row=${row} />`}
  `;
}

/** @param {any} row @returns {[any, any][]} */
const asked = (row) => [
  [t("数量或比例", "Number or share"), row.sele_ratio],
  [t("轨迹列表", "List of tracks"), row.track_file],
  [t("采集任务", "Survey tasks"), row.task_file],
  [t("模型", "Model"), row.weights_dir],
  [
    t("抽取方式", "Drawn"),
    row.task_type === "sam"
      ? row.isshuffle
        ? t("随机", "at random")
        : t("沿轨迹等距", "evenly along each track")
      : "",
  ],
  [t("输出目录", "Output folder"), html`<span class="mono">${row.output_dir}</span>`],
];

/** @param {{row: any}} props */
function Result({ row }) {
  const base = `/v1/selections/${row.task_id}`;
  const { data, error, reload } = usePoll((signal) => get(`${base}/report`, {}, signal), [base]);
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const report = data.data;
  const arms = report.task_type === "sam" ? ["random"] : ["mined", ...(report.summary.control > 0 ? ["control"] : [])];
  return html`
    <${Panel} title=${t("结果", "Result")} class="selection"
      aside=${html`
        <a class="button" href=${`${base}/table`} download>${t("下载 selection.csv", "Download selection.csv")}</a>
      `}>
      <${Facts} of=${numbers(report)} />
    <//>
    <${Packages} version=${/^images\/([^/]+)\/?$/.exec(row.output_dir)?.[1]} />
    <${Pictures} base=${base} scored=${report.task_type !== "sam"} />
    <${Panel} title=${t("缩略图", "Contact sheets")}>
      <div class="stack">${arms.map((arm) => html`<${Sheet} key=${arm} base=${base} arm=${arm} />`)}</div>
    <//>
  `;
}

/** @param {any} report @returns {[any, any][]} */
function numbers(report) {
  const { summary, scores, ruled_out: ruled, left_out: left, classes, classes_from: from } = report;
  const some = (/** @type {number | undefined} */ n) => (n ? count(n) : "");
  return [
    [
      report.task_type === "sam" ? t("图片", "Pictures") : t("挑出的图片", "Pictures mined"),
      html`<b>${count(summary.pictures)}</b>`,
    ],
    [t("随机对照组", "Random control arm"), some(summary.control)],
    [t("来自轨迹", "From tracks"), count(summary.tracks)],
    [t("候选图片", "Candidates"), some(summary.candidates)],
    [t("挑选批数", "Picked in parts"), some(report.parts)],
    [t("与已标注图片近似", "Like labelled pictures"), some(summary.labelled_already)],
    [t("离已选图片太近", "Too close to a picture taken"), some(ruled?.gap)],
    [t("与已选图片近似", "Near-duplicates of pictures taken"), some(ruled?.near_duplicate)],
    [t("未能使用", "Could not be used"), leftOut(left)],
    [
      t("列表行数", "Lines of the list"),
      summary.bad_lines
        ? t(
            `${count(summary.lines)}，另有 ${count(summary.bad_lines)} 行无效`,
            `${count(summary.lines)}, and ${count(summary.bad_lines)} that are no ids`,
          )
        : count(summary.lines),
    ],
    [
      t("不确定度：中位 / 前 10 % / 最高", "Uncertainty: median / top 10 % / highest"),
      scores?.p50 == null ? "" : `${score(scores.p50)} / ${score(scores.p90)} / ${score(scores.p100)}`,
    ],
    [t("模型文件", "Model file"), report.model && html`<span class="mono">${report.model.path}</span>`],
    [
      t("针对的类别", "Classes looked for"),
      classes &&
        html`
          ${classes
            .map((/** @type {any} */ c) => (c.iou == null ? className(c) : `${className(c)} (IoU ${score(c.iou)})`))
            .join(t("、", ", "))}${from && html`<div class="small faint">${t(from[0], from[1])}</div>`}
        `,
    ],
  ];
}

/** @param {Record<string, number>} left */
function leftOut(left) {
  const parts = [
    left.tracks && t(`${count(left.tracks)} 条轨迹`, `${count(left.tracks)} tracks`),
    left.pictures && t(`${count(left.pictures)} 张图片`, `${count(left.pictures)} pictures`),
    left.files && t(`${count(left.files)} 个文件`, `${count(left.files)} files`),
  ].filter(Boolean);
  return parts.length ? t(`${parts.join("，")}（见 left_out.csv）`, `${parts.join(", ")} (see left_out.csv)`) : "";
}

/** The packages that this selection was cut into, or how to cut it. @param {{version: string | undefined}} props */
function Packages({ version }) {
  const { data } = usePoll(
    (signal) => (version ? query("/divide_history", { q: version }, signal) : Promise.resolve({ data: [] })),
    [version],
  );
  const mine = (data?.data ?? []).filter((/** @type {any} */ row) => row.version === version);
  return html`
    <${Panel} title=${t("任务包", "Packages")}>
      ${
        mine.length > 0
          ? html`
            <ul>
              ${mine.map(
                (/** @type {any} */ row) =>
                  html`<li><a class="link" href=${to("jobs", row.task_id)}>${packagesOf(row)}</a></li>`,
              )}
            </ul>
          `
          : html`<p class="quiet">${
              version
                ? t("还没有切成任务包：", "Not cut into packages yet: ")
                : t(
                    "要切成任务包交给标注员，请把 output_dir 设为 images/<版本>，然后用 ",
                    "To cut it into packages for annotators, choose images/<version> as output_dir, then use ",
                  )
            }
          <a class="link" href="/docs#task_divide">
            /task_divide
          </a>${version && html` <code>version=${version}</code>`}</p>`
      }
    <//>
  `;
}

/** @param {any} row */
const packagesOf = (row) =>
  row.packages == null
    ? t(`正在切分 ${row.version}`, `${row.version} is being cut`)
    : t(
        `任务包 ${row.first}–${row.last}，共 ${count(row.pictures)} 张`,
        `Packages ${row.first}–${row.last}, ${count(row.pictures)} pictures`,
      );

/** @param {{base: string, scored: boolean}} props */
function Pictures({ base, scored }) {
  const [page, setPage] = useState(1);
  const { data, error, reload } = usePoll(
    (signal) => get(`${base}/pictures`, { page, page_size: PAGE }, signal),
    [base, page],
  );
  const last = Math.ceil((data?.total ?? 0) / PAGE);
  return html`
    <${Panel} title=${t("图片与理由", "Pictures and reasons")} flush
      aside=${
        last > 1 &&
        html`
          <button type="button" class="button small-button" disabled=${page <= 1} onClick=${() => setPage(page - 1)}>
            ‹ ${t("上一页", "Previous")}
          </button>
          <span class="quiet small">${page} / ${last}</span>
          <button type="button" class="button small-button" disabled=${page >= last} onClick=${() => setPage(page + 1)}>
            ${t("下一页", "Next")} ›
          </button>
        `
      }>
      <${Failure} error=${error} retry=${reload} />
      ${!data ? !error && html`<${Loading} />` : html`<${Table} rows=${data.data} columns=${columns(scored)} />`}
    <//>
  `;
}

/** @param {boolean} scored */
const columns = (scored) => [
  {
    head: t("图片", "Picture"),
    cell: (/** @type {any} */ p) => html`<span class="mono">${p.file}</span>`,
    class: "name-col",
  },
  { head: t("轨迹", "Track"), cell: (/** @type {any} */ p) => p.track },
  ...(scored
    ? [{ head: t("组", "Arm"), cell: (/** @type {any} */ p) => ARMS[p.arm]?.() ?? p.arm, class: "nowrap" }]
    : []),
  { head: t("名次", "Rank"), num: true, cell: (/** @type {any} */ p) => count(p.rank) },
  ...(scored
    ? [{ head: t("不确定度", "Uncertainty"), num: true, cell: (/** @type {any} */ p) => score(p.score) }]
    : []),
  { head: t("理由", "Reason"), cell: (/** @type {any} */ p) => html`<span class="wrap">${p.reason}</span>` },
];

/** @param {{base: string, arm: string}} props */
function Sheet({ base, arm }) {
  const [lost, setLost] = useState(false);
  return html`
    <figure>
      <figcaption class="small">${ARMS[arm]()}</figcaption>
      ${
        lost
          ? html`<p class="quiet">${t("没有缩略图。", "There is no contact sheet.")}</p>`
          : html`<img class="sheet" src=${`${base}/sheet/${arm}`} alt=${ARMS[arm]()} onError=${() => setLost(true)} />`
      }
    </figure>
  `;
}

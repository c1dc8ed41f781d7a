// @ts-check
/** What a finished job made, for kinds that have no page of their own: numbers, where it lies, files to fetch. */

import { count, many, t } from "../i18n.js";
import { html } from "../lib.js";
import { to } from "../router.js";
import { ClassesMatched, PreviewPairs, outcomes } from "./imported.js";
import { Facts, Panel } from "./layout.js";
import { measuredOn, releasedMiou } from "./released.js";

/** @param {string} text */
const mono = (text) => html`<span class="mono">${text}</span>`;

/** A number that is only worth a word where it is not 0. @param {number | null | undefined} n */
const some = (n) => (n ? count(n) : "");

/** @param {string} url @param {string} label */
const file = (url, label) => html`<a class="button" href=${url} download>${label}</a>`;

const HEALTH_LISTS = ["problems.csv", "coverage.csv", "duplicates.csv", "leaks.csv", "leaking_tracks.csv"];

/** @typedef {{facts: [any, any][], files?: any, picture?: string, more?: any}} Shown */

/** Kind of job -> what is shown of its result. @type {Record<string, (result: any, task: string) => Shown>} */
const RESULTS = {
  offimport: (r, task) => ({
    facts: [
      [t("图片", "Pictures"), html`<b>${count(r.pictures)}</b>`],
      [t("布局", "Layout"), r.layout],
      [t("类别表", "Class table"), r.table],
      ...outcomes(r),
    ],
    files: file(`/v1/imports/${task}/report`, t("下载逐个文件的报告", "Download the report, file by file")),
    more: html`<${ClassesMatched} classes=${r.classes} />`,
  }),
  import_preview: (r, task) => ({
    facts: [
      [t("可导入的图片", "Pictures that can be imported"), html`<b>${count(r.pictures)}</b>`],
      [t("布局", "Layout"), t(`${r.layout}：${r.signs[0]}`, `${r.layout}: ${r.signs[1]}`)],
      [
        t("类别表", "Class table"),
        r.table_file
          ? t(`${r.table}（数据自带 ${r.table_file}）`, `${r.table} (beside the data: ${r.table_file})`)
          : r.table,
      ],
      ...r.rules.map((/** @type {any} */ rule) => [
        t("配对方式", "Matched by"),
        t(`${rule.rule[0]}：${count(rule.pairs)} 对`, `${rule.rule[1]}: ${many(rule.pairs, "pair")}`),
      ]),
      ...outcomes(r),
    ],
    files: file(`/v1/imports/preview/${task}/report.csv`, t("下载逐个文件的报告", "Download the report, file by file")),
    more: html`<${PreviewPairs} pairs=${r.pairs} task=${task} /><${ClassesMatched} classes=${r.classes} />`,
  }),
  health: ({ totals }, task) => ({
    facts: [
      [t("图片", "Pictures"), html`<b>${count(totals.pictures)}</b>`],
      [t("有问题的文件", "Files with problems"), count(totals.problems)],
      [t("重复图片", "Duplicates"), count(totals.duplicates)],
      [t("近似重复", "Near-duplicates"), count(totals.near_duplicates)],
      [t("也在其它源数据中的图片", "Pictures that other sets hold too"), count(totals.leaking_pictures)],
      [t("也在其它源数据中的轨迹", "Tracks that other sets hold too"), count(totals.leaking_tracks)],
      [
        t("可疑的标注", "Doubtful labels"),
        totals.label_noise == null
          ? t("未检查（没有给出模型）", "not looked for: no model was given")
          : count(totals.label_noise),
      ],
    ],
    files: [...HEALTH_LISTS, ...(totals.label_noise == null ? [] : ["noise.csv"])].map((name) =>
      file(`/v1/source_health/${task}/${name}`, name),
    ),
    picture: `/v1/source_health/${task}/coverage.png`,
  }),
  task_divide: (r) => ({
    facts: [
      [t("任务包", "Packages"), html`<b>${count(r.packages)}</b>`],
      [t("编号", "Numbers"), r.first === r.last ? r.first : `${r.first}–${r.last}`],
      [t("图片", "Pictures"), count(r.pictures)],
      [t("重复标注的图片", "Pictures labelled twice"), some(r.overlap)],
      [t("质检图片", "Gold pictures"), some(r.gold)],
      [t("不能使用的文件", "Files that cannot be used"), some(r.bad)],
    ],
  }),
  push_package: (r) => ({
    facts: [
      [
        t("交付到", "Handed to"),
        /^https?:/.test(r.place)
          ? html`<a class="link" href=${r.place} rel="noreferrer">${r.place}</a>`
          : mono(r.place),
      ],
      [t("图片", "Pictures"), html`<b>${count(r.pictures)}</b>`],
      [t("早已在那里", "Already there"), some(r.already)],
      [
        t("任务编号，用于 /linedown", "Task ids, for /linedown"),
        r.taskid_start == null ? "" : `${r.taskid_start}–${r.taskid_end}`,
      ],
      [
        t("转成多边形后改变的像素", "Pixels changed as polygons"),
        some((r.polygon_loss ?? []).reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + row.lost, 0)),
      ],
    ],
  }),
  linedown: (r) => ({
    facts: [
      [t("已完成的标注", "Finished labels"), html`<b>${count(r.finished)}</b>`],
      [t("任务", "Annotation tasks"), count(r.tasks)],
      [t("早已下载", "Fetched before"), some(r.already)],
      [t("尚未完成", "Not finished yet"), some(r.unfinished)],
      [t("不能使用", "Cannot be used"), some(r.bad)],
      [t("多个类别同时标注的像素（后者有效）", "Pixels of two classes (the later counts)"), some(r.overlap)],
    ],
  }),
  process_label: (r) => ({
    facts: [
      [t("发布的图片", "Published pictures"), html`<b>${count(r.published_pictures)}</b>`],
      [t("拒收", "Rejected"), some(r.rejected_pictures)],
      [t("缺少标注", "Without a label"), some(r.missing_pictures)],
      [t("已由更新的标注代替", "Superseded by newer labels"), some(r.superseded_pictures)],
      [t("未知颜色的像素", "Pixels of unknown colours"), some(r.unknown_pixels)],
      [t("报告", "Report"), mono(r.report)],
      [t("拒收的标注", "Rejected labels"), r.rejected_folder && mono(r.rejected_folder)],
    ],
  }),
  release: (r) => ({
    facts: [
      [t("目录", "Folder"), mono(r.folder)],
      ["mIoU", releasedMiou(r.metrics)],
      [t("mIoU 的来源", "Measured on"), measuredOn(r.metrics)],
      [t("文件", "Files"), mono(r.files.join("  "))],
    ],
    files: html`<a class="button" href=${to("release")}>${t("查看所有发布", "See all releases")}</a>`,
  }),
};

/** Nothing for other kinds, and before the end. @param {{job: any}} props */
export function JobOutcome({ job }) {
  if (!job.result || !(job.kind in RESULTS)) return null;
  const { facts, files, picture, more } = RESULTS[job.kind](job.result, job.task_id);
  return html`
    <${Panel} title=${t("结果", "Result")} class="outcome">
      <${Facts} of=${facts} />
      ${
        picture &&
        html`
          <figure>
            <img class="sheet" src=${picture}
              alt=${t("各类别在城市与月份中的图片数", "Pictures by class and city, and by class and month")} />
          </figure>
        `
      }
      ${files && html`<p class="row">${files}</p>`}
      ${more}
    <//>
  `;
}

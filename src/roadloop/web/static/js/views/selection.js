// @ts-check
/** What a selection was asked for and what it took: numbers, contact sheets, pictures with their reasons, packages. */

import { get, query } from "../api.js";
import { className } from "../components/classes.js";
import { DeleteButton } from "../components/delete.js";
import { kindName } from "../components/kinds.js";
import { Absent, Facts, Failure, Head, Loading, Panel, Tabs, Warnings, oneOf } from "../components/layout.js";
import { Log } from "../components/log.js";
import { JobState, StopButton } from "../components/state.js";
import { count, many, score, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { learnName } from "../names.js";
import { usePoll, whileLive } from "../poll.js";
import { setQuery, to } from "../router.js";
import { ARMS, Pictures } from "./selection-pictures.js";

/** Kinds of jobs that are selections, and the endpoint with what was asked for. @type {Record<string, string>} */
const SELECTIONS = { sample: "/auto_sam", select: "/auto_sele" };

/** @param {{route: import("../router.js").Route}} props */
export function SelectionPage({ route }) {
  const task = route.path[1];
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/jobs", { task_id: task }, signal),
    [task],
    (reply) => whileLive(reply.data),
  );
  const job = data?.data;
  if (!job || !(job.kind in SELECTIONS))
    return job || error
      ? html`
        <${Absent} error=${error ?? { code: "not_found" }} retry=${reload} id=${task}
          none=${t("没有这个挑图任务", "There is no such selection")}
          all=${t("查看全部挑图", "See all selections")} list=${to("selection")} />
      `
      : html`<${Loading} />`;
  learnName(task, job.title);
  const failed = job.state === "failed" || job.state === "cancelled";
  return html`
    <${Head} title=${job.title} sub=${kindName(job.kind)}
      actions=${html`
        <a class="button" href=${to("jobs", task)}>${t("日志与经过", "Log and course")}</a>
        <${StopButton} job=${job} done=${reload} />
        <${DeleteButton} thing=${{ kind: "selection", name: task }} back=${to("selection")} />
      `} />
    <div class="stack">
      ${job.state !== "succeeded" && html`<${Panel}><${JobState} job=${job} wide /><//>`}
      <${Warnings} texts=${job.warnings} />
      <${Selection} job=${job} query=${route.query} />
      ${failed && html`<${Panel} title=${t("日志", "Log")} flush><${Log} task=${task} live=${false} /><//>`}
    </div>
  `;
}

/** @param {{job: any, query: Record<string, string>}} props */
function Selection({ job, query: chosen }) {
  const done = job.state === "succeeded";
  const { data, error, reload } = usePoll(
    (signal) => query(SELECTIONS[job.kind], { task_id: job.task_id }, signal),
    [job.task_id, job.state],
  );
  const row = data?.data;
  if (!row) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  if (!done) return html`<${Panel} title=${t("要求", "Asked for")}><${Facts} of=${asked(row)} /><//>`;
  return html`<${Result} row=${row} query=${chosen} />`;
}

/** @param {any} row @returns {[any, any][]} */
const asked = (row) => [
  [t("数量或比例", "Number or share"), row.sele_ratio],
  [row.points > 0 ? t("列出的轨迹点", "Listed track points") : t("轨迹列表", "List of tracks"), row.track_file],
  [t("采集任务", "Survey tasks"), row.task_file],
  [t("模型", "Model"), row.weights_dir],
  [
    t("抽取方式", "Drawn"),
    row.task_type === "sam" && !row.points
      ? row.isshuffle
        ? t("随机", "at random")
        : t("沿轨迹等距", "evenly along each track")
      : "",
  ],
  [t("输出目录", "Output folder"), html`<span class="mono">${row.output_dir}</span>`],
];

/** @param {{row: any, query: Record<string, string>}} props */
function Result({ row, query: chosen }) {
  const base = `/v1/selections/${row.task_id}`;
  const version = /^images\/([^/]+)\/?$/.exec(row.output_dir)?.[1];
  const [told, setTold] = useState(/** @type {boolean | undefined} */ (undefined));
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all([get(`${base}/report`, {}, signal), get("/v1/packages/versions", {}, signal)]).then(
        ([report, versions]) => ({
          report: report.data,
          packed: versions.data.find((/** @type {any} */ one) => one.version === version),
        }),
      ),
    [base],
    () => ({ kinds: ["task_divide", "process_label"] }),
  );
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const { report, packed } = data;
  const arms = report.task_type === "sam" ? ["random"] : ["mined", ...(report.summary.control > 0 ? ["control"] : [])];
  const cut = packed?.packages > 0;
  const labelling = cut && packed.open + packed.waiting > 0; // somebody may look over an annotator's shoulder
  const blind = arms.length > 1 && !(told ?? !labelling);
  const tab = oneOf(chosen.tab, ["pictures", "numbers", ...(blind ? [] : ["sheets"])]);
  return html`
    ${!chosen.p && html`<${NextStep} version=${version} packed=${packed} />`}
    <div>
      <${Tabs} now=${tab} choose=${(/** @type {string} */ name) => setQuery({ tab: name, p: "", page: "" })}
        tabs=${[
          ["pictures", t("图片与理由", "Pictures and reasons")],
          ["numbers", t("结果与要求", "Result and request")],
          ...(blind ? [] : [["sheets", t("缩略图", "Contact sheets")]]),
        ]} />
      ${
        arms.length > 1 &&
        !chosen.p &&
        html`
          <div class="row notice-row">
            <button type="button" class="button small-button" data-arms aria-pressed=${String(!blind)}
              onClick=${() => setTold(blind)}>
              ${blind ? t("显示分组与理由", "Show arms and reasons") : t("隐藏分组与理由", "Hide arms and reasons")}
            </button>
            <span class="quiet small wrap">
              ${
                blind
                  ? t(
                      "正在标注：为使两组的标注不受影响，挑出与对照混排，不显示理由。",
                      "Labelling is under way: arms are mixed and reasons hidden, so that nobody labels them unlike.",
                    )
                  : t("标注进行中请勿让标注员看到分组。", "Annotators must not see the arms while they label.")
              }
            </span>
          </div>
        `
      }
      ${tab === "pictures" && html`<${Pictures} task=${row.task_id} blind=${blind} query=${chosen} cut=${cut} />`}
      ${
        tab === "numbers" &&
        html`
          <div class="stack">
            <${Panel} title=${t("结果", "Result")} class="selection"
              aside=${
                !blind &&
                html`
                  <a class="button" href=${`${base}/table`} download>
                    ${t("下载 selection.csv", "Download selection.csv")}
                  </a>
                `
              }>
              <${Facts} of=${numbers(report)} />
            <//>
            <${Panel} title=${t("要求", "Asked for")}><${Facts} of=${asked(row)} /><//>
          </div>
        `
      }
      ${
        tab === "sheets" &&
        !blind &&
        html`
          <${Panel} title=${t("缩略图", "Contact sheets")}>
            <div class="stack">${arms.map((arm) => html`<${Sheet} key=${arm} base=${base} arm=${arm} />`)}</div>
          <//>
        `
      }
    </div>
  `;
}

/** What comes after a selection. @param {{version: string | undefined, packed: any}} props */
const NextStep = ({ version, packed }) => html`
  <${Panel}>
    <div class="row">
      <b class="nowrap">${t("下一步", "Next")}</b>
      ${
        !version
          ? html`
            <span class="quiet wrap">
              ${t(
                "输出目录不在 images/<版本>，不能切成任务包；重新挑图时请填写版本。",
                "The output folder is no images/<version>, so it cannot be cut; choose again with a version.",
              )}
            </span>
          `
          : packed?.packages > 0
            ? html`
              <a class="link" href=${to("annotation", version)}>
                ${t(
                  `已切成 ${count(packed.packages)} 个任务包：去标注`,
                  `Cut into ${many(packed.packages, "package")}: to annotation`,
                )} →
              </a>
            `
            : html`
              <span class="quiet grow wrap">
                ${t("看图，移出不要的，然后", "Look at the pictures, take out what is not wanted, then")}
              </span>
              <a class="button" href=${`${to("evaluation", "new")}?folder=${encodeURIComponent(`images/${version}`)}`}>
                ${t("用模型评估", "Evaluate them")}
              </a>
              <a class="button primary" href=${`${to("annotation", "new")}?version=${encodeURIComponent(version)}`}>
                ${t("切分任务包", "Cut packages")}
              </a>
            `
      }
    </div>
  <//>
`;

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
    left.tracks && t(`${count(left.tracks)} 条轨迹`, many(left.tracks, "track")),
    left.pictures && t(`${count(left.pictures)} 张图片`, many(left.pictures, "picture")),
    left.files && t(`${count(left.files)} 个文件`, many(left.files, "file")),
  ].filter(Boolean);
  return parts.length ? t(`${parts.join("，")}（见 left_out.csv）`, `${parts.join(", ")} (see left_out.csv)`) : "";
}

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

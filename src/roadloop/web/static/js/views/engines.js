// @ts-check
/** Engines: models converted for programs that run them, and how much each differs from what was trained. */

import { get } from "../api.js";
import { bytes } from "../components/bytes.js";
import { DeleteButton } from "../components/delete.js";
import { Difference } from "../components/difference.js";
import { Absent, Facts, Head, Loading, Panel, Time, Warnings } from "../components/layout.js";
import { Listing } from "../components/listing.js";
import { Log } from "../components/log.js";
import { JobState, StateChip, StopButton } from "../components/state.js";
import { count, percent, score, t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { isLive, usePoll, whileLive } from "../poll.js";
import { to } from "../router.js";

export { EngineNew } from "./engine-new.js";

/** @typedef {any} Row  A row of /v1/engines. */

/** @param {{route: import("../router.js").Route}} props */
export const EngineList = ({ route }) => html`
    <${Head} title=${t("引擎", "Engines")}
      sub=${t(
        "转换成 ONNX 的模型：fp16 大小减半，int8 为四分之一；每个都与训练的网络比较过。",
        "Models converted to ONNX: fp16 is half the size, int8 a quarter; each compared with the trained network.",
      )}
      actions=${html`<a class="button primary" href=${to("engines", "new")}>${t("转换模型", "Convert a model")}</a>`} />
    <${Listing} path="/v1/engines" query=${route.query} kinds=${["convert"]} columns=${columns} empty=${none()}
      address=${(/** @type {Row} */ r) => to("engines", r.task_id)} search=${t("搜索模型", "Search models")} />
  `;

const none = () => html`
  ${t("还没有引擎。", "No engines yet.")}
  ${" "}<a class="link" href=${to("engines", "new")}>${t("转换一个模型", "Convert a model")} →</a>
`;

/** mIoU of the engine, and how far that is from the trained network's. @param {Row} row */
const compared = ({ parity }) =>
  parity?.miou_exported == null
    ? html`<span class="faint">–</span>`
    : html`
      ${score(parity.miou_exported)} <${Difference} value=${parity.miou_exported} from=${parity.miou_trained} />
    `;

/** @param {() => void} reload */
const columns = (reload) => [
  {
    head: t("引擎", "Engine"),
    cell: (/** @type {Row} */ r) =>
      html`<div>${r.file}</div><div class="small faint">${t("来自", "from")} ${r.source}</div>`,
    class: "name-col",
  },
  { head: t("状态", "State"), cell: (/** @type {Row} */ r) => html`<${JobState} job=${r} />` },
  { head: t("精度", "Precision"), cell: (/** @type {Row} */ r) => html`<b>${r.precision}</b>` },
  { head: t("尺寸", "Size"), cell: (/** @type {Row} */ r) => `${r.width}x${r.height}`, class: "nowrap" },
  { head: "mIoU", num: true, cell: compared },
  {
    head: t("不同像素", "Pixels that differ"),
    num: true,
    cell: (/** @type {Row} */ r) => percent(r.parity?.share, 2),
  },
  { head: t("大小", "Bytes"), num: true, cell: (/** @type {Row} */ r) => bytes(r.bytes) },
  { head: t("创建", "Created"), cell: (/** @type {Row} */ r) => html`<${Time} at=${r.created_at} />` },
  { head: "", class: "actions", cell: (/** @type {Row} */ r) => html`<${StopButton} job=${r} done=${reload} />` },
];

/** @param {{route: import("../router.js").Route}} props */
export function EnginePage({ route }) {
  const task = route.path[1];
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/engines", { task_id: task }, signal),
    [task],
    (reply) => whileLive(reply.data),
  );
  if (!data)
    return error
      ? html`
        <${Absent} error=${error} retry=${reload} id=${task} none=${t("没有这个引擎", "There is no such engine")}
          all=${t("查看全部引擎", "See all engines")} list=${to("engines")} />
      `
      : html`<${Loading} />`;
  const row = data.data;
  const done = row.state === "succeeded" && !row.error;
  learnName(task, row.file);
  return html`
    <${Head} title=${row.file} sub=${`${t("来自", "from")} ${row.source}/${row.model}`}
      chip=${done && html`<${StateChip} state=${row.state} />`}
      actions=${html`
        <${StopButton} job=${row} done=${reload} />
        ${
          done &&
          html`
            <a class="button primary" href=${`/v1/engines/${task}/onnx`} download>${t("下载 ONNX", "Download ONNX")}</a>
            <a class="button" href=${`${to("evaluation", "new")}?engine=${task}`}>${t("评估", "Evaluate")}</a>
            <${DeleteButton} thing=${{ kind: "engine", name: task }} back=${to("engines")} />
          `
        }
      `} />
    <div class="stack">
      ${!done && html`<${Panel}><${JobState} job=${row} wide /><//>`}
      <${Warnings} texts=${row.warnings} />
      ${done && html`<${Panel}><${Facts} of=${facts(row)} /><//>`}
      <${Panel} title=${t("日志", "Log")} flush><${Log} task=${task} live=${isLive(row)} /><//>
    </div>
  `;
}

/** @param {Row} row @returns {[any, any][]} */
const facts = (row) => [
  [t("精度", "Precision"), row.precision],
  [t("输入尺寸", "Takes pictures of"), `${row.width}x${row.height}`],
  [t("大小", "Bytes"), bytes(row.bytes)],
  [t("训练的网络 mIoU", "mIoU as trained"), score(row.parity?.miou_trained)],
  [t("引擎 mIoU", "mIoU of the engine"), compared(row)],
  [
    t("不同像素", "Pixels that differ"),
    row.parity
      ? t(
          `${count(row.parity.different)} / ${count(row.parity.pixels)}（${percent(row.parity.share, 3)}）`,
          `${count(row.parity.different)} of ${count(row.parity.pixels)} (${percent(row.parity.share, 3)})`,
        )
      : "–",
  ],
  [t("比较用的图片", "Compared on"), row.check || t("没有比较", "not compared")],
  [t("校准图片", "Calibrated with"), row.calibration || "–"],
  ["TensorRT", row.plan && html`<span class="mono">${row.plan}</span>`],
  [t("目录", "Folder"), html`<span class="mono">${row.folder}</span>`],
  ["sha256", html`<span class="mono small">${row.sha256}</span>`],
  [t("完成", "Finished"), row.finished_at],
];

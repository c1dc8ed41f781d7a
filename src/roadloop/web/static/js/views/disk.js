// @ts-check
/** What takes the room on the disk, by kind, and what the keeping rules would free. */

import { act, ended, get } from "../api.js";
import { bytes } from "../components/bytes.js";
import { Meter } from "../components/classes.js";
import { Facts, Failure, Head, Loading, Panel, Time } from "../components/layout.js";
import { Start } from "../components/start.js";
import { Table } from "../components/table.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

/** @type {Record<string, () => string>} */
const NAMES = {
  sources: () => t("源数据", "Source sets"),
  datasets: () => t("数据", "Datasets"),
  networks: () => t("网络", "Networks"),
  checkpoints: () => t("训练检查点", "Checkpoints of trainings"),
  "task-models": () => t("训练得到的模型", "Models of trainings"),
  "task-logs": () => t("训练曲线、日志与配置", "Curves, logs and settings of trainings"),
  evaluations: () => t("评估结果", "Evaluations"),
  selections: () => t("挑图结果", "Selections"),
  models: () => t("发布包", "Releases"),
  weights: () => t("初始权重", "Start weights"),
  packages: () => t("任务包", "Packages"),
  images: () => t("待标注图片", "Pictures to be labelled"),
  released: () => t("交回的标注", "Returned labels"),
  imports: () => t("导入目录", "Import folder"),
  uploads: () => t("上传", "Uploads"),
  tracks: () => t("轨迹", "Tracks"),
  logs: () => t("任务日志", "Logs of jobs"),
  previews: () => t("导入预览", "Previews of imports"),
  health: () => t("源数据体检", "Health of source sets"),
  indexes: () => t("已标注图片的索引", "Indexes of labelled pictures"),
  engines: () => t("引擎", "Engines"),
  "class-tables": () => t("类别表", "Class tables"),
  sweeps: () => t("超参搜索", "Sweeps"),
  trash: () => t("回收站", "Trash"),
  backups: () => t("升级前的记录", "Rows before upgrades"),
  quarantine: () => t("隔离区", "Quarantine"),
  scratch: () => t("临时文件", "Temporary files"),
  rows: () => t("数据库", "Database"),
  other: () => t("其他", "Other"),
};

/** @type {Record<string, () => string>} */
const RULES = {
  log: () => t("已结束任务的日志", "Logs of ended jobs"),
  upload: () => t("中断的上传", "Abandoned uploads"),
  trash: () => t("回收站", "Trash"),
  scratch: () => t("没有任务需要的临时文件", "Temporary files that no job needs"),
  preview: () => t("导入预览", "Previews of imports"),
  checkpoint: () => t("已完成训练的检查点", "Checkpoints of finished trainings"),
  evaluation: () => t("没有被引用的评估（进回收站）", "Evaluations that nothing refers to (into the trash)"),
};

export function DiskPage() {
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/disk", {}, signal),
    [],
    () => ({ kinds: ["measure"] }),
  );
  const most = Math.max(1, ...(data?.data ?? []).map((/** @type {any} */ row) => row.bytes));
  const freed = (data?.rules ?? []).reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + row.bytes, 0);
  return html`
    <${Head} title=${t("磁盘", "Disk")}
      sub=${t("什么占用空间，清理能腾出多少。", "What takes the room, and what clearing up would free.")}
      actions=${html`
        <${Start} calls="/v1/disk" label=${t("重新统计", "Count again")} done=${reload} run=${() => order(false)} />
      `} />
    <${Failure} error=${error} retry=${reload} />
    ${!data && !error && html`<${Loading} />`}
    ${
      data &&
      html`
        <div class="stack">
          <${Panel}>
            <${Facts} of=${[
              [t("磁盘空闲", "Free on the disk"), `${bytes(data.free)} / ${bytes(data.size)}`],
              [t("工作区占用", "The workspace takes"), bytes(data.total)],
              [
                t("统计于", "Counted"),
                data.measured_at
                  ? html`<${Time} at=${data.measured_at} />`
                  : t("还没有统计过；点“重新统计”。", "Not yet: choose “Count again”."),
              ],
              [
                t("正在统计", "Counting now"),
                data.counting &&
                  html`<a class="link" href=${to("jobs", data.counting)}>▶ ${data.counting.slice(0, 8)}</a>`,
              ],
            ]} />
          <//>
          <${Panel} flush title=${t("按类型", "By kind")}>
            <${Table} rows=${data.data} columns=${kinds(most)}
              empty=${t("还没有统计过。", "Nothing was counted yet.")} />
          <//>
          <${Panel} flush title=${t("保留规则", "Keeping rules")}
            aside=${html`
              <${Start} calls="/v1/disk" small
                label=${t(`现在清理（约 ${bytes(freed)}）`, `Clear up now (about ${bytes(freed)})`)}
                done=${reload} run=${() => order(true)} />
            `}>
            <${Table} rows=${data.rules} columns=${rules()} />
          <//>
        </div>
      `
    }
  `;
}

/** @param {boolean} tidy */
async function order(tidy) {
  const task = (await act("/v1/disk", { tidy })).data;
  await ended(task);
  return task;
}

/** @param {number} most */
const kinds = (most) => [
  { head: t("类型", "Kind"), cell: (/** @type {any} */ row) => NAMES[row.name]?.() ?? row.name, class: "name-col" },
  {
    head: t("大小", "Size"),
    num: true,
    cell: (/** @type {any} */ row) => html`<${Meter} value=${row.bytes} most=${most} text=${bytes(row.bytes)} />`,
  },
  { head: t("文件", "Files"), num: true, cell: (/** @type {any} */ row) => count(row.files) },
];

const rules = () => [
  { head: t("规则", "Rule"), cell: (/** @type {any} */ row) => RULES[row.name]?.() ?? row.name, class: "name-col" },
  {
    head: t("保留", "Kept"),
    cell: (/** @type {any} */ row) =>
      row.days ? t(`${row.days} 天`, row.days === 1 ? "1 day" : `${row.days} days`) : t("一直", "for ever"),
  },
  { head: t("可腾出", "Would free"), num: true, cell: (/** @type {any} */ row) => bytes(row.bytes) },
  {
    head: t("设置", "Setting"),
    cell: (/** @type {any} */ row) => html`<span class="mono small">${row.name}_keep_days</span>`,
  },
];

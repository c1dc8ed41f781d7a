// @ts-check
/** The nodes of a cluster, where there is one, and the GPUs of all hosts: load, memory, and the job that holds each. */

import { get } from "../api.js";
import { Meter } from "../components/classes.js";
import { addressOf, kindName } from "../components/kinds.js";
import { Failure, Head, Loading, Panel } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, percent, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

export function GpuPage() {
  const { data, error, reload } = usePoll(
    (signal) => get("/gpus_info", {}, signal),
    [],
    () => 5000,
  );
  const nodes = usePoll(
    (signal) => get("/v1/nodes", {}, signal),
    [],
    () => 5000,
  );
  const known = nodes.data?.data ?? [];
  return html`
    <${Head} title=${known.length ? t("节点与 GPU", "Nodes and GPUs") : "GPU"}
      sub=${t("编号就是训练和评估里 gpus 要填的数字。", "The number is what gpus of training and evaluation takes.")} />
    <${Failure} error=${error} retry=${reload} />
    <${Failure} error=${nodes.error} retry=${nodes.reload} />
    <div class="stack">
      ${
        known.length > 0 &&
        html`<${Panel} title=${t("节点", "Nodes")} flush><${Table} rows=${known} columns=${nodeColumns()} /><//>`
      }
      ${
        !data
          ? !error && html`<${Loading} />`
          : html`
            <${Panel} title=${known.length > 0 && "GPU"} flush>
              <${Table} rows=${data.data} columns=${columns()} empty=${none(known.length > 0)} />
            <//>
          `
      }
    </div>
  `;
}

const nodeColumns = () => [
  { head: t("节点", "Node"), cell: (/** @type {any} */ n) => html`<b>${n.name}</b>` },
  { head: t("地址", "Address"), cell: (/** @type {any} */ n) => html`<span class="mono">${n.address}</span>` },
  {
    head: t("状态", "State"),
    cell: (/** @type {any} */ n) =>
      n.state === "ready" ? html`● ${t("可用", "ready")}` : html`<span class="wrap">▲ ${n.problem}</span>`,
  },
  { head: "CPU", num: true, cell: (/** @type {any} */ n) => count(n.cpus) },
  { head: t("内存 (MiB)", "Memory (MiB)"), num: true, cell: (/** @type {any} */ n) => count(n.memory_mib) },
  { head: "GPU", num: true, cell: (/** @type {any} */ n) => count(n.gpus) },
  { head: t("版本", "Version"), cell: (/** @type {any} */ n) => n.version || "–" },
  {
    head: t("运行中", "Runs"),
    cell: (/** @type {any} */ n) =>
      n.jobs.length
        ? n.jobs.map(
            (/** @type {any} */ job) =>
              html`<div><a class="link" href=${addressOf(job)}>▶ ${job.title}</a> ${kindName(job.kind)}</div>`,
          )
        : html`<span class="quiet">○ ${t("空闲", "free")}</span>`,
  },
];

/** @param {boolean} cluster */
const none = (cluster) =>
  cluster
    ? t(
        "这些节点没有可用的 GPU。训练和评估都可以在 CPU 上进行：gpus 留空即可。",
        "These nodes have no GPU that can be used. Training and evaluation also run on the CPU: leave gpus empty.",
      )
    : t(
        "这台机器没有可用的 GPU。训练和评估都可以在 CPU 上进行：gpus 留空即可。",
        "This machine has no GPU that can be used. Training and evaluation also run on the CPU: leave gpus empty.",
      );

const columns = () => [
  { head: t("编号", "Number"), cell: (/** @type {any} */ g) => html`<b>${g.id}</b>` },
  { head: t("主机", "Host"), cell: (/** @type {any} */ g) => g["pc-name"] },
  { head: t("型号", "Name"), cell: (/** @type {any} */ g) => html`<span title=${g.uuid}>${g.name}</span>` },
  {
    head: t("负载", "Load"),
    num: true,
    cell: (/** @type {any} */ g) => html`<${Meter} value=${g.gpuUtil} text=${percent(g.gpuUtil, 0)} />`,
  },
  {
    head: t("显存占用", "Memory used"),
    num: true,
    cell: (/** @type {any} */ g) => html`<${Meter} value=${g.memoryutil} text=${percent(g.memoryutil, 0)} />`,
  },
  { head: t("空闲 (MiB)", "Free (MiB)"), num: true, cell: (/** @type {any} */ g) => count(g.freeMemory) },
  { head: t("共 (MiB)", "Total (MiB)"), num: true, cell: (/** @type {any} */ g) => count(g.totalMemory) },
  {
    head: t("使用者", "Used by"),
    cell: (/** @type {any} */ g) =>
      g.job
        ? html`<a class="link" href=${to("jobs", g.job)}>▶ ${g.job.slice(0, 8)}</a>`
        : html`<span class="quiet">○ ${t("空闲", "free")}</span>`,
  },
];

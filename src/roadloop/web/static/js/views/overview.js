// @ts-check
/** The overview: the loop with what each stage holds and what comes next, and what runs just now. */

import { get } from "../api.js";
import { Failure, Head, Panel } from "../components/layout.js";
import { count, t, things } from "../i18n.js";
import { html } from "../lib.js";
import { isLive, ofKinds, usePoll } from "../poll.js";
import { to } from "../router.js";
import { Begin } from "./begin.js";
import { JobTable } from "./jobs.js";
import { ServicePanel, WeakPanel } from "./overview-service.js";
import { WaitingPanel } from "./overview-waiting.js";

/** Ended jobs that the first screen shows; the others are under "All". */
const MOST_ENDED = 8;

/** @typedef {{name: string, address: string, number: number, unit: string, next: any}} Stage */

/** @param {{active: import("../places.js").Active}} props */
export function Overview({ active }) {
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/overview", {}, signal),
    [],
    (reply) => ofKinds()(reply.data.jobs),
  );
  const stages = data ? stagesOf(data.data.stages) : [];
  const next = stages.find((stage) => stage.number === 0);
  return html`
    <${Head} title=${t("数据闭环", "The loop")}
      sub=${t("从标注图片到发布的模型。", "From labelled pictures to a released model.")} />
    <${Failure} error=${error} retry=${reload} />
    <div class="stack">
      <ol class="stages">
        ${stages.map(
          (stage) => html`
            <li class=${stage === next ? "next" : ""}>
              <a href=${stage.address}>
                <span class="stage-name">${stage.name}</span>
                <span class="stage-number">${count(stage.number)}</span>
                <span class="small faint">${stage.unit}</span>
              </a>
            </li>
          `,
        )}
      </ol>
      ${stages[0]?.number === 0 && html`<${Begin} active=${active} />`}
      ${
        next &&
        next !== stages[0] &&
        html`
          <${Panel}>
            <div class="row">
              <b class="nowrap">${t("下一步", "Next")}</b>
              <span class="quiet grow">${next.next}</span>
            </div>
          <//>
        `
      }
      ${
        data &&
        (stages[0].number > 0 || data.data.waiting.length > 0) &&
        html`
          <${WaitingPanel} rows=${data.data.waiting} />
          <${ServicePanel} serving=${data.data.serving} />
          <${WeakPanel} weak=${data.data.weak} />
        `
      }
      <${Panel} title=${t("任务", "Jobs")} flush
        aside=${html`
          ${data && html`<span class="small quiet">${diskWords(data.data.disk)}</span>`}
          <a class="link" href=${to("jobs")}>${t("全部", "All")}</a>
        `}>
        <${JobTable} jobs=${data ? runningFirst(data.data.jobs) : []} reload=${reload}
          empty=${data ? t("还没有任务。", "No jobs yet.") : " "} />
      <//>
    </div>
  `;
}

/** What runs and what waits its turn, then the newest of the others. @param {any[]} jobs */
const runningFirst = (jobs) => [
  ...jobs.filter((job) => job.state === "running"),
  ...jobs.filter((job) => job.state === "queued"),
  ...jobs.filter((job) => !isLive(job)).slice(0, MOST_ENDED),
];

/** @param {{free_mib: number, total_mib: number}} disk */
const diskWords = (disk) =>
  t(
    `磁盘余 ${gib(disk.free_mib)} / ${gib(disk.total_mib)} GiB`,
    `${gib(disk.free_mib)} of ${gib(disk.total_mib)} GiB of disk are free`,
  );

/** @param {number} mib */
const gib = (mib) => count(mib / 1024);

/** @param {Record<string, number>} held @returns {Stage[]} */
function stagesOf(held) {
  return [
    {
      name: t("源数据", "Source sets"),
      address: to("sources"),
      number: held.sources,
      unit: t("份", things(held.sources, "set")),
      next: html`<a class="link" href=${to("import")}>${t("导入带标注的图片", "Import labelled pictures")} →</a>`,
    },
    {
      name: t("数据", "Datasets"),
      address: to("datasets"),
      number: held.datasets,
      unit: t("份", things(held.datasets, "dataset")),
      next: link("datasets", t("用源数据生成一份数据", "Build a dataset from the source sets")),
    },
    {
      name: t("网络", "Networks"),
      address: to("networks"),
      number: held.networks,
      unit: t("个", things(held.networks, "network")),
      next: link("networks", t("从模板创建一个网络", "Create a network from a template")),
    },
    {
      name: t("训练", "Training"),
      address: to("training"),
      number: held.training,
      unit: t("个任务", things(held.training, "task")),
      next: link("training", t("创建训练任务", "Create a training task")),
    },
    {
      name: t("评估", "Evaluation"),
      address: to("evaluation"),
      number: held.evaluation,
      unit: t("次", things(held.evaluation, "run")),
      next: link("evaluation", t("评估训练得到的模型", "Evaluate a trained model")),
    },
    {
      name: t("发布", "Release"),
      address: to("release"),
      number: held.release,
      unit: t("个模型", things(held.release, "model")),
      next: link("release", t("发布一个模型", "Release a model")),
    },
  ];
}

/** @param {string} place @param {string} words */
const link = (place, words) => html`<a class="link" href=${to(place, "new")}>${words} →</a>`;

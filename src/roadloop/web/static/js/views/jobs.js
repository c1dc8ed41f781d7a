// @ts-check
/** Every job of every kind: the list, and one of them with its history and log. */

import { get } from "../api.js";
import { Events, useEvents } from "../components/events.js";
import { Absent, Facts, Head, Loading, Panel, Time, Warnings } from "../components/layout.js";
import { addressOf, kindName } from "../components/kinds.js";
import { Listing } from "../components/listing.js";
import { Log } from "../components/log.js";
import { JobOutcome } from "../components/outcome.js";
import { JobState, StopButton } from "../components/state.js";
import { Table } from "../components/table.js";
import { duration, seconds, t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { isLive, usePoll, whileLive } from "../poll.js";
import { to } from "../router.js";

/** @param {{route: import("../router.js").Route}} props */
export const JobList = ({ route }) => html`
  <${Head} title=${t("任务", "Jobs")} sub=${t("所有长时间运行的工作，最新的在前。", "All long work, newest first.")} />
  <${Listing} path="/v1/jobs" query=${route.query} kinds=${[]} columns=${columns} address=${addressOf}
    search=${t("搜索名称", "Search names")} empty=${t("还没有任务。", "No jobs yet.")} />
`;

/** @param {{jobs: any[], reload: () => void, empty?: any}} props */
export const JobTable = ({ jobs, reload, empty }) => html`
  <${Table}
    rows=${jobs}
    address=${addressOf}
    empty=${empty}
    columns=${columns(reload, jobs)}
  />
`;

/** @param {() => void} reload @param {any[]} jobs those that are shown; nobody is named where nobody has an account */
const columns = (reload, jobs) => [
  { head: t("名称", "Name"), cell: (/** @type {any} */ job) => job.title, class: "name-col" },
  { head: t("类型", "Kind"), cell: (/** @type {any} */ job) => kindName(job.kind), class: "nowrap" },
  { head: t("状态", "State"), cell: (/** @type {any} */ job) => html`<${JobState} job=${job} />` },
  { head: t("创建", "Created"), cell: (/** @type {any} */ job) => html`<${Time} at=${job.created_at} />` },
  ...(jobs.some((job) => job.author)
    ? [{ head: t("提交者", "By"), cell: (/** @type {any} */ job) => job.author ?? "–", class: "nowrap" }]
    : []),
  { head: t("用时", "Took"), num: true, cell: (/** @type {any} */ job) => took(job) },
  {
    head: "",
    class: "actions",
    cell: (/** @type {any} */ job) => html`<${StopButton} job=${job} done=${reload} />`,
  },
];

/** @param {import("../components/state.js").JobFields} job */
export const took = (job) => (job.started_at ? duration(seconds(job.started_at, job.finished_at)) : "–");

/** @param {{job: any}} props */
const Course = ({ job }) => html`<${Events} events=${useEvents(job)} />`;

/** @param {{route: import("../router.js").Route}} props */
export function JobPage({ route }) {
  const task = route.path[1];
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/jobs", { task_id: task }, signal),
    [task],
    (reply) => whileLive(reply.data),
  );
  const job = data?.data;
  if (!job)
    return error
      ? html`
        <${Absent} error=${error} retry=${reload} id=${task} none=${t("没有这个任务", "There is no such job")}
          all=${t("查看全部任务", "See all jobs")} list=${to("jobs")} />
      `
      : html`<${Loading} />`;
  learnName(task, job.title);
  return html`
    <${Head} title=${job.title} sub=${kindName(job.kind)}
      actions=${html`<${JobLink} job=${job} /><${StopButton} job=${job} done=${reload} />`} />
    <div class="stack">
      <${Panel}><${JobState} job=${job} wide /><//>
      <${Warnings} texts=${job.warnings} />
      <${JobOutcome} job=${job} />
      <${Panel} title=${t("经过", "What happened")}>
        <${Facts} of=${jobFacts(job)} />
        <${Course} job=${job} />
      <//>
      <${Panel} title=${t("日志", "Log")} flush><${Log} task=${task} live=${isLive(job)} /><//>
    </div>
  `;
}

/** @param {any} job @returns {[any, any][]} */
const jobFacts = (job) => [
  [t("任务编号", "Task id"), html`<span class="mono">${job.task_id}</span>`],
  [t("创建", "Created"), job.created_at],
  [t("开始", "Started"), job.started_at],
  [t("结束", "Ended"), job.finished_at],
  [t("用时", "Took"), took(job)],
  [t("第几次", "Attempt"), job.attempt],
  [t("机器", "Machine"), job.host && html`<a class="link" href=${to("gpus")}>${job.host}</a>`],
  [
    t("日志", "Log"),
    html`
      <a class="link" href=${job.log_url} target="_blank" rel="noreferrer">
        ${t("最后 100 行", "Last 100 lines")}
      </a>
    `,
  ],
];

/** @param {{job: any}} props */
function JobLink({ job }) {
  const address = addressOf(job);
  return (
    address !== to("jobs", job.task_id) &&
    html`<a class="button" href=${address}>${t("打开", "Open")} ${kindName(job.kind)}</a>`
  );
}

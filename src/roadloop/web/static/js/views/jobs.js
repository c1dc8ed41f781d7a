// @ts-check
/** Every job of every kind: the list, and one of them with its history and log. */

import { get } from "../api.js";
import { Events, useEvents } from "../components/events.js";
import { Absent, Facts, Failure, Head, Loading, Panel, Time, Warnings } from "../components/layout.js";
import { addressOf, kindName } from "../components/kinds.js";
import { Log } from "../components/log.js";
import { JobOutcome } from "../components/outcome.js";
import { JobState, StopButton } from "../components/state.js";
import { Table } from "../components/table.js";
import { count, duration, seconds, t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { isLive, ofKinds, usePoll, whileLive } from "../poll.js";
import { setQuery, to } from "../router.js";

const PAGE = 25;

/** @param {{route: import("../router.js").Route}} props */
export function JobList({ route }) {
  const page = Number(route.query.page ?? 1);
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/jobs", { page, page_size: PAGE, q: route.query.q }, signal),
    [page, route.query.q],
    (reply) => ofKinds()(reply.data),
  );
  return html`
    <${Head} title=${t("任务", "Jobs")} sub=${t("所有长时间运行的工作，最新的在前。", "All long work, newest first.")}
      actions=${html`
        <input class="search" type="search" placeholder=${t("按名称查找", "Find by name")}
          aria-label=${t("按名称查找", "Find by name")} value=${route.query.q ?? ""}
          onInput=${(/** @type {any} */ e) => setQuery({ q: e.target.value, page: "1" })} />
      `} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`
          <${Panel} flush>
            <${JobTable} jobs=${data.data} reload=${reload}
              empty=${route.query.q ? t("没有匹配的任务。", "No job matches.") : t("还没有任务。", "No jobs yet.")} />
          <//>
          <${Pages} page=${page} size=${PAGE} total=${data.total} />
        `
    }
  `;
}

/** @param {{jobs: any[], reload: () => void, empty?: any}} props */
export const JobTable = ({ jobs, reload, empty }) => html`
  <${Table}
    rows=${jobs}
    address=${addressOf}
    empty=${empty}
    columns=${[
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
    ]}
  />
`;

/** @param {import("../components/state.js").JobFields} job */
export const took = (job) => (job.started_at ? duration(seconds(job.started_at, job.finished_at)) : "–");

/** @param {{page: number, size: number, total: number}} props */
const Pages = ({ page, size, total }) =>
  total > size &&
  html`
    <nav class="row pages" aria-label=${t("分页", "Pages")}>
      <button type="button" class="button" disabled=${page <= 1} onClick=${() => setQuery({ page: String(page - 1) })}>
        ‹ ${t("上一页", "Previous")}
      </button>
      <span class="quiet">
        ${t(
          `第 ${page} / ${Math.ceil(total / size)} 页，共 ${count(total)} 条`,
          `Page ${page} of ${Math.ceil(total / size)}, ${count(total)} in all`,
        )}
      </span>
      <button type="button" class="button" disabled=${page * size >= total}
        onClick=${() => setQuery({ page: String(page + 1) })}>
        ${t("下一页", "Next")} ›
      </button>
    </nav>
  `;

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

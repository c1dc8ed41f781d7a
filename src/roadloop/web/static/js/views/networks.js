// @ts-check
/** Networks: the list, the form that copies a template, and how one was made. */

import { act, get } from "../api.js";
import { FormBox, Input, Select, useForm } from "../components/form.js";
import { Absent, Facts, Failure, Head, Loading, Panel, Time, Warnings } from "../components/layout.js";
import { Log } from "../components/log.js";
import { JobState, StateChip, StopButton } from "../components/state.js";
import { Table } from "../components/table.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { isLive, listPause, usePoll } from "../poll.js";
import { go, to } from "../router.js";

/** @typedef {any} Row  A row of /network_history. */

export function NetworkList() {
  const { data, error, reload } = usePoll((signal) => get("/network_history", {}, signal), [], /** @type {any} */ (listPause));
  return html`
    <${Head}
      title=${t("网络", "Networks")}
      sub=${t("团队自己的、可编辑的网络副本，位于工作区的 networks/<名称>/。", "The team's own, editable copies of templates, in networks/<name>/ of the workspace.")}
      actions=${html`<a class="button primary" href=${to("networks", "new")}>${t("创建网络", "New network")}</a>`}
    />
    <${Failure} error=${error} retry=${reload} />
    ${!data ? !error && html`<${Loading} />` : html`<${Panel} flush><${Table} rows=${data.data} columns=${columns(reload)} address=${(/** @type {Row} */ r) => to("networks", r.task_id)} empty=${none()} /><//>`}
  `;
}

const none = () => html`
  ${t("还没有网络。", "No networks yet.")}
  ${" "}<a class="link" href=${to("networks", "new")}>${t("从模板创建第一个", "Create the first from a template")} →</a>
`;

/** @param {number | null} value @param {number} unit @param {string} name */
const large = (value, unit, name) => (value == null ? "–" : `${(value / unit).toFixed(2)} ${name}`);

/** @param {() => void} reload */
const columns = (reload) => [
  { head: t("名称", "Name"), cell: (/** @type {Row} */ r) => r.net_name, class: "name-col" },
  { head: t("状态", "State"), cell: (/** @type {Row} */ r) => html`<${JobState} job=${r} />` },
  { head: t("模板", "Template"), cell: (/** @type {Row} */ r) => r.src_net, class: "nowrap" },
  { head: t("参数", "Parameters"), num: true, cell: (/** @type {Row} */ r) => large(r.parameters, 1e6, "M") },
  { head: t("乘加", "Multiply-adds"), num: true, title: t("一张 480 × 360 的图片", "For one picture of 480 x 360"), cell: (/** @type {Row} */ r) => large(r.multiply_adds, 1e9, "G") },
  { head: t("描述", "Description"), cell: (/** @type {Row} */ r) => r.net_describe, class: "text" },
  { head: t("创建", "Created"), cell: (/** @type {Row} */ r) => html`<${Time} at=${r.created_at} />` },
  { head: "", class: "actions", cell: (/** @type {Row} */ r) => html`<${StopButton} job=${r} done=${reload} />` },
];

/** @param {{route: import("../router.js").Route}} props */
export function NetworkPage({ route }) {
  const task = route.path[1];
  const { data, error, reload } = usePoll((signal) => get("/network_history", { task_id: task }, signal), [task], (reply) => (isLive(reply.data) ? 1000 : 0));
  if (!data) return error ? html`<${Absent} error=${error} retry=${reload} id=${task} none=${t("没有这个网络", "There is no such network")} all=${t("查看全部网络", "See all networks")} list=${to("networks")} />` : html`<${Loading} />`;
  const row = data.data;
  learnName(task, row.net_name);
  return html`
    <${Head}
      title=${row.net_name}
      chip=${row.state === "succeeded" && html`<${StateChip} state=${row.state} />`}
      sub=${row.net_describe}
      actions=${html`
        <${StopButton} job=${row} done=${reload} />
        ${row.state === "succeeded" && html`<a class="button primary" href=${`${to("training", "new")}?network=${encodeURIComponent(row.net_name)}`}>${t("用它训练", "Train it")}</a>`}
      `}
    />
    <div class="stack">
      ${row.state !== "succeeded" && html`<${Panel}><${JobState} job=${row} wide /><//>`}
      <${Warnings} texts=${row.warnings} />
      <${Panel}>
        <${Facts} of=${[
          [t("模板", "Template"), row.src_net],
          [t("参数", "Parameters"), large(row.parameters, 1e6, "M")],
          [t("乘加（480 × 360）", "Multiply-adds (480 x 360)"), large(row.multiply_adds, 1e9, "G")],
          [t("目录", "Folder"), html`<span class="mono">networks/${row.net_name}/</span>`],
          [t("创建", "Created"), row.created_at],
        ]} />
      <//>
      <${Panel} title=${t("日志", "Log")} flush><${Log} task=${task} live=${isLive(row)} /><//>
    </div>
  `;
}

export function NetworkNew() {
  const { data, error, reload } = usePoll((signal) => get("/src_network", {}, signal), []);
  return html`
    <${Head} title=${t("创建网络", "New network")} sub=${t("复制一个模板；任务会先搭建并试运行它，成功后才算创建。", "Copies a template; a job builds it and runs it once before it counts as created.")} />
    <${Failure} error=${error} retry=${reload} />
    ${!data ? !error && html`<${Loading} />` : html`<${Panel}><${NetworkForm} templates=${data.data} /><//>`}
  `;
}

/** @param {{templates: string[]}} props */
function NetworkForm({ templates }) {
  const form = useForm({ network_name: "", src_net: templates[0], net_describe: "" }, async (values) => {
    const reply = await act("/create_net", values);
    go(to("networks", reply.data));
  });
  const { network_name: name, src_net: template } = form.values;
  return html`
    <${FormBox} form=${form} fields=${["network_name", "src_net", "net_describe"]} cancel=${to("networks")} disabled=${!name}
      go=${name ? t(`从 ${template} 创建 ${name}`, `Create ${name} from ${template}`) : t("创建网络", "Create network")}>
      <${Input} form=${form} name="network_name" label=${t("名称", "Name")} placeholder="c_network" required />
      <${Select} form=${form} name="src_net" label=${t("模板", "Template")} options=${templates.map((n) => [n, n])} />
      <${Input} form=${form} name="net_describe" label=${t("描述", "Description")} placeholder=${t("可不填", "optional")} />
    <//>
  `;
}

// @ts-check
/** Networks: the list, the form that copies a template, and how one was made. */

import { act, get } from "../api.js";
import { FormBox, Input, useForm } from "../components/form.js";
import { Absent, Facts, Failure, Head, Loading, Panel, Time, Warnings } from "../components/layout.js";
import { Listing } from "../components/listing.js";
import { Log } from "../components/log.js";
import { cardsOf, NetworkCards, TEMPLATE } from "../components/network-cards.js";
import { JobState, StateChip, StopButton } from "../components/state.js";
import { Table } from "../components/table.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { isLive, usePoll, whileLive } from "../poll.js";
import { go, to } from "../router.js";

/** @typedef {any} Row  A row of /network_history. */
/**
 * A row of /v1/networks.
 * @typedef {{net_name: string, state: string, task_id: string | null, problem: string | null}} Folder
 */

/** @param {{route: import("../router.js").Route}} props */
export function NetworkList({ route }) {
  const folders = usePoll(
    (signal) => get("/v1/networks", {}, signal),
    [],
    () => ({ kinds: ["create_net", "add_net"], within: 30_000 }),
  );
  const templates = usePoll((signal) => get("/src_network", {}, signal), []);
  return html`
    <${Head} title=${t("网络", "Networks")}
      sub=${t(
        "团队自己的网络：可编辑的模板副本，或自己写的网络，位于工作区的 networks/<名称>/。",
        "The team's own networks: editable copies of templates, or written by themselves, in networks/<name>/ of " +
          "the workspace.",
      )}
      actions=${html`<a class="button primary" href=${to("networks", "new")}>${t("创建网络", "New network")}</a>`} />
    <${Listing} path="/network_history" query=${route.query} kinds=${["create_net", "add_net"]} columns=${columns}
      address=${(/** @type {Row} */ r) => to("networks", r.task_id)} empty=${none()}
      search=${t("搜索名称、描述", "Search names, descriptions")}
      filters=${[
        {
          name: "src_net",
          label: t("模板", "Template"),
          values: (templates.data?.data ?? []).map((/** @type {string} */ name) => [name, name]),
        },
      ]} />
    ${folders.data && html`<${Unchecked} folders=${folders.data.data} />`}
  `;
}

/**
 * Folders of the team's own that cannot be trained yet, and the button that has them checked.
 * @param {{folders: Folder[]}} props
 */
function Unchecked({ folders }) {
  const others = folders.filter((one) => one.state === "unchecked" || one.state === "failed");
  if (!others.length) return null;
  return html`
    <${Panel} title=${t("networks/ 中尚不能训练的文件夹", "Folders in networks/ that cannot be trained yet")} flush>
      <${Table} rows=${others} columns=${[
        { head: t("名称", "Name"), cell: (/** @type {Folder} */ f) => f.net_name, class: "name-col" },
        {
          head: t("状态", "State"),
          cell: (/** @type {Folder} */ f) =>
            f.state === "failed" ? t("检查未通过", "Check failed") : t("尚未检查", "Not checked yet"),
          class: "nowrap",
        },
        { head: t("问题", "What is wrong"), cell: (/** @type {Folder} */ f) => f.problem ?? "–", class: "text" },
        {
          head: "",
          class: "actions",
          cell: (/** @type {Folder} */ f) => html`<${CheckButton} name=${f.net_name} again=${f.state === "failed"} />`,
        },
      ]} />
    <//>
  `;
}

/** Has a folder checked and goes to that job's page. @param {{name: string, again?: boolean}} props */
function CheckButton({ name, again = false }) {
  const form = useForm({}, async () => {
    const reply = await act("/v1/networks", { network_name: name });
    go(to("networks", reply.data));
  });
  return html`
    <button type="button" class="small-button" calls="/v1/networks" disabled=${form.busy} onClick=${form.submit}>
      ${again ? t("重新检查", "Check again") : t("检查并登记", "Check and list")}
    </button>
    ${form.error && html`<div class="small bad" role="alert">${form.error.message}</div>`}
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
  { head: t("名称", "Name"), cell: (/** @type {Row} */ r) => r.net_name, class: "name-col", sort: "net_name" },
  { head: t("状态", "State"), cell: (/** @type {Row} */ r) => html`<${JobState} job=${r} />` },
  {
    head: t("模板", "Template"),
    cell: (/** @type {Row} */ r) => r.src_net || t("自有", "own"),
    class: "nowrap",
    sort: "src_net",
  },
  {
    head: t("参数", "Parameters"),
    num: true,
    cell: (/** @type {Row} */ r) => large(r.parameters, 1e6, "M"),
    sort: "parameters",
  },
  {
    head: t("乘加", "Multiply-adds"),
    num: true,
    sort: "multiply_adds",
    title: t("一张 480 × 360 的图片", "For one picture of 480 x 360"),
    cell: (/** @type {Row} */ r) => large(r.multiply_adds, 1e9, "G"),
  },
  { head: t("描述", "Description"), cell: (/** @type {Row} */ r) => r.net_describe, class: "text" },
  { head: t("创建", "Created"), cell: (/** @type {Row} */ r) => html`<${Time} at=${r.created_at} />`, sort: "created" },
  { head: "", class: "actions", cell: (/** @type {Row} */ r) => html`<${StopButton} job=${r} done=${reload} />` },
];

/** @param {{route: import("../router.js").Route}} props */
export function NetworkPage({ route }) {
  const task = route.path[1];
  const { data, error, reload } = usePoll(
    (signal) => get("/network_history", { task_id: task }, signal),
    [task],
    (reply) => whileLive(reply.data),
  );
  if (!data)
    return error
      ? html`
        <${Absent} error=${error} retry=${reload} id=${task} none=${t("没有这个网络", "There is no such network")}
          all=${t("查看全部网络", "See all networks")} list=${to("networks")} />
      `
      : html`<${Loading} />`;
  const row = data.data;
  learnName(task, row.net_name);
  return html`
    <${Head} title=${row.net_name} chip=${row.state === "succeeded" && html`<${StateChip} state=${row.state} />`}
      sub=${row.net_describe}
      actions=${html`
        <${StopButton} job=${row} done=${reload} />
        ${row.state === "failed" && !row.src_net && html`<${CheckButton} name=${row.net_name} again />`}
        ${
          row.state === "succeeded" &&
          html`
            <a class="button primary" href=${`${to("training", "new")}?network=${encodeURIComponent(row.net_name)}`}>
              ${t("用它训练", "Train it")}
            </a>
          `
        }
      `} />
    <div class="stack">
      ${row.state !== "succeeded" && html`<${Panel}><${JobState} job=${row} wide /><//>`}
      <${Warnings} texts=${row.warnings} />
      <${Panel}>
        <${Facts} of=${[
          [t("模板", "Template"), row.src_net || t("无：团队自己的网络", "none: the team's own network")],
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
    <${Head} title=${t("创建网络", "New network")}
      sub=${t(
        "复制一个模板；任务会先搭建并试运行它，成功后才算创建。",
        "Copies a template; a job builds it and runs it once before it counts as created.",
      )} />
    <${Failure} error=${error} retry=${reload} />
    ${!data ? !error && html`<${Loading} />` : html`<${Panel}><${NetworkForm} about=${data.about} /><//>`}
  `;
}

/** @param {{about: import("../components/network-cards.js").Template[]}} props */
function NetworkForm({ about }) {
  const form = useForm({ network_name: "", src_net: about[0].name, net_describe: "" }, async (values) => {
    const reply = await act("/create_net", values);
    go(to("networks", reply.data));
  });
  const { network_name: name, src_net: template } = form.values;
  return html`
    <${FormBox} form=${form} fields=${["network_name", "src_net", "net_describe"]} cancel=${to("networks")}
      disabled=${!name}
      go=${
        name ? t(`从 ${template} 创建 ${name}`, `Create ${name} from ${template}`) : t("创建网络", "Create network")
      }>
      <${Input} form=${form} name="network_name" label=${t("名称", "Name")} placeholder="c_network" required />
      <${Input} form=${form} name="net_describe" label=${t("描述", "Description")}
        placeholder=${t("可不填", "optional")} />
      <${NetworkCards} cards=${cardsOf([], [], about, [])} chosen=${TEMPLATE + template}
        choose=${(/** @type {string} */ value) => form.set("src_net", value.slice(TEMPLATE.length))}
        error=${form.errorOf("src_net")} />
    <//>
  `;
}

// @ts-check
/** The form that creates a training task; nothing runs yet. */

import { act, ended, get, query } from "../api.js";
import { FormBox, Input, Select, useForm } from "../components/form.js";
import { Empty, Failure, Head, Loading, Panel } from "../components/layout.js";
import { cardsOf, NetworkCards, TEMPLATE } from "../components/network-cards.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { go, to } from "../router.js";

/** @param {AbortSignal} signal @param {string | undefined} copy A task id. */
const load = (signal, copy) =>
  Promise.all([
    get("/network", {}, signal),
    get("/sour_datas", {}, signal),
    query("/train_history", {}, signal),
    copy ? query("/train_history", { task_id: copy }, signal) : undefined,
    get("/network_history", {}, signal),
    get("/src_network", {}, signal),
  ]).then(([networks, datasets, tasks, copied, made, templates]) => ({
    networks: networks.data,
    cards: cardsOf(networks.data, made.data, templates.about, tasks.data),
    datasets: datasets.data,
    bases: tasks.data.filter((/** @type {any} */ r) => r.best),
    names: tasks.data.map((/** @type {any} */ r) => r.task_name),
    copied: copied?.data,
  }));

/** @param {{route: import("../router.js").Route}} props */
export function TrainingNew({ route }) {
  const { data, error, reload } = usePoll((signal) => load(signal, route.query.copy), [route.query.copy]);
  return html`
    <${Head} title=${t("新训练任务", "New training task")}
      sub=${t(
        "先创建；下一步看标签映射和参数，然后开始。",
        "Create it first; next come label map and settings, then it starts.",
      )} />
    <${Failure} error=${error} retry=${reload} />
    ${!data ? !error && html`<${Loading} />` : html`<${Panel}><${TrainingForm} ...${data} chosen=${route.query} /><//>`}
  `;
}

/** A name that no task has: with a number behind it. @param {string} name @param {string[]} taken */
function another(name, taken) {
  const stem = name.replace(/-\d+$/, "");
  let number = 2;
  while (taken.includes(`${stem}-${number}`)) number++;
  return `${stem}-${number}`;
}

/** Make a network of a template; its name is the template's, unless that is taken. @param {string} template
 * @param {string[]} taken */
async function made(template, taken) {
  const network_name = taken.includes(template) ? another(template, taken) : template;
  const reply = await act("/create_net", { network_name, src_net: template, net_describe: "" });
  await ended(reply.data);
  return network_name;
}

/**
 * @param {{networks: string[], cards: import("../components/network-cards.js").Card[],
 *   datasets: string[], bases: any[], names: string[], copied: any,
 *   chosen: Record<string, string>}} props
 */
function TrainingForm({ networks, cards, datasets, bases, names, copied, chosen }) {
  const form = useForm(
    {
      train_name: copied ? another(copied.task_name, names) : "",
      network: chosen.network ?? copied?.network ?? cards[0]?.value ?? "",
      data: chosen.data ?? copied?.data ?? datasets[0] ?? "",
      maps: "",
      base_task: copied?.base_task ?? "",
      task_desc: copied?.task_desc ?? "",
      copy_of: copied?.task_id ?? "",
    },
    async (values) => {
      const network = values.network.startsWith(TEMPLATE)
        ? await made(values.network.slice(TEMPLATE.length), networks)
        : values.network;
      form.set("network", network);
      const reply = await act("/create_train", { ...values, network });
      go(to("training", reply.data));
    },
  );
  if (datasets.length === 0)
    return html`
      <${Empty}>
        ${t("还没有可用的数据。", "There is no dataset yet.")}${" "}
        <a class="link" href=${to("datasets", "new")}>${t("生成一份", "Build one")} →</a>
      <//>
    `;
  const { train_name: name, network } = form.values;
  const first = network.startsWith(TEMPLATE) ? network.slice(TEMPLATE.length) : "";
  return html`
    <${FormBox} form=${form} fields=${["train_name", "network", "data", "maps", "base_task", "task_desc"]}
      cancel=${to("training")} disabled=${!name}
      go=${goWords(name, first)}>
      <${Input} form=${form} name="train_name" label=${t("名称", "Name")} placeholder="suzhou"
        hint=${t("唯一；模型文件默认以它开头。", "Unique; model files begin with it by default.")} required />
      <${Select} form=${form} name="data" label=${t("数据", "Dataset")} options=${datasets.map((n) => [n, n])} />
      ${
        copied
          ? html`
            <div class="field">
              <span class="label">${t("标签映射与设置", "Label map and settings")}</span>
              <span class="static-value">${t(`复制自 ${copied.task_name}`, `Copied from ${copied.task_name}`)}</span>
              <span class="hint">
                ${t("创建后可以修改；原任务不受影响。", "They can be changed afterwards; that task stays as it is.")}
              </span>
            </div>
          `
          : maps(form)
      }
      <${Select} form=${form} name="base_task" label=${t("起始任务", "Start from a task")}
        options=${[["", t("不使用", "None")], ...bases.map((r) => [r.task_id, r.task_name])]}
        hint=${t("用它最好的模型作为起始权重。", "Its best model file becomes the start weights.")} />
      <${Input} form=${form} name="task_desc" label=${t("描述", "Description")}
        placeholder=${t("可不填", "optional")} />
      <${NetworkCards} cards=${cards} chosen=${network} choose=${(/** @type {string} */ n) => form.set("network", n)}
        error=${form.errorOf("network")} />
    <//>
  `;
}

/** @param {string} name @param {string} template To make a network of first. */
function goWords(name, template) {
  const task = name ? t(`创建任务 ${name}`, `Create task ${name}`) : t("创建任务", "Create task");
  return template
    ? t(
        `先由模板 ${template} 创建网络（约一分钟），再${task}`,
        `Make a network of ${template} (about a minute), then: ${task}`,
      )
    : task;
}

/** @param {import("../components/form.js").Form<any>} form */
const maps = (form) => html`
  <${Select} form=${form} name="maps" label=${t("标签映射模板", "Label map template")}
    options=${[
      ["", t("默认（类别表自带）", "Default (of the class table)")],
      ["general", t("general：hd-road 通用", "general: hd-road")],
      ["hd-13", t("hd-13：hd-road 13 类", "hd-13: hd-road, 13 classes")],
    ]}
    hint=${t("创建后可以逐类修改。", "Every class can be changed afterwards.")} />
`;

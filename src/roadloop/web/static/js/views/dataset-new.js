// @ts-check
/** The form that builds a dataset from source sets. */

import { act, get } from "../api.js";
import { FormBox, Input, Select, useForm } from "../components/form.js";
import { Empty, Failure, Head, Loading, Panel } from "../components/layout.js";
import { percent, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { go, to } from "../router.js";

const FIELDS = [
  "data_name",
  "sour_data",
  "data_type",
  "base_data",
  "train",
  "val",
  "test",
  "split_by",
  "l_value",
  "seed",
  "thread",
  "max_bad",
  "data_desc",
];

/** @param {{route: import("../router.js").Route}} props The query's `sour` and `type`: what the form begins with. */
export function DatasetNew({ route }) {
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all([get("/data", {}, signal), get("/sour_datas", {}, signal)]).then(([sets, built]) => ({
        sets: sets.data,
        built: built.data,
      })),
    [],
  );
  return html`
    <${Head} title=${t("生成数据", "New dataset")}
      sub=${t(
        "读取源数据、检查每张图片、按轨迹划分并打包。源数据不会被改动。",
        "Reads source sets, checks every picture, splits by track and packs. The source sets stay as they are.",
      )} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`<${Panel}><${DatasetForm} sets=${data.sets} built=${data.built} begin=${route.query} /><//>`
    }
  `;
}

/** A set's name as a comma list wants it: quoted where it holds a comma. @param {string} name */
const listed = (name) => (/[,，]|^"/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);

/** @param {{sets: string[], built: string[], begin: Record<string, string>}} props */
function DatasetForm({ sets, built, begin }) {
  const wanted = sets.filter((name) => name === begin.sour);
  const form = useForm(
    {
      data_name: built.includes(begin.sour) ? "" : (wanted[0] ?? ""),
      sour_data: /** @type {string[]} */ (sets.length === 1 ? sets : wanted),
      data_type: begin.type === "aug" ? "aug" : "all",
      base_data: "",
      mode: "track",
      train: "0.8",
      val: "0.1",
      test: "0.1",
      seed: "0",
      thread: "4",
      max_bad: "0.05",
      data_desc: "",
    },
    async (values) => {
      const { mode, sour_data, train, val, test, ...rest } = values;
      const shares = mode === "lists" ? {} : { train, val, test, split_by: mode };
      const reply = await act("/create_data", {
        ...rest,
        ...shares,
        sour_data: sour_data.map(listed).join(","),
        l_value: mode !== "lists",
      });
      go(to("datasets", reply.data));
    },
  );
  if (sets.length === 0) return html`<${Empty}>${noSets()}<//>`;
  const { values } = form;
  return html`
    <${FormBox} form=${form} fields=${FIELDS} cancel=${to("datasets")}
      disabled=${values.sour_data.length === 0 || !values.data_name}
      go=${
        values.data_name
          ? t(`生成数据 ${values.data_name}`, `Build dataset ${values.data_name}`)
          : t("生成数据", "Build dataset")
      }>
      <${Input} form=${form} name="data_name" label=${t("名称", "Name")} placeholder="20180801"
        hint=${t("唯一；训练时按它选择。", "Unique; training chooses by it.")} required />
      <${Input} form=${form} name="data_desc" label=${t("描述", "Description")}
        placeholder=${t("可不填", "optional")} />
      <div class="wide"><${Sets} form=${form} sets=${sets} /></div>
      <${Select} form=${form} name="mode" label=${t("划分方式", "Split")}
        options=${[
          ["track", t("按轨迹随机划分", "Random, by track")],
          ["picture", t("按图片随机划分", "Random, by picture")],
          ["lists", t("用源数据的官方列表", "The sets' official lists")],
        ]}
        hint=${hintOf(values.mode)} />
      ${
        values.mode !== "lists" &&
        html`
          ${["train", "val", "test"].map(
            (split) => html`
              <${Input} form=${form} name=${split} type="number" min="0" step="any"
                label=${t(`${split} 份额`, `Share of ${split}`)} hint=${effective(values, split)} />
            `,
          )}
          <${Input} form=${form} name="seed" type="number" min="0" label=${t("种子", "Seed")}
            hint=${t("同样的设置和种子，得到逐字节相同的数据。", "The same settings and seed give the same bytes.")} />
        `
      }
      <${Select} form=${form} name="data_type" label=${t("类型", "Type")}
        options=${[
          ["all", t("全量", "Everything")],
          ["aug", t("增量：旧图片留在原划分", "Increment: old pictures keep their split")],
        ]} />
      ${
        values.data_type === "aug" &&
        html`
          <${Select} form=${form} name="base_data" label=${t("基于", "Increment of")}
            options=${[
              ["", t("最新的、类别表相同的数据", "The newest with the same class table")],
              ...built.map((name) => [name, name]),
            ]} />
        `
      }
      <${Input} form=${form} name="thread" type="number" min="1" label=${t("进程数", "Processes")}
        hint=${t("默认 4，不超过 CPU 核数。", "Default 4, never more than the cores.")} />
      <${Input} form=${form} name="max_bad" type="number" min="0" step="any"
        label=${t("允许的坏文件份额", "Share of bad files allowed")}
        hint=${t("默认 0.05：超过则失败，报告保留。", "Default 0.05: with more the job fails and keeps the report.")} />
    <//>
  `;
}

/** @param {{form: import("../components/form.js").Form<any>, sets: string[]}} props */
function Sets({ form, sets }) {
  const chosen = form.values.sour_data;
  /** @param {string} name */
  const toggle = (name) =>
    form.set(
      "sour_data",
      chosen.includes(name) ? chosen.filter((/** @type {string} */ n) => n !== name) : [...chosen, name],
    );
  return html`
    <fieldset class=${`field ${form.errorOf("sour_data") ? "wrong" : ""}`}>
      <legend class="label">
        ${t("源数据", "Source sets")}${" "}
        <span class="faint small">
          ${t(`已选 ${chosen.length} / ${sets.length}`, `${chosen.length} of ${sets.length} chosen`)}
        </span>
      </legend>
      <div class="choices">
        ${sets.map(
          (name) =>
            html`
              <label class="check">
                <input type="checkbox" name="sour_data" value=${name} checked=${chosen.includes(name)}
                  onChange=${() => toggle(name)} />
                <span class="wrap">${name}</span>
              </label>
            `,
        )}
      </div>
      ${form.errorOf("sour_data") && html`<span class="hint bad" role="alert">✕ ${form.errorOf("sour_data")}</span>`}
    </fieldset>
  `;
}

/** @param {string} mode */
const hintOf = (mode) =>
  ({
    track: t(
      "一条轨迹的图片总在同一划分里，成绩才可信。",
      "Pictures of a track stay together, so that scores can be trusted.",
    ),
    picture: t("相邻帧会分到不同划分，成绩会偏高。", "Neighbouring frames fall apart; scores come out too high."),
    lists: t("使用 splits/train.txt、val.txt、test.txt。", "Uses splits/train.txt, val.txt and test.txt."),
  })[mode];

/** The share after those above 1 are divided by their sum. @param {any} values @param {string} split */
function effective(values, split) {
  const sum = ["train", "val", "test"].reduce((total, name) => total + (Number(values[name]) || 0), 0);
  return t("实际 ", "In effect ") + percent((Number(values[split]) || 0) / Math.max(1, sum));
}

const noSets = () => html`
  ${t("还没有源数据。", "There are no source sets yet.")}${" "}
  <a class="link" href=${to("import")}>${t("导入带标注的图片", "Import labelled pictures")} →</a>
`;

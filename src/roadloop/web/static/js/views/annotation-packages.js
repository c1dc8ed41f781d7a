// @ts-check
/** The packages of a version: hand over, see how far annotators are, take back. */

import { act, ended, get } from "../api.js";
import { DeleteButton } from "../components/delete.js";
import { Empty, Failure, Panel, Time, Warnings } from "../components/layout.js";
import { Start } from "../components/start.js";
import { ProgressBar } from "../components/state.js";
import { Table } from "../components/table.js";
import { count, many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { mayCall, peopled } from "../me.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

/** @typedef {{number: number, done: number | null, first: number | null, last: number | null}} Row */

/** @param {{of: any, reload: () => void}} props */
export function Packages({ of, reload }) {
  const [shape, setShape] = useState("brush");
  const [unpainted, setUnpainted] = useState("");
  const [person, setPerson] = useState("");
  const rows = /** @type {any[]} */ (of.packages);
  const people = usePeople(of.version);
  if (rows.length === 0) {
    return html`
      <${Panel}>
        <${Empty}>
          ${t("还没有任务包。", "There are no packages yet.")}${" "}
          <a class="link" href=${`${to("annotation", "new")}?version=${encodeURIComponent(of.version)}`}>
            ${t("切分图片", "Cut the pictures")} →
          </a>
        <//>
      <//>
    `;
  }
  const studio = of.annotator !== "folder";
  const ready = rows.filter((row) => !row.pushed && !row.problem);
  const lying = rows.filter((row) => row.done);
  const how = { shape, person: person.trim() };
  return html`
    <div class="stack">
      ${of.unreachable && html`<${Warnings} texts=${[of.unreachable]} />`}
      <${Panel}>
        <div class="row actions-row">
          <${Start} calls="/v1/packages/{version}/{n}/push" primary=${ready.length > 0}
            disabled=${ready.length === 0} done=${reload}
            label=${
              ready.length > 0
                ? t(`交付 ${count(ready.length)} 个任务包`, `Hand over ${packages(ready.length)}`)
                : t("✓ 全部已交付", "✓ All are handed over")
            }
            run=${(/** @type {(words: string) => void} */ say) => handOver(of.version, ready, how, say, reload)} />
          <${Start} calls="/linedown" primary=${ready.length === 0 && lying.length > 0}
            disabled=${lying.length === 0} done=${reload}
            label=${t("取回已完成的标注", "Take finished labels back")}
            title=${t("可以重复：只取新的和改过的。", "May be repeated: it fetches what is new or has changed.")}
            run=${(/** @type {(words: string) => void} */ say) => takeBack(of.version, lying, unpainted, say)} />
          <span class="grow"></span>
          ${!peopled() && html`<${Taker} person=${person} setPerson=${setPerson} people=${of.people} />`}
        </div>
        ${studio && html`<${StudioOptions} ...${{ shape, setShape, unpainted, setUnpainted }} />`}
        <p class="quiet small wrap">${guide(of)}</p>
      <//>
      <${Panel} flush>
        <${Table} rows=${rows} columns=${[...columns(of, how, reload), ...giving(of, people)]}
          address=${(/** @type {any} */ row) => `${to("annotation", of.version)}?tab=packages&n=${row.number}`} />
      <//>
      ${
        of.people.length > 0 &&
        html`
          <${Panel} title=${t("各标注员的进度", "How far each annotator is")} flush>
            <${Table} rows=${of.people} columns=${peopleColumns()} />
          <//>
        `
      }
    </div>
  `;
}

/**
 * What only Label Studio asks.
 * @param {{shape: string, setShape: (shape: string) => void, unpainted: string,
 *   setUnpainted: (rawId: string) => void}} props
 */
const StudioOptions = ({ shape, setShape, unpainted, setUnpainted }) => html`
  <div class="row small">
    <label class="row tight">
      ${t("预标注交付为", "First labels as")}
      <select class="narrow" name="shape" value=${shape} onChange=${(/** @type {any} */ e) => setShape(e.target.value)}>
        <option value="brush">${t("画笔（逐像素一致）", "brush (every pixel as it is)")}</option>
        <option value="polygon">${t("多边形（少量像素会变）", "polygons (some pixels change)")}</option>
      </select>
    </label>
    <label class="row tight">
      ${t("没有涂的像素取回为编号", "Unpainted pixels come back as raw id")}
      <input class="short" type="number" min="0" max="255" name="unpainted" value=${unpainted}
        placeholder=${t("未知", "unknown")} onInput=${(/** @type {any} */ e) => setUnpainted(e.target.value)} />
    </label>
  </div>
`;

/**
 * Who takes the packages that are handed over next: where there are no accounts that they could be given to.
 * @param {{person: string, setPerson: (name: string) => void, people: {person: string}[]}} props
 */
const Taker = ({ person, setPerson, people }) => html`
  <label class="row tight small">
    ${t("由谁领取", "Taken by")}
    <input class="narrow" name="person" autocomplete="off" list="takers" maxlength="100" value=${person}
      placeholder=${t("名字，可不填", "a name, if wanted")}
      onInput=${(/** @type {any} */ e) => setPerson(e.target.value)} />
    <datalist id="takers">${people.map((one) => html`<option value=${one.person} />`)}</datalist>
  </label>
`;

/** @param {number} n */
const packages = (n) => many(n, "package");

/** What to tell annotators. @param {any} of */
const guide = (of) =>
  of.annotator === "folder"
    ? t(
        html`告诉标注员：从 <code>${of.outbox}</code> 取任务包，按其中的 classes.csv 涂色，把 ext-label-*.png
          放进 <code>${`${of.inbox}/<编号>`}</code>。放进去的标注几秒后就会计入“标完”。`,
        html`Tell annotators: take packages from <code>${of.outbox}</code>, paint in the colours of their classes.csv,
          and put ext-label-*.png into <code>${`${of.inbox}/<number>`}</code>. Labels count as done seconds later.`,
      )
    : t(
        html`标注员在 <a class="link" href=${of.outbox} rel="noreferrer">Label Studio</a> 中标注；提交后计入“标完”。`,
        html`Annotators work in <a class="link" href=${of.outbox} rel="noreferrer">Label Studio</a>; what they submit
          counts as done.`,
      );

/** @typedef {{shape: string, person: string}} How  What is said as packages are handed over. */

/** @param {any} of @param {How} how @param {() => void} reload */
const columns = (of, how, reload) => [
  {
    head: t("任务包", "Package"),
    cell: (/** @type {any} */ row) => t(`第 ${row.number} 包`, `Package ${row.number}`),
    class: "name-col",
  },
  {
    head: t("类型", "Type"),
    cell: (/** @type {any} */ row) =>
      row.problem
        ? html`<span class="bad small wrap">✕ ${row.problem}</span>`
        : row.type === "remote"
          ? t("下半幅", "bottom half")
          : t("全幅", "whole"),
  },
  { head: t("图片", "Pictures"), num: true, cell: (/** @type {any} */ row) => count(row.pictures) },
  {
    head: t("交付", "Handed over"),
    class: "nowrap",
    cell: (/** @type {any} */ row) =>
      row.pushed
        ? html`<span class="good">✓</span> ${row.pushed === "folder" ? t("目录", "folder") : "Label Studio"}`
        : !row.problem &&
          html`
            <${Start} calls="/v1/packages/{version}/{n}/push" small label=${t("交付", "Hand over")} done=${reload}
              run=${() => push(of.version, row.number, how)} />
          `,
  },
  ...(peopled()
    ? []
    : [{ head: t("领取人", "Taken by"), cell: (/** @type {any} */ row) => taker(of, row, how, reload) }]),
  { head: t("标完", "Labelled"), cell: (/** @type {any} */ row) => labelled(row) },
  {
    head: t("最近一张", "Last label"),
    cell: (/** @type {any} */ row) => html`<${Time} at=${row.newest} />`,
  },
  { head: t("取回", "Taken back"), num: true, cell: (/** @type {any} */ row) => of_(row.returned, row.pictures) },
  { head: t("发布", "Published"), num: true, cell: (/** @type {any} */ row) => count(row.published) },
  {
    head: t("退回", "Rejected"),
    num: true,
    cell: (/** @type {any} */ row) =>
      row.rejected > 0 ? html`<span class="bad">${count(row.rejected)}</span>` : count(0),
  },
  {
    head: "",
    class: "actions",
    cell: (/** @type {any} */ row) =>
      html`<${DeleteButton} small thing=${{ kind: "package", name: String(row.number) }} done=${reload} />`,
  },
];

/** Who may be given a package, and who has which: only where there are accounts. @param {string} version */
function usePeople(version) {
  const given = peopled() && mayCall("/v1/packages/{version}/{n}/give");
  const names = usePoll(async (signal) => (given ? get("/v1/accounts", {}, signal) : undefined), []);
  const packages = usePoll(async (signal) => (given ? get("/v1/packages", { version }, signal) : undefined), [version]);
  return given && names.data && packages.data
    ? { names: names.data.data, packages: packages.data.data, reload: packages.reload }
    : undefined;
}

/** @param {any} of @param {ReturnType<typeof usePeople>} people */
const giving = (of, people) =>
  people
    ? [
        {
          head: t("分给", "Given to"),
          cell: (/** @type {any} */ row) => html`<${Giver} version=${of.version} people=${people} row=${row} />`,
        },
      ]
    : [];

/** @param {{version: string, people: any, row: any}} props */
function Giver({ version, people, row }) {
  const [error, setError] = useState(/** @type {any} */ (null));
  const names = people.names.filter((/** @type {any} */ p) => !p.disabled).map((/** @type {any} */ p) => p.name);
  const give = (/** @type {string} */ person) =>
    act(`/v1/packages/${encodeURIComponent(version)}/${row.number}/give`, { person }).then(
      () => (setError(null), people.reload()),
      setError,
    );
  return html`
    <select class="narrow" aria-label=${t(`第 ${row.number} 包分给`, `Package ${row.number} is given to`)}
      onChange=${(/** @type {any} */ e) => give(e.target.value)}>
      ${["", ...names].map(
        (name) => html`<option value=${name} selected=${name === personOf(people, row)}>${name || "–"}</option>`,
      )}
    </select>
    <${Failure} error=${error} />
  `;
}

/** @param {any} people @param {{number: number}} row */
const personOf = (people, row) =>
  people.packages.find((/** @type {any} */ one) => one.number === row.number)?.person ?? "";

/** @param {number} some @param {number} all */
const of_ = (some, all) => `${count(some)} / ${count(all)}`;

/** @param {any} row */
const labelled = (row) =>
  row.done === null && row.returned === 0
    ? html`<span class="faint">–</span>`
    : share(Math.max(row.done ?? 0, row.returned), row.pictures);

/** @param {number} done @param {number} all */
const share = (done, all) => html`
  <span class="row nowrap-row">
    <${ProgressBar} share=${all ? done / all : 0} label=${t("标完", "Labelled")} />
    <span class="small nowrap">${of_(done, all)}</span>
  </span>
`;

/**
 * Who took a package, and a way to say that it has gone on to somebody else.
 * @param {any} of @param {any} row @param {How} how @param {() => void} reload
 */
const taker = (of, row, how, reload) => html`
  <span class="row tight">
    ${row.person ? html`<span class="wrap">${row.person}</span>` : html`<span class="faint">–</span>`}
    ${
      row.pushed &&
      how.person &&
      how.person !== row.person &&
      html`
        <${Start} calls="/v1/packages/{version}/{n}/push" small label=${t(`改为 ${how.person}`, `To ${how.person}`)}
          done=${reload} run=${() => push(of.version, row.number, how)} />
      `
    }
  </span>
`;

const peopleColumns = () => [
  { head: t("领取人", "Taken by"), cell: (/** @type {any} */ one) => one.person, class: "name-col" },
  { head: t("任务包", "Packages"), num: true, cell: (/** @type {any} */ one) => count(one.packages) },
  { head: t("标完", "Labelled"), cell: (/** @type {any} */ one) => share(one.done, one.pictures) },
  { head: t("取回", "Taken back"), num: true, cell: (/** @type {any} */ one) => of_(one.returned, one.pictures) },
  { head: t("发布", "Published"), num: true, cell: (/** @type {any} */ one) => count(one.published) },
  {
    head: t("退回", "Rejected"),
    num: true,
    cell: (/** @type {any} */ one) =>
      one.rejected > 0 ? html`<span class="bad">${count(one.rejected)}</span>` : count(0),
  },
];

/** @param {string} version @param {number} number @param {How} how @returns {Promise<string>} */
const push = (version, number, how) =>
  act(`/v1/packages/${encodeURIComponent(version)}/${number}/push`, how).then((reply) => reply.data);

/**
 * One after the other, so that what stops one is said before the next begins.
 * @param {string} version @param {Row[]} rows @param {How} how @param {(words: string) => void} say
 * @param {() => void} reload
 */
async function handOver(version, rows, how, say, reload) {
  let task = "";
  for (const [i, row] of rows.entries()) {
    say(`${i + 1} / ${rows.length} …`);
    if (task) {
      await ended(task);
      reload();
    }
    task = await push(version, row.number, how);
  }
  return task;
}

/** @param {string} version @param {Row[]} rows @param {string} unpainted @param {(words: string) => void} say */
async function takeBack(version, rows, unpainted, say) {
  let task = "";
  const all = rangesOf(rows);
  for (const [i, [start, end]] of all.entries()) {
    say(`${i + 1} / ${all.length} …`);
    if (task) await ended(task);
    task = (
      await act("/linedown", { taskid_start: start, taskid_end: end, dest: version, ...(unpainted && { unpainted }) })
    ).data;
  }
  return task;
}

/**
 * The annotation tasks of packages as ranges that hold nothing else.
 * @param {Row[]} rows @returns {[number, number][]}
 */
export function rangesOf(rows) {
  /** @type {[number, number][]} */
  const found = [];
  for (const { first, last } of [...rows].sort((a, b) => (a.first ?? 0) - (b.first ?? 0))) {
    if (first === null || last === null) continue;
    const before = found[found.length - 1];
    if (before && before[1] + 1 >= first) before[1] = Math.max(before[1], last);
    else found.push([first, last]);
  }
  return found;
}

// @ts-check
/** What waits for somebody, each row a link to the place where it is done. */

import { addressOf, kindName } from "../components/kinds.js";
import { Panel } from "../components/layout.js";
import { unsavedOf } from "../drafts.js";
import { count, many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { to } from "../router.js";

const SEEN = "roadloop.seen";

/**
 * A row of `/v1/overview`, `waiting`.
 * @typedef {{what: string, kind: string, number: number, ones: {name: string, task_id: string}[]}} Waits
 */

/** @param {{rows: Waits[]}} props */
export function WaitingPanel({ rows }) {
  const [seen, see] = useState(seenFailures);
  const shown = rows.flatMap((row) => split(row, seen));
  return html`
    <${Panel} title=${t("等你处理", "Waiting for you")} flush>
      <ul class="waiting-list">
        ${shown.length === 0 && html`<li class="quiet">✓ ${t("没有等你处理的事情。", "Nothing waits for you.")}</li>`}
        ${shown.map(
          (row) => html`
            <li class="waiting-row" key=${`${row.what} ${row.kind} ${row.ones[0].task_id}`}>
              <a href=${addressOfWait(row)}>
                <span class=${`mark ${row.what === "failed" ? "bad" : "faint"}`} aria-hidden="true">
                  ${row.what === "failed" ? "✕" : "○"}
                </span>
                <span class="grow wrap">
                  <b>${words(row)}</b>
                  <span class="small quiet"> ${named(row)}</span>
                </span>
                <span class="link nowrap">${cure(row)} →</span>
              </a>
              ${
                row.what === "failed" &&
                html`
                  <button type="button" class="button small-button" onClick=${() => see(saw(row))}
                    title=${t("不再列出；任务列表中仍可查到", "Not listed here any more; the list of jobs keeps it")}>
                    ${t("知道了", "Seen")}
                  </button>
                `
              }
            </li>
          `,
        )}
      </ul>
    <//>
  `;
}

/** Of each kind the newest failure that somebody has seen in this browser. @returns {Record<string, string>} */
function seenFailures() {
  try {
    return JSON.parse(localStorage.getItem(SEEN) ?? "{}");
  } catch {
    return {}; // storage is switched off, or holds something else
  }
}

/** @param {Waits} row */
function saw(row) {
  const seen = { ...seenFailures(), [row.kind]: row.ones[0].task_id };
  try {
    localStorage.setItem(SEEN, JSON.stringify(seen));
  } catch {
    // then it lasts as long as the page
  }
  return seen;
}

/**
 * Each version has a place of its own; drafts with edits that this window keeps come first; seen failures are left out.
 * @param {Waits} row @param {Record<string, string>} seen
 */
function split(row, seen) {
  if (["returned", "rejected", "uncut"].includes(row.what))
    return row.ones.map((one) => ({ ...row, number: 1, ones: [one] }));
  if (row.what === "failed") {
    const known = row.ones.findIndex((one) => one.task_id === seen[row.kind]);
    return known < 0 ? [row] : known === 0 ? [] : [{ ...row, number: known, ones: row.ones.slice(0, known) }];
  }
  if (row.what !== "draft") return [row];
  const edited = row.ones.filter((one) => unsavedOf(one.task_id));
  const others = row.ones.filter((one) => !edited.includes(one));
  const left = row.number - edited.length;
  return [
    ...edited.map((one) => ({ ...row, what: "unsaved", number: 1, ones: [one] })),
    ...(left > 0 && others.length > 0 ? [{ ...row, number: left, ones: others }] : []),
  ];
}

/** @param {Waits} row */
function addressOfWait({ what, kind, number, ones: [one] }) {
  const version = () => to("annotation", one.name);
  switch (what) {
    case "returned":
      return `${version()}?tab=publish`;
    case "rejected":
      return `${version()}?tab=rejected`;
    case "uncut":
      return `${to("annotation", "new")}?version=${encodeURIComponent(one.name)}`;
    case "unevaluated":
      return number === 1
        ? `${to("evaluation", "new")}?task=${encodeURIComponent(one.name)}`
        : `${to("training")}?state=succeeded`;
    case "draft":
    case "unsaved":
      return number === 1 ? to("training", one.task_id) : `${to("training")}?state=created`;
    case "unchecked":
      return to("networks");
    default:
      return number === 1 ? addressOf({ kind, task_id: one.task_id }) : `${to("jobs")}?state=failed`;
  }
}

/** @param {Waits} row */
function words({ what, kind, number }) {
  const n = count(number);
  const one = number === 1;
  switch (what) {
    case "returned":
      return t("标注已取回，还没有发布", "Labels are back and not published");
    case "rejected":
      return t("有标注被退回，还没有再发出去", "Labels were rejected and not sent out again");
    case "uncut":
      return t("图片已选好，还没有切成任务包", "Pictures are chosen and not cut into packages");
    case "unevaluated":
      return t(
        `${n} 个训练已完成，还没有评估`,
        one ? "A training has ended without an evaluation" : `${n} trainings have ended without an evaluation`,
      );
    case "draft":
      return t(`${n} 个训练任务还没有开始`, one ? "A training was not started" : `${n} trainings were not started`);
    case "unsaved":
      return t("训练任务有未保存的设置", "A training has settings that are not saved");
    case "unchecked":
      return t(
        `networks/ 中有 ${n} 个文件夹还没有检查`,
        many(number, "folder of networks/ is not checked", "folders of networks/ are not checked"),
      );
    default:
      return t(
        `${n} 个任务失败：${kindName(kind)}`,
        `${many(number, "job has", "jobs have")} failed: ${kindName(kind)}`,
      );
  }
}

/** @param {Waits} row */
const named = ({ number, ones }) =>
  ones.map((one) => one.name).join(t("、", ", ")) + (number > ones.length ? " …" : "");

/** @param {Waits} row */
function cure({ what, number }) {
  switch (what) {
    case "returned":
      return t("发布", "Publish");
    case "rejected":
      return t("再发出去", "Send again");
    case "uncut":
      return t("切分", "Cut");
    case "unevaluated":
      return number === 1 ? t("评估", "Evaluate") : t("看训练", "Look");
    case "draft":
      return t("设置并开始", "Set up and start");
    case "unsaved":
      return t("接着写", "Go on");
    case "unchecked":
      return t("检查", "Check");
    default:
      return t("看原因", "See why");
  }
}

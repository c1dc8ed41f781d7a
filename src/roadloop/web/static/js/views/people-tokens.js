// @ts-check
/** Tokens for programs: made, seen once, ended. */

import { act, get, secretly } from "../api.js";
import { FormBox, Input, Select, useForm } from "../components/form.js";
import { ConfirmButton, Failure, Loading, Panel, Time } from "../components/layout.js";
import { Table } from "../components/table.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { may } from "../me.js";
import { usePoll } from "../poll.js";

/** What a token of a role's can be limited to. @type {Record<string, string[]>} */
const WITHIN = {
  viewer: ["viewer"],
  annotator: ["annotator"],
  engineer: ["viewer", "annotator", "engineer"],
  admin: ["viewer", "annotator", "engineer", "admin"],
};

/** @param {{role: string | null}} props */
export function Tokens({ role }) {
  const [made, setMade] = useState("");
  const { data, error, reload } = usePoll((signal) => get("/v1/tokens", { all: may("rule") ? 1 : "" }, signal), []);
  const scopes = WITHIN[role ?? ""] ?? [];
  const form = useForm({ name: "", scope: scopes[0] ?? "viewer", days: "90" }, async (values) => {
    setMade((await secretly("/v1/tokens", values)).data);
    reload();
  });
  return html`
    <div class="stack">
      <${Panel} title=${t("新令牌", "A new token")}>
        <p class="quiet small wrap">
          ${t(
            html`程序在每个请求的请求头里带上令牌：<code>Authorization: Bearer …</code>，路径与参数不变。`,
            html`A program sends it with every request, <code>Authorization: Bearer …</code>; paths and parameters
              stay as they are.`,
          )}
        </p>
        <${FormBox} form=${form} fields=${["name", "scope", "days"]} go=${t("生成令牌", "Make a token")}>
          <${Input} form=${form} name="name" label=${t("程序名称", "Name of the program")} required />
          <${Select} form=${form} name="scope" label=${t("范围", "Scope")}
            options=${scopes.map((one) => [one, one])}
            hint=${t("不超过这个角色的权限。", "It may do no more than this role.")} />
          <${Input} form=${form} name="days" type="number" min="1" required
            label=${t("有效天数", "Days until it ends")} />
        <//>
        ${
          made &&
          html`
            <div class="notice token-made" role="status">
              <b>${t("现在就抄下来，它不会再显示：", "Copy it now; it is not shown again:")}</b>
              <code class="wrap">${made}</code>
            </div>
          `
        }
      <//>
      <${Failure} error=${error} retry=${reload} />
      ${
        !data
          ? !error && html`<${Loading} />`
          : html`
            <${Panel} flush>
              <${Table} rows=${data.data} columns=${columns(reload)} empty=${t("还没有令牌。", "No tokens yet.")} />
            <//>
          `
      }
    </div>
  `;
}

/** @param {() => void} reload */
const columns = (reload) => [
  { head: t("程序", "Program"), cell: (/** @type {any} */ row) => html`<b>${row.name}</b>`, class: "name-col" },
  { head: t("所属", "Owner"), cell: (/** @type {any} */ row) => row.owner },
  { head: t("范围", "Scope"), cell: (/** @type {any} */ row) => row.scope },
  {
    head: t("到期", "Ends"),
    class: "nowrap",
    cell: (/** @type {any} */ row) =>
      row.revoked ? html`<span class="quiet">○ ${t("已撤销", "revoked")}</span>` : row.expires_at.slice(0, 10),
  },
  { head: t("最近使用", "Last use"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.used_at} />` },
  {
    head: "",
    class: "actions",
    cell: (/** @type {any} */ row) =>
      !row.revoked &&
      html`
        <${ConfirmButton} calls="/v1/tokens/{token}/revoke" class="small-button" label=${t("撤销", "Revoke")}
          sure=${t("确定撤销？", "Revoke?")}
          run=${() => act(`/v1/tokens/${row.id}/revoke`).then(reload)} />
      `,
  },
];

// @ts-check
/** Accounts: one's own with its tokens, those of the others, and the record; where there is none, the first one. */

import { act, get, secretly } from "../api.js";
import { FormBox, Input, Select, useForm } from "../components/form.js";
import { ConfirmButton, Failure, Head, Loading, Panel, Tabs, Time, oneOf } from "../components/layout.js";
import { SignOn } from "../components/sign-on.js";
import { Table } from "../components/table.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { askWho, may, useMe } from "../me.js";
import { usePoll } from "../poll.js";
import { go, setQuery } from "../router.js";
import { RecordPage } from "./people-record.js";
import { Tokens } from "./people-tokens.js";

/** @type {() => [string, string][]} The roles and what each may. */
export const roles = () => [
  ["viewer", t("查看者：只看", "viewer: looks")],
  ["annotator", t("标注员：只看分给自己的任务包", "annotator: sees the packages given to them")],
  ["engineer", t("工程师：导入、训练、评估、发布…", "engineer: imports, trains, evaluates, releases…")],
  ["admin", t("管理员：还管账号、自己的网络代码、操作记录", "admin: people, networks of one's own, the record, too")],
];

/** @param {string} role */
export const roleName = (role) =>
  ({
    viewer: t("查看者", "viewer"),
    annotator: t("标注员", "annotator"),
    engineer: t("工程师", "engineer"),
    admin: t("管理员", "admin"),
  })[role] ?? role;

/** @param {{route: import("../router.js").Route}} props */
export function PeoplePage({ route }) {
  const me = useMe();
  if (!me?.accounts) return html`<${First} />`;
  /** @type {[string, string][]} */
  const tabs = [
    ["own", t("我的账号", "My account")],
    ["tokens", t("令牌", "Tokens")],
    ...(may("rule")
      ? /** @type {[string, string][]} */ ([
          ["people", t("人员与权限", "People and rights")],
          ["record", t("操作记录", "The record")],
        ])
      : []),
  ];
  const tab = oneOf(
    route.query.tab,
    tabs.map(([name]) => name),
  );
  return html`
    <${Head} title=${t("账号", "Accounts")} />
    <${Tabs} tabs=${tabs} now=${tab} choose=${(/** @type {string} */ name) => setQuery({ tab: name })} />
    ${tab === "own" && html`<${Own} me=${me} />`}
    ${tab === "tokens" && html`<${Tokens} role=${me.role} />`}
    ${tab === "people" && may("rule") && html`<${People} />`}
    ${tab === "record" && may("rule") && html`<${RecordPage} query=${route.query} />`}
  `;
}

/** Nobody has an account. */
function First() {
  const form = useForm({ name: "", password: "", code: "" }, async (values) => {
    await secretly("/v1/accounts/first", values);
    await askWho();
  });
  return html`
    <${Head} title=${t("账号", "Accounts")}
      sub=${t(
        "现在没有账号：能打开本页的人可以做任何事，服务也只在本机监听。一个人使用不需要账号。",
        "Nobody has an account: whoever opens this page may do everything, and the server listens on this machine " +
          "only. Who works alone needs none.",
      )} />
    <${Panel} title=${t("第一个账号", "The first account")}>
      <${FormBox} form=${form} fields=${["password", "name"]} go=${t("创建管理员账号", "Make an admin's account")}>
        <${Input} form=${form} name="name" label=${t("账号名称", "Name")} required complete="username" />
        <${Input} form=${form} name="password" type="password" label=${t("密码", "Password")} required
          complete="new-password" hint=${passwordHint()} />
        <${Input} form=${form} name="code" label=${t("终端里的代码", "Code in the terminal")} required
          hint=${t(
            "启动 roadloop serve 的终端里“第一个账号”一行，例如 3f2a-91bc-07de。",
            'In the terminal where roadloop serve was started, at "first account", such as 3f2a-91bc-07de.',
          )} />
      <//>
      <p class="quiet small wrap">
        ${t(
          "此后每个人都要登录，程序要用令牌；服务也可以监听其他地址了。",
          "From then on everybody logs in and programs use tokens; and the server may listen on other addresses.",
        )}
      </p>
    <//>
  `;
}

const passwordHint = () => t("至少 10 个字符。", "At least 10 characters.");

/** @param {{me: import("../me.js").Me}} props */
function Own({ me }) {
  const [done, setDone] = useState(false);
  const form = useForm({ old: "", password: "" }, async (values) => {
    setDone(false);
    await secretly("/v1/me/password", values);
    form.set("old", "");
    form.set("password", "");
    setDone(true);
  });
  // Whoever comes next begins at the beginning.
  const leave = () =>
    secretly("/v1/log_out")
      .then(askWho)
      .then(() => go("#/"));
  return html`
    <div class="stack">
      <${Panel}>
        <div class="row">
          <span class="grow"><b>${me.name}</b> · ${roleName(me.role ?? "")}</span>
          <button type="button" class="button" onClick=${leave}>${t("退出登录", "Log out")}</button>
        </div>
      <//>
      <${SignOn} connect words=${(/** @type {string} */ title) => t(`关联 ${title}`, `Connect ${title}`)}
        hint=${t(
          "此后也可以用它登录这个账号；换成另一个人时再关联一次。",
          "From then on you log in to this account by it, too; connect once more to be another person of it.",
        )} />
      <${Panel} title=${t("修改密码", "Change the password")}>
        <${FormBox} form=${form} fields=${["password"]} go=${t("修改密码", "Change it")}>
          <${Input} form=${form} name="old" type="password" label=${t("原密码", "The old one")} required
            complete="current-password" />
          <${Input} form=${form} name="password" type="password" label=${t("新密码", "The new one")} required
            complete="new-password" hint=${passwordHint()} />
        <//>
        ${
          done &&
          html`<p class="good" role="status">✓ ${t(
            "已修改；别处的登录已失效。",
            "It is changed; you are logged out everywhere else.",
          )}</p>`
        }
      <//>
    </div>
  `;
}

function People() {
  const { data, error, reload } = usePoll((signal) => get("/v1/accounts", {}, signal), []);
  const provider = useMe()?.sign_on;
  const form = useForm({ name: "", role: "engineer", password: "" }, async ({ password, ...values }) => {
    await secretly("/v1/accounts", password ? { ...values, password } : values);
    form.set("name", "");
    form.set("password", "");
    reload();
  });
  return html`
    <div class="stack">
      <${Failure} error=${error} retry=${reload} />
      ${
        !data
          ? !error && html`<${Loading} />`
          : html`<${Panel} flush><${Table} rows=${data.data} columns=${columns(reload)} /><//>`
      }
      <${Panel} title=${t("添加账号", "Add somebody")}>
        <${FormBox} form=${form} fields=${["name", "password"]} go=${t("添加账号", "Add the account")}>
          <${Input} form=${form} name="name" label=${t("账号名称", "Name")} required />
          <${Select} form=${form} name="role" label=${t("角色", "Role")} options=${roles()} />
          <${Input} form=${form} name="password" type="password" label=${t("密码", "Password")} required=${!provider}
            complete="new-password"
            hint=${
              provider
                ? t(
                    `至少 10 个字符；留空则只能用 ${provider} 登录。`,
                    `At least 10 characters; empty: only by ${provider}.`,
                  )
                : t(
                    "至少 10 个字符；告诉本人，请其修改。",
                    "At least 10 characters; tell them, and let them change it.",
                  )
            } />
        <//>
      <//>
    </div>
  `;
}

/** @param {() => void} reload */
const columns = (reload) => [
  { head: t("账号", "Name"), cell: (/** @type {any} */ row) => html`<b>${row.name}</b>`, class: "name-col" },
  { head: t("角色", "Role"), cell: (/** @type {any} */ row) => html`<${RoleOf} row=${row} done=${reload} />` },
  {
    head: t("状态", "State"),
    cell: (/** @type {any} */ row) =>
      row.disabled ? html`<span class="quiet">○ ${t("停用", "disabled")}</span>` : html`● ${t("可登录", "can log in")}`,
  },
  { head: t("最近登录", "Last log-in"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.seen_at} />` },
  { head: t("创建", "Made"), cell: (/** @type {any} */ row) => html`<${Time} at=${row.created_at} />` },
  {
    head: "",
    class: "actions",
    cell: (/** @type {any} */ row) => {
      const change = () => act("/v1/accounts/change", { name: row.name, disabled: !row.disabled }).then(reload);
      return row.disabled
        ? html`<${ConfirmButton} class="small-button" label=${t("启用", "Enable")}
            sure=${t("确定启用？", "Enable?")} run=${change} />`
        : html`<${ConfirmButton} class="small-button" label=${t("停用", "Disable")}
            sure=${t("确定停用？登录与令牌随即失效", "Disable? Log-ins and tokens end")} run=${change} />`;
    },
  },
];

/** @param {{row: any, done: () => void}} props */
function RoleOf({ row, done }) {
  const [error, setError] = useState(/** @type {any} */ (undefined));
  /** @param {any} event */
  const change = (event) =>
    act("/v1/accounts/change", { name: row.name, role: event.target.value }).then(
      () => (setError(undefined), done()),
      (caught) => (setError(caught), (event.target.value = row.role)),
    );
  return html`
    <select class="narrow" aria-label=${t(`${row.name} 的角色`, `Role of ${row.name}`)} onChange=${change}>
      ${roles().map(([role]) => html`<option value=${role} selected=${role === row.role}>${roleName(role)}</option>`)}
    </select>
    ${error && html`<div class="bad small wrap" role="alert">${error.message}</div>`}
  `;
}

import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { changes, edits, flaw, many, pretty, typed, written } = await import(`${PAGE}/settings.js`);

const field = (kind, more = {}) => ({ where: "train_con", key: "k", kind, nullable: false, decided: false, ...more });

test("what is typed becomes what the key holds, or stays text", () => {
  for (const [kind, text, value] of [
    ["integer", " 12 ", 12],
    ["number", "1e-3", 0.001],
    ["number", "much", "much"],
    ["number", "", ""],
    ["numbers", "10000，20000", [10000, 20000]],
    ["numbers", "360, x", "360, x"],
    ["numbers", "", []],
    ["texts", "head, stem", ["head", "stem"]],
    ["object", '{"head": 10}', { head: 10 }],
    ["object", "{", "{"],
    ["object", "", {}],
    ["pairs", "[[1, 2]]", [[1, 2]]],
    ["truth", "false", false],
    ["text", " kd ", "kd"],
  ])
    assert.deepEqual(typed(field(kind), text), value);
  assert.equal(typed(field("integer", { nullable: true }), " "), null);
  assert.equal(written(field("numbers"), [360, 480]), "360, 480");
  assert.equal(written(field("pairs"), [[1, 2]]), "[[1,2]]");
  assert.equal(written(field("integer"), null), "");
});

test("only what differs from what is stored is a change", () => {
  const fields = [
    field("number", { key: "base_lr", default: 0.1 }),
    field("object", { key: "lr_factors", default: {} }),
    field("number", { key: "flip", where: "data_con", default: 0.5 }),
  ];
  const saved = { train_con: { base_lr: 0.01, lr_factors: { a: 1, b: 2 } }, data_con: { flip: 0.5 } };
  const draft = { train_con: { base_lr: "0.010", lr_factors: '{"b":2,"a":1}', other: 1 }, data_con: { flip: "0.6" } };
  const found = changes(fields, saved, draft);
  assert.deepEqual(found, { train_con: { other: 1 }, data_con: { flip: 0.6 } });
  assert.equal(many(found), 2);
});

test("JSON and form are one state", () => {
  const fields = [field("number", { key: "base_lr", default: 0.1 }), field("integer", { key: "seed", default: 0 })];
  const saved = { base_lr: 0.01, seed: 3 };
  assert.deepEqual(edits(JSON.parse(pretty({ base_lr: 0.02, seed: 3 })), fields, saved), { base_lr: 0.02 });
  assert.deepEqual(edits({ base_lr: 0.01 }, fields, saved), { seed: 0 }); // left out: the default
  assert.equal(flaw("{}"), undefined);
  assert.equal(flaw(undefined), undefined);
  assert.match(flaw("{"), /JSON/);
  assert.equal(flaw("[]"), "{…}?");
});

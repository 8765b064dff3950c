// Compares the decisions of the local IAM with those of another simulator, and checks that the comparison can fail.
//
//     node tests/iam/compare.cjs TOOLS DECISIONS
//
// TOOLS is the directory with @cloud-copilot/iam-simulate, DECISIONS the table that tests/api/decision_table.rs writes.

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { resolve } = require("node:path");

const ACCOUNT = "123456789012";
// Keys that a request may have several values of.
const MULTIVALUED = ["dynamodb:LeadingKeys", "events:source"];

const [tools, path] = process.argv.slice(2);
const { runSimulation } = createRequire(`${resolve(tools)}/`)("@cloud-copilot/iam-simulate");

/** Whether the simulator allows a request. It rejects actions, resources and policies that AWS does not know. */
async function allows(policies, { action, resource, context }) {
  const values = Object.entries(context).map(([key, values]) => [key, MULTIVALUED.includes(key) ? values : values[0]]);
  const simulation = {
    request: {
      principal: `arn:aws:iam::${ACCOUNT}:role/function`,
      action,
      resource: { resource, accountId: ACCOUNT },
      contextVariables: Object.fromEntries(values),
    },
    identityPolicies: policies.map((policy, number) => ({ name: `policy ${number}`, policy })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  };
  const result = await runSimulation(simulation, { simulationMode: "Strict", strictConditionKeys: [] });
  if (result.errors || result.resultType === "error") {
    throw new Error(`${action} on ${resource}: ${JSON.stringify(result.errors ?? result)}`);
  }
  return result.overallResult === "Allowed";
}

/** The decisions that differ, as lines. */
async function differences(table) {
  const found = [];
  for (const { function: name, policies, decisions } of table) {
    for (const { request, allowed } of decisions) {
      if ((await allows(policies, request)) !== allowed) {
        found.push(`${name}: ${JSON.stringify(request)} is ${allowed ? "allowed" : "denied"} here only`);
      }
    }
  }
  return found;
}

/** A copy of the table in which a part of the functions' policies is changed. */
function changed(table, change) {
  const copy = structuredClone(table);
  const statements = copy.flatMap(({ policies }) => policies).flatMap(({ Statement }) => Statement);
  if (statements.filter(change).length === 0) throw new Error("the change finds nothing to change");
  return copy;
}

// Each must lead to differences.
const CHANGES = {
  "Null is dropped": ({ Condition }) => Condition?.Null && delete Condition.Null,
  "writes outside of transactions": ({ Condition }) =>
    Condition?.["ForAnyValue:StringEquals"] && delete Condition["ForAnyValue:StringEquals"],
  "an operator for one value with events:source": ({ Condition }) => {
    const keys = Condition?.["ForAllValues:StringEquals"];
    return keys && delete Condition["ForAllValues:StringEquals"] && (Condition.StringEquals = keys);
  },
  "explicit denials are dropped": (statement) => statement.Effect === "Deny" && (statement.Action = "s3:GetObject"),
};

async function main() {
  const table = JSON.parse(readFileSync(path, "utf8"));
  const all = table.flatMap(({ decisions }) => decisions);
  const allowed = all.filter((decision) => decision.allowed).length;
  const found = await differences(table);
  for (const line of found.slice(0, 20)) console.error(line);
  console.log(`${table.length} functions, ${all.length} decisions (${allowed} allowed): ${found.length} differences`);
  if (all.length < 5000 || allowed < 200) throw new Error("the table is too small");

  const flipped = structuredClone(table.slice(0, 1));
  const half = flipped[0].decisions.filter((_, number) => number % 2 === 0);
  for (const decision of half) decision.allowed = !decision.allowed;
  const noticed = (await differences(flipped)).length;
  console.log(`${half.length} decisions changed: ${noticed} differences`);
  let works = noticed === half.length;
  for (const [name, change] of Object.entries(CHANGES)) {
    const count = (await differences(changed(table, change))).length;
    console.log(`${name}: ${count} differences`);
    works &&= count > 0;
  }
  if (!works) throw new Error("the comparison does not notice every change");
  process.exitCode = found.length === 0 ? 0 : 1;
}

main();

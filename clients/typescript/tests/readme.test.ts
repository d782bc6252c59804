import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

test("the programs of the README compile, as strictly as the client itself", () => {
  const programs = [...readFileSync(join(ROOT, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```/gms)];
  assert.ok(programs.length >= 3);
  const folder = join(ROOT, "build/readme");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [number, [, text]] of programs.entries()) writeFileSync(join(folder, `${number}.ts`), text ?? "");
  const paths = { "@docmill/client": ["../../src/index.ts"] };
  const options = { noEmit: true, rootDir: "../..", paths };
  const config = { extends: "../../tsconfig.json", compilerOptions: options, include: ["*.ts"], exclude: [] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const done = spawnSync(process.execPath, [tsc, "--project", folder], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stdout);
});

// Makes src/rpc/generated/ from proto/. Everything it needs is among the development dependencies: no protoc, no network.
//
//   node scripts/generate-proto.mjs           writes the code
//   node scripts/generate-proto.mjs --check   writes nothing; fails when the committed code is not what it would write

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const committed = join(root, "src/rpc/generated");

const options = [
  "env=node",
  "esModuleInterop=true",
  "importSuffix=.ts",
  // Numbers and a type, for a TypeScript enum is not erasable. A number that the contract doesn't know is kept as it came.
  "enumsAsLiterals=true",
  "unrecognizedEnum=false",
  // Keys of the maps are the application's own: a plain object would treat `__proto__` as something else.
  "useMapType=true",
  "useReadonlyTypes=true",
  "exportCommonSymbols=false",
  // Messages only: calls are made by src/rpc/grpc-call.ts.
  "outputServices=none",
  "outputJsonMethods=false",
  "outputPartialMethods=false",
  // The versions of the tools are in package-lock.json.
  "annotateFilesWithVersion=false",
];

function generate(directory) {
  const template = { version: "v2", plugins: [{ local: bin("protoc-gen-ts_proto"), out: directory, opt: options }] };
  execFileSync(bin("buf"), ["generate", join(root, "proto"), "--template", JSON.stringify(template)], { stdio: "inherit" });
}

function bin(name) {
  return join(root, "node_modules/.bin", name);
}

/** File name → text. */
function textsIn(directory) {
  return new Map(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")]));
}

function check() {
  const directory = mkdtempSync(join(tmpdir(), "ropeway-proto-"));
  try {
    generate(directory);
    const wanted = textsIn(directory);
    const found = textsIn(committed);
    const stale = [...new Set([...wanted.keys(), ...found.keys()])].filter((name) => wanted.get(name) !== found.get(name));
    if (stale.length > 0) {
      console.error(`Not what proto/ says: src/rpc/generated/${stale.join(", ")}. Run: node scripts/generate-proto.mjs`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (process.argv.includes("--check")) check();
else generate(committed);

import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { programFinder } from "../../../src/config/find-program.ts";

it("finds programs as a shell does", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ropeway-path-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [one, two] = [join(folder, "one"), join(folder, "two")];
  for (const place of [one, two]) await mkdir(place);
  const place = async (path: string, mode: number): Promise<void> => {
    await writeFile(path, "#!/bin/sh\n");
    await chmod(path, mode);
  };
  await place(join(one, "plain"), 0o644);
  await place(join(two, "both"), 0o755);
  await place(join(one, "both"), 0o755);
  await mkdir(join(one, "folder"));

  const find = programFinder({ path: `:${join(folder, "none")}:${one}:${two}`, cwd: folder });
  expect(find("both")).toBe(join(one, "both"));
  expect(find("two/both")).toBe(join(two, "both"));
  expect(find("./one/both")).toBe(join(one, "both"));
  expect(find(join(two, "both"))).toBe(join(two, "both"));
  for (const none of ["", "folder", "gone", "./both", "two/gone"]) expect(find(none), none).toBeUndefined();
  expect(programFinder({ path: undefined, cwd: folder })("both")).toBeUndefined();

  const findMore = programFinder({ path: one, cwd: folder, fallbacks: [join(folder, "none"), two] });
  await place(join(two, "packaged"), 0o755);
  expect(findMore("both")).toBe(join(one, "both"));
  expect(findMore("packaged")).toBe(join(two, "packaged"));
  expect(findMore("./packaged")).toBeUndefined();
});

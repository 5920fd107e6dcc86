import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { repositoryRoot } from "./repository.ts";

export type Variables = Readonly<Record<string, string>>;

/** The text of a file of examples/. */
export function example(path: string): string {
  return readFileSync(join(repositoryRoot, "examples", path), "utf8");
}

/** `NAME=value` lines. */
export function variablesIn(text: string): Variables {
  return Object.fromEntries([...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]));
}

/** A service of examples/docker/compose.yaml, as far as tests look at it. */
export interface ComposeService {
  readonly image?: string;
  readonly command?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly deploy?: { readonly replicas: number };
  readonly environment?: Variables;
  readonly stop_grace_period?: string;
}

export function composeServices(): Readonly<Record<string, ComposeService>> {
  return (parse(example("docker/compose.yaml")) as { readonly services: Readonly<Record<string, ComposeService>> }).services;
}

/** An object of Kubernetes. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface PodSpec {
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly containers: readonly Container[];
}

interface Container {
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

/** The objects in a file of examples/kubernetes. @throws when it is no YAML. */
export function manifests(file: string): readonly Manifest[] {
  return parseAllDocuments(example(`kubernetes/${file}`)).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    return document.toJS() as Manifest;
  });
}

/** Variables with a value in the file, and those of a secret or of the pod as given. */
export function variablesOf({ containers }: PodSpec, fromElsewhere: Variables): Variables {
  return Object.fromEntries(
    containers[0]!.env!.map(({ name, value = fromElsewhere[name] }) => {
      if (typeof value !== "string") throw new Error(`${name} has no value that a process could be given: ${JSON.stringify(value)}`);
      return [name, value];
    }),
  );
}
